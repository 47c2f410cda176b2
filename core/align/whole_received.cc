#include "core/align/whole_received.h"

#include <algorithm>

#include "core/align/cursor.h"
#include "core/base/text.h"

namespace orch {

namespace {

Failure cannot_tell(const std::string& why) {
  return fail(ErrorKind::NotFound, "where the last whole transaction ends: " + why);
}

/// Where in the source's log an event ends behind which a transaction may begin; nothing, when the
/// event does not tell. NotFound: it leads to another log.
Result<std::optional<std::int64_t>> end_in_source(const BinlogEvent& event,
                                                  const BinlogCoordinates& read) {
  if (event.type == "Rotate") {
    // Where a receiver has left events out, it notes up to where.
    const std::string here = read.log_file + ";pos=";
    const auto pos = event.info.starts_with(here)
                         ? parse_int(std::string_view(event.info).substr(here.size()))
                         : std::nullopt;
    if (!pos) return cannot_tell("it leads to " + event.info);
    return pos;
  }
  const bool counted = !is_of_the_log(event) || event.type == "Binlog_checkpoint";
  if (!counted) return std::optional<std::int64_t>();
  return std::optional<std::int64_t>(event.end_pos);
}

/// How far the relay logs were followed.
struct Followed {
  TransactionWatch watch{};
  bool inside{false};
  std::int64_t last_end{0};
  bool at_seam{false};
  bool led_on{false};  ///< the last event leads to the next relay log
  /// Where the transaction began that it is inside of. Not counted in bytes of the relay log:
  /// receivers leave events out, and put in their own.
  BinlogCoordinates whole{};
};

/// Where one relay log was full and the next begins, with a head of its own and the source's:
/// MariaDB's receivers go on there in the midst of a transaction (max_relay_log_size).
bool is_seam(const BinlogEvent& event, bool at_seam) {
  if (event.type == "Format_desc") return at_seam;
  const auto next = next_log(event.place);
  return event.type == "Rotate" && next && event.info.starts_with(next->log_file + ";");
}

Result<> follow(const BinlogEvent& event, const BinlogCoordinates& read, Followed& so_far) {
  so_far.at_seam = is_seam(event, so_far.at_seam);
  so_far.led_on = so_far.at_seam && event.type == "Rotate";
  if (so_far.at_seam) return {};
  if (is_of_the_log(event)) {
    if (so_far.inside) return cannot_tell(event.type + " is in between");
  } else {
    so_far.watch.see(event);
    // Says nothing of its own, and the transaction follows.
    so_far.inside = so_far.watch.inside() || event.type == "Anonymous_Gtid";
    so_far.last_end = event.end_pos;
  }
  if (so_far.inside) return {};
  ORCH_ASSIGN(const auto end, end_in_source(event, read));
  // The receiver notes where it goes on in another log, so that this is the one that it reads.
  if (end) so_far.whole = {read.log_file, *end, read.type};
  return {};
}

Result<> follow_log(EventLogs& logs, const BinlogCoordinates& begin, const BinlogCoordinates& read,
                    Followed& so_far) {
  ReadSoFar from{0, begin.log_pos};
  for (std::size_t seen_before = 0;;) {
    ORCH_ASSIGN(const auto events, logs.page(begin.log_file, from));
    if (events.size() <= seen_before) return {};
    for (std::size_t i = seen_before; i < events.size(); ++i)
      ORCH_TRY(follow(events[i], read, so_far));
    from.next_pos = events.back().place.log_pos;
    // Those of a payload are all at its place.
    seen_before = static_cast<std::size_t>(std::ranges::count_if(
        events, [&](const BinlogEvent& event) { return event.place == events.back().place; }));
  }
}

}  // namespace

Result<BinlogCoordinates> whole_received(EventLogs& relay_logs, const Replication& link) {
  Followed so_far{.whole = link.exec};
  ORCH_TRY(follow_log(relay_logs, link.relay, link.read, so_far));
  for (auto log = next_log(link.relay);; log = next_log(*log)) {
    if (!log) return cannot_tell(link.relay.log_file + " has no number");
    const auto followed = follow_log(relay_logs, *log, link.read, so_far);
    if (followed) continue;
    if (!followed.error().by_server) return fail(followed.error());
    break;  // there is no such log
  }
  if (so_far.led_on) return cannot_tell("it goes on in a log that is not there");
  if (!so_far.inside) return link.read;
  // MariaDB 11.4 and later tell it only of the event that ends a transaction.
  if (so_far.last_end != 0 && so_far.last_end != link.read.log_pos) {
    return cannot_tell("it does not end where the receiver stopped");
  }
  if (so_far.whole.log_pos == 0) {
    return cannot_tell("the event before it does not say where it ends");
  }
  return so_far.whole;
}

}  // namespace orch
