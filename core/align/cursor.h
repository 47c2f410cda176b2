#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "core/align/event_text.h"
#include "core/ports/event_logs.h"

namespace orch {

constexpr std::int64_t kLogEnd = std::numeric_limits<std::int64_t>::max();

/// Reads logs event by event, page by page, up to a place.
class Cursor {
 public:
  /// From the beginning of that log.
  Cursor(EventLogs& logs, std::string file, BinlogCoordinates until);
  /// `first` comes first, then what follows it.
  Cursor(EventLogs& logs, const BinlogEvent& first, BinlogCoordinates until);

  /// The next event of this log; nothing at its end or at `until`.
  Result<std::optional<BinlogEvent>> next_in_file();
  /// The next one that is not passed over, in this log or those behind it; however many are
  /// passed over, and however many logs are empty (PGT-3, PGT-8).
  Result<std::optional<BinlogEvent>> next(const EntryRules& rules);
  /// After next() came to an end. Errors: Broken, when `until` is no place between two events, or
  /// was not reached.
  Result<> check_at_end() const;

 private:
  Result<bool> turn_page();
  /// Goes on in the log behind; false when there is none before `until`.
  bool next_file();

  EventLogs& logs_;
  std::string file_;
  BinlogCoordinates until_;
  std::int64_t skip_before_{0};
  ReadSoFar so_far_{};
  std::vector<BinlogEvent> page_{};
  std::size_t in_page_{0};
  std::int64_t last_pos_{0};
  std::int64_t last_end_{0};
  bool at_until_{false};
};

/// What belongs to the log and not to what was written: heads, ends.
[[nodiscard]] bool is_of_the_log(const BinlogEvent& event);

}  // namespace orch
