#include "core/execute/align_servers.h"

#include <utility>

#include "core/base/text.h"

namespace orch {

namespace {

/// Whether its own binary log can be compared with the other's.
bool has_comparable_log(const Instance& server, const Instance& below) {
  return server.server.log_bin && server.server.log_replica_updates &&
         equals_ignoring_case(server.server.binlog_format, below.server.binlog_format);
}

Result<Alignment> align_by(Servers& servers, const Instance& server, BinlogType type,
                           const Instance& below, const EntryRules& rules, SteadyPoint deadline) {
  ORCH_ASSIGN(const auto here, servers.open_logs(server, type, deadline));
  ORCH_ASSIGN(const auto there, servers.open_logs(below, BinlogType::Binary, deadline));
  auto found = align(*here, *there, rules);
  if (found) return found;
  return fail(std::move(found).error().within(
      (type == BinlogType::Binary ? "by its binary log, below " : "by its relay logs, below ") +
      to_string(below.key)));
}

}  // namespace

Result<Alignment> align_servers(Servers& servers, const Instance& server, const Instance& below,
                                const AlignWays& ways, SteadyPoint deadline) {
  if (!ways.entries) {
    return fail(ErrorKind::Refused, "PseudoGTIDPattern not configured; cannot use Pseudo-GTID");
  }
  if (ways.relay_logs_only || !has_comparable_log(server, below)) {
    return align_by(servers, server, BinlogType::Relay, below, *ways.entries, deadline);
  }
  auto found = align_by(servers, server, BinlogType::Binary, below, *ways.entries, deadline);
  if (found || found.error().kind != ErrorKind::NotFound) return found;
  auto relayed = align_by(servers, server, BinlogType::Relay, below, *ways.entries, deadline);
  if (relayed) return relayed;
  return fail(relayed.error().kind, found.error().message + "; " + relayed.error().message);
}

}  // namespace orch
