#pragma once

#include <optional>
#include <string>

#include "core/plan/policy.h"
#include "core/plan/recovery/dead_primary.h"
#include "core/plan/step.h"

namespace orch {

// The server to be promoted gets what another replica has received and it has not: by GTID, or with
// Pseudo-GTID from the place that both logs tell.

/// Whether the failed server, which answers and is read-only, has something that the winner, or
/// whoever of those above it follows the failed one, has not got yet and still gets.
[[nodiscard]] bool still_sends(const Instance& failed, const Instance& winner,
                               const Progress& so_far, const Topology& fresh);
/// Waits for that.
[[nodiscard]] std::optional<Run> fetch_from_failed(const Instance& failed, const Instance& winner,
                                                   const Policy& policy, const Progress& so_far,
                                                   const Topology& fresh);

/// Whether the server tried in this run, and at the last did not get it.
[[nodiscard]] bool fetched_in_vain(const Progress& so_far, const InstanceKey& server);
/// One that fetched in vain is pointed back to where it was, and holds again what it held: with
/// what it cannot apply, it could not be promoted. Nothing without GTID: its place in the log there
/// is not known any more.
[[nodiscard]] std::optional<Run> put_back(const Instance& server, const Policy& policy,
                                          const Progress& so_far);
/// What it held before this plan led it to another, as far as that is known.
[[nodiscard]] Position held_before_fetch(const Instance& server, const Progress& so_far);
/// Whether it cannot apply what it fetched, and was not put back. What it held it has applied.
[[nodiscard]] bool is_stuck_in_fetch(const Instance& server, const Progress& so_far);
/// Why it cannot; "" when it may be tried.
[[nodiscard]] std::string obstacle_to_fetch(const Instance& winner, const Instance& ahead,
                                            const InstanceKey& failed, const Policy& policy,
                                            const Progress& so_far);
/// Whether somebody holds what it lacks, and it may be tried to fetch that.
[[nodiscard]] bool could_fetch(const Instance& winner, const FailoverRequest& request,
                               const Policy& policy, const Progress& so_far, const Topology& fresh);
/// The next step towards it, when the winner has applied all that it holds itself. Nothing when
/// there is nothing to fetch, or it cannot be and no server was designated.
[[nodiscard]] std::optional<Decision> catch_up(const Instance& winner,
                                               const FailoverRequest& request, const Policy& policy,
                                               const Progress& so_far, const Topology& fresh);

/// What the winner holds, as other replicas of the failed server can compare it with what they
/// hold; without GTID that is a place in the failed server's log, or nothing when it is not known.
[[nodiscard]] Position promoted_position(const Instance& winner, const InstanceKey& failed,
                                         const Topology& fresh);

}  // namespace orch
