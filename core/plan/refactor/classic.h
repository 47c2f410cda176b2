#pragma once

#include "core/plan/policy.h"
#include "core/plan/refactor/relocate.h"
#include "core/plan/step.h"

namespace orch {

// Moves by one level, and links that are changed in place. Servers that replicate by GTID are moved
// by GTID (REF-9, REF-10); the others by coordinates, which are brought to mean the same on both.

/// Below the source of its source (refactoring document, 5.1).
[[nodiscard]] Planner move_up(InstanceKey server, Policy policy);
/// The same for those replicas of `of` that the filter takes; `of` stands still meanwhile.
[[nodiscard]] Planner move_up_replicas(InstanceKey of, ReplicaFilter filter, Policy policy);
/// Below one that has the same source (5.2).
[[nodiscard]] Planner move_below(InstanceKey server, InstanceKey sibling, Policy policy);
/// To coordinates that are known to equal those at which it is now; refused when it is not there
/// any more (5.3).
[[nodiscard]] Planner move_equivalent(InstanceKey server, InstanceKey destination,
                                      BinlogCoordinates now_at, BinlogCoordinates equal,
                                      Policy policy);
/// Makes the source of `server` replicate from it, too (5.7).
[[nodiscard]] Planner make_co_source(InstanceKey server, Policy policy);
/// From coordinates to GTID, or back, at the same source (5.6).
[[nodiscard]] Planner use_gtid(InstanceKey server, bool on, Policy policy);

}  // namespace orch
