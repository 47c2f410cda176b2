#include "core/align/whole_received.h"

#include "core/align/cursor.h"

namespace orch {

namespace {

Failure cannot_tell(const std::string& why) {
  return fail(ErrorKind::NotFound, "where the last whole transaction ends: " + why);
}

/// What a relay log lacks of a transaction may stand in the next one.
Result<> check_is_last(EventLogs& logs, const BinlogCoordinates& relay) {
  const auto next = next_log(relay);
  if (!next) return cannot_tell(relay.log_file + " has no number");
  const auto found = logs.page(next->log_file, {});
  if (found) return cannot_tell("it goes on in " + next->log_file);
  if (!found.error().by_server) return fail(found.error());
  return {};
}

}  // namespace

Result<BinlogCoordinates> whole_received(EventLogs& relay_logs, const Replication& link) {
  TransactionWatch watch;
  bool inside = false;
  ReadSoFar from{0, link.relay.log_pos};
  std::int64_t begun = from.next_pos;
  std::int64_t last_end = 0;
  for (std::size_t seen_before = 0;; seen_before = 1) {
    ORCH_ASSIGN(const auto events, relay_logs.page(link.relay.log_file, from));
    if (events.size() <= seen_before) break;
    for (std::size_t i = seen_before; i < events.size(); ++i) {
      const BinlogEvent& event = events[i];
      if (is_of_the_log(event)) return cannot_tell(event.type + " is in between");
      if (!inside) begun = event.place.log_pos;
      watch.see(event);
      // Says nothing of its own, and the transaction follows.
      inside = watch.inside() || event.type == "Anonymous_Gtid";
      last_end = event.end_pos;
    }
    from.next_pos = events.back().place.log_pos;
  }
  if (!inside) return link.read;
  // MariaDB 11.4 and later do not tell it.
  if (last_end != 0 && last_end != link.read.log_pos) {
    return cannot_tell("it does not end where the receiver stopped");
  }
  ORCH_TRY(check_is_last(relay_logs, link.relay));
  // A relay log holds the very bytes that the source sent.
  BinlogCoordinates whole = link.exec;
  whole.log_pos += begun - link.relay.log_pos;
  return whole;
}

}  // namespace orch
