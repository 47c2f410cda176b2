#pragma once

#include "core/plan/policy.h"
#include "core/plan/step.h"

namespace orch {

// Repairs of a primary that lives.

/// Makes a primary that takes no writes writable again; only when nobody else in its cluster does
/// (REC-36), nor one of those `told` to by a recovery that failed.
[[nodiscard]] Planner not_writable(InstanceKey primary, std::vector<InstanceKey> told);

/// Which replicas acknowledge commits.
enum class SemiSyncGoal {
  Enough,  ///< at least as many as the primary waits for: enables, never disables
  Exact,   ///< exactly that many of those with a priority, and no others
};

/// Switches semi-sync on and off at the replicas of a primary, by their priorities
/// (DetectSemiSyncEnforcedQuery), then promotion rules; first on, then off, so that the primary is
/// never blocked by the change itself.
[[nodiscard]] Planner semi_sync_repair(InstanceKey primary, SemiSyncGoal goal, Policy policy);

}  // namespace orch
