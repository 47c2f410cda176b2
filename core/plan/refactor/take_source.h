#pragma once

#include "core/plan/policy.h"
#include "core/plan/step.h"

namespace orch {

/// Swaps a replica and its source, which must itself be a replica, by GTID (5.8).
[[nodiscard]] Planner take_source(InstanceKey server, Policy policy);

}  // namespace orch
