#pragma once

#include "core/plan/policy.h"
#include "core/plan/refactor/relocate.h"
#include "core/plan/step.h"

namespace orch {

// Moves of servers without GTID by Pseudo-GTID (pseudo-gtid document, 8). Only what moves stands
// still meanwhile.

/// Why `server` cannot be matched below `destination`; nothing when it may be tried. Errors:
/// Refused.
[[nodiscard]] Result<> check_match(const Instance& server, const Instance& destination,
                                   const Policy& policy);
/// Each of them below `destination`, where check_match() lets it.
[[nodiscard]] MovePlan match_plan(const std::vector<const Instance*>& replicas,
                                  const Instance& destination, const Policy& policy);
/// Each at its own coordinates where both sources hand out one log; else by GTID where that is
/// possible, else by Pseudo-GTID where both use it (REF-16). A binlog server that cannot go is
/// refused, and its replicas go without it.
[[nodiscard]] MovePlan best_plan(const Topology& topology,
                                 const std::vector<const Instance*>& replicas,
                                 const Instance& destination, const Policy& policy);
[[nodiscard]] bool may_match(const Instance& server, const Instance& destination,
                             const Policy& policy);

[[nodiscard]] Planner match_below(InstanceKey server, InstanceKey destination, Policy policy);
/// Below the source of its source.
[[nodiscard]] Planner match_up(InstanceKey server, Policy policy);
/// Below its present source, anew.
[[nodiscard]] Planner rematch(InstanceKey server, Policy policy);
[[nodiscard]] Planner match_replicas(InstanceKey of, InstanceKey destination, ReplicaFilter filter,
                                     Policy policy);
[[nodiscard]] Planner match_up_replicas(InstanceKey of, ReplicaFilter filter, Policy policy);

/// Below the source of its source, and its siblings below it; nobody may be ahead of it.
[[nodiscard]] Planner make_local_source(InstanceKey server, Policy policy);

}  // namespace orch
