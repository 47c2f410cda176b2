#pragma once

#include <optional>
#include <string>

#include "core/plan/policy.h"
#include "core/plan/recovery/dead_primary.h"
#include "core/plan/step.h"

namespace orch {

// A dead primary's binlog servers may have more of its log than any of its replicas, and have it at
// the same coordinates: whoever reads that log gets the rest from them.

/// Whether the server follows the failed one, or a binlog server that hands out its log.
[[nodiscard]] bool reads_log_of(const Topology& topology, const Instance& server,
                                const InstanceKey& failed);

/// The binlog server that has most of the failed server's log; null when none answers.
[[nodiscard]] const Instance* leading_binlog_server(const Topology& topology,
                                                    const InstanceKey& failed);

/// Whether all replicas of the failed server that answer are binlog servers (recovery document,
/// 8.4).
[[nodiscard]] bool only_binlog_servers(const Topology& topology, const InstanceKey& failed);

/// Why the binlog servers cannot go on below the server when it is promoted; "" when they can: its
/// binary logs can be brought to the name that follows theirs.
[[nodiscard]] std::string objection_to_continuing(const Instance& server, const Instance& leading);

/// The failed server answers and is read-only: the leading binlog server fetches the rest first.
/// Nothing when there is nothing to wait for.
[[nodiscard]] std::optional<Run> fill_binlog_server(const Instance& failed, const Policy& policy,
                                                    const Progress& so_far, const Topology& fresh);

/// The winner, which has applied all that it holds, gets what the leading binlog server has.
/// Nothing when it has it, or could not get it and need not.
[[nodiscard]] std::optional<Decision> fetch_from_binlog_server(const Instance& winner,
                                                               const FailoverRequest& request,
                                                               const Policy& policy,
                                                               const Progress& so_far,
                                                               const Topology& fresh);

/// Brings the winner's binary logs to the name that follows those of the binlog servers, where
/// there are no other replicas. Nothing when that is done, or cannot be.
[[nodiscard]] std::optional<Run> line_up_logs(const Instance& winner, const InstanceKey& failed,
                                              const Progress& so_far, const Topology& fresh);

/// What is known of the failed server's log when the winner is promoted.
void note_place(PlanFacts& facts, const Instance& winner, const InstanceKey& failed,
                const Topology& fresh);

/// Whether binlog servers go on in the log of the promoted server.
[[nodiscard]] bool continues_logs(const PlanFacts& facts, const InstanceKey& winner);

/// Drops the promoted server's older logs, which are not those of its predecessor though they are
/// called like them. Nothing when somebody may still read them, or when it was tried.
[[nodiscard]] std::optional<Step> purge_older_logs(const Instance& winner, const Progress& so_far,
                                                   const Topology& fresh);

}  // namespace orch
