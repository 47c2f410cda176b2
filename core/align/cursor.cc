#include "core/align/cursor.h"

#include <algorithm>
#include <utility>

namespace orch {

Cursor::Cursor(EventLogs& logs, std::string file, BinlogCoordinates until)
    : logs_(logs), file_(std::move(file)), until_(std::move(until)) {}

Cursor::Cursor(EventLogs& logs, const BinlogEvent& first, BinlogCoordinates until)
    : logs_(logs),
      file_(first.place.log_file),
      until_(std::move(until)),
      skip_before_(first.place.log_pos) {
  // A relay log is read by counting events; a binary log from any place where one begins.
  if (first.place.type == BinlogType::Binary) so_far_.next_pos = first.place.log_pos;
}

Result<bool> Cursor::turn_page() {
  ORCH_ASSIGN(page_, logs_.page(file_, so_far_));
  in_page_ = 0;
  so_far_.events += page_.size();
  for (const BinlogEvent& event : page_) {
    const bool goes_on =
        event.packed ? event.place.log_pos >= last_pos_ : event.place.log_pos > last_pos_;
    if (!goes_on && last_pos_ > 0) {
      return fail(ErrorKind::Broken,
                  "events of " + file_ + " are not in order: " + to_string(event.place));
    }
    last_pos_ = event.place.log_pos;
    so_far_.next_pos = event.end_pos;
  }
  return !page_.empty();
}

Result<std::optional<BinlogEvent>> Cursor::next_in_file() {
  while (true) {
    if (in_page_ == page_.size()) {
      ORCH_ASSIGN(const bool more, turn_page());
      if (!more) return std::optional<BinlogEvent>();
    }
    const BinlogEvent& event = page_[in_page_];
    if (file_ == until_.log_file && event.place.log_pos >= until_.log_pos) {
      at_until_ = event.place.log_pos == until_.log_pos;
      return std::optional<BinlogEvent>();
    }
    ++in_page_;
    last_end_ = event.end_pos;
    if (event.place.log_pos >= skip_before_) return std::optional<BinlogEvent>(event);
  }
}

bool Cursor::next_file() {
  if (file_ == until_.log_file) return false;
  const auto& files = logs_.files();
  const auto here = std::find(files.begin(), files.end(), file_);
  if (here == files.end() || here + 1 == files.end()) return false;
  file_ = *(here + 1);
  so_far_ = {};
  page_.clear();
  in_page_ = 0;
  last_pos_ = last_end_ = skip_before_ = 0;
  return true;
}

Result<std::optional<BinlogEvent>> Cursor::next(const EntryRules& rules) {
  while (true) {
    ORCH_ASSIGN(std::optional<BinlogEvent> event, next_in_file());
    if (event && !rules.is_passed_over(*event)) return event;
    if (!event && !next_file()) return event;
  }
}

Result<> Cursor::check_at_end() const {
  const bool reached =
      file_ == until_.log_file && (at_until_ || in_page_ == page_.size()) &&
      (at_until_ || until_.type == BinlogType::Relay || last_end_ == until_.log_pos);
  if (reached) return {};
  return fail(ErrorKind::Broken, "the log does not lead to " + to_string(until_) +
                                     ": it was read up to " + file_ + ":" +
                                     std::to_string(last_end_));
}

bool is_of_the_log(const BinlogEvent& event) {
  return event.type == "Format_desc" || event.type == "Stop" || event.type == "Rotate" ||
         event.type == "Previous_gtids" || event.type == "Gtid_list" ||
         event.type == "Binlog_checkpoint";
}

}  // namespace orch
