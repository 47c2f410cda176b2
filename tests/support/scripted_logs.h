#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/ports/event_logs.h"

namespace orch::test {

/// Logs that say what they were told to, a few events a page.
class ScriptedLogs final : public EventLogs {
 public:
  explicit ScriptedLogs(BinlogType type = BinlogType::Binary, std::size_t page = 3)
      : type_(type), page_(page) {}

  /// Begins a log; what follows goes there.
  ScriptedLogs& log(const std::string& file) {
    files_.push_back(file);
    return event("Format_desc", "Server ver: 10.11", 1);
  }
  ScriptedLogs& event(const std::string& type, const std::string& info, std::uint32_t server = 1) {
    std::vector<BinlogEvent>& events = events_[files_.back()];
    const std::int64_t at = events.empty() ? 4 : events.back().end_pos;
    events.push_back({{files_.back(), at, type_}, at + 100, type, server, info});
    end_ = {files_.back(), at + 100, type_};
    return *this;
  }
  ScriptedLogs& query(const std::string& info) { return event("Query", info); }
  /// What Pseudo-GTID writes.
  ScriptedLogs& entry(const std::string& number) {
    return query("drop view if exists `_pseudo_gtid_`.`_asc:" + number + "`");
  }
  /// One row, as MySQL writes it; numbers of transactions and tables are this server's own.
  ScriptedLogs& row(const std::string& table, int own = 1, std::uint32_t server = 1) {
    const std::string id = std::to_string(own);
    event("Anonymous_Gtid", "SET @@SESSION.GTID_NEXT= 'ANONYMOUS'", server);
    event("Query", "BEGIN", server);
    event("Table_map", "table_id: " + id + " (" + table + ")", server);
    event("Write_rows", "table_id: " + id + " flags: STMT_END_F", server);
    return event("Xid", "COMMIT /* xid=" + id + " */", server);
  }
  /// Where the server says that it is, if not at the end.
  ScriptedLogs& ends_at(BinlogCoordinates end) {
    end_ = std::move(end);
    return *this;
  }
  BinlogEvent& last() { return events_[files_.back()].back(); }

  [[nodiscard]] const BinlogCoordinates& end() const override { return end_; }
  [[nodiscard]] const std::vector<std::string>& files() const override { return files_; }
  Result<std::vector<BinlogEvent>> page(const std::string& file, const ReadSoFar& after) override {
    ++pages_read;
    std::vector<BinlogEvent> found;
    const std::vector<BinlogEvent>& events = events_[file];
    for (std::size_t i = 0; i < events.size() && found.size() < page_; ++i) {
      const bool wanted = type_ == BinlogType::Relay ? i >= after.events
                                                     : events[i].place.log_pos >= after.next_pos;
      if (wanted) found.push_back(events[i]);
    }
    return found;
  }

  int pages_read{0};

 private:
  BinlogType type_;
  std::size_t page_;
  std::vector<std::string> files_{};
  std::map<std::string, std::vector<BinlogEvent>> events_{};
  BinlogCoordinates end_{};
};

}  // namespace orch::test
