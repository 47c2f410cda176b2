#pragma once

#include "core/plan/policy.h"
#include "core/plan/step.h"

namespace orch {

/// The best replica of `of` becomes the source of the others, by GTID (refactoring document, 7).
/// The account names it as `promoted`; with no replicas at all, nobody.
[[nodiscard]] Planner regroup_replicas(InstanceKey of, Policy policy);

}  // namespace orch
