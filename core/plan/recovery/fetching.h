#pragma once

#include <string>

#include "core/plan/policy.h"
#include "core/plan/recovery/dead_primary.h"
#include "core/plan/step.h"

namespace orch {

// The server to be promoted gets what another replica has received and it has not: by GTID, or with
// Pseudo-GTID from the place that both logs tell.

/// Why the server did not get it; "" when it did not try in vain.
[[nodiscard]] std::string failed_fetch(const Progress& so_far, const InstanceKey& server);
/// Why it cannot; "" when it may be tried.
[[nodiscard]] std::string obstacle_to_fetch(const Instance& winner, const Instance& ahead,
                                            const Policy& policy, const Progress& so_far);
/// The next steps towards it. Both have applied what they hold.
[[nodiscard]] Decision fetch_from(const Instance& winner, const Instance& ahead,
                                  const FailoverRequest& request, const Policy& policy,
                                  const Progress& so_far, const Topology& fresh);
/// What the winner will have executed when it has all of that server, whose replica it is now.
[[nodiscard]] Position fetched_position(const Instance& winner, const Instance& source);

/// What the winner holds, as other replicas of the failed server can compare it with what they
/// hold; without GTID that is a place in the failed server's log, or nothing when it is not known.
[[nodiscard]] Position promoted_position(const Instance& winner, const InstanceKey& failed,
                                         const Topology& fresh);

}  // namespace orch
