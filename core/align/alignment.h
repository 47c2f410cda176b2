#pragma once

#include <optional>
#include <string>

#include "core/align/event_text.h"
#include "core/base/result.h"
#include "core/ports/event_logs.h"

namespace orch {

// Pseudo-GTID: two servers without comparable coordinates are aligned by what their logs say. The
// last entry that is unique in text is looked for in both, and from there on both logs are walked,
// event by event, until the one ends: there the other one goes on.

/// The latest entry before `until` (nothing: before the end). Not exhaustive: only the newest log
/// is looked at. Errors: NotFound, when there is none; Refused, when its text is there twice.
Result<BinlogEvent> last_entry(EventLogs& logs, const EntryRules& rules,
                               const std::optional<BinlogCoordinates>& until, bool exhaustive);

/// Where that text is, newest log first. Where texts of entries grow, logs that begin with a later
/// one are looked at last. Errors: NotFound; Refused, when a log has it twice.
Result<BinlogEvent> find_entry(EventLogs& logs, const EntryRules& rules, const std::string& info);

/// Where one server's log goes on in another's.
struct Alignment {
  BinlogCoordinates below{};  ///< in the other's binary log
  BinlogEvent entry{};        ///< the entry that both have, as the other has it
  std::size_t matched{0};     ///< events that are the same, the entry included
};

/// Where in `there`, binary logs, the server of `here` has to go on: behind all that is in `here`,
/// or what is before `until`. Errors: NotFound, without a common entry; Conflict, when `here` has
/// more than `there`; Refused, when they differ; Broken, for logs that make no sense.
Result<Alignment> align(EventLogs& here, EventLogs& there, const EntryRules& rules,
                        const std::optional<BinlogCoordinates>& until = std::nullopt);

/// The last event of relay logs that is applied. Errors: NotFound.
Result<BinlogEvent> last_applied(EventLogs& relay);

/// Where in `there`, relay logs of a sibling, the same event is, and where the one behind it begins
/// or will begin. Errors: NotFound.
struct RelayMatch {
  BinlogEvent event{};
  BinlogCoordinates next{};
};
Result<RelayMatch> find_relayed(EventLogs& there, const BinlogEvent& event);

/// The event that begins at that place. Errors: NotFound.
Result<BinlogEvent> event_at(EventLogs& logs, const BinlogCoordinates& place);

}  // namespace orch
