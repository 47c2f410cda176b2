#pragma once

#include <vector>

#include "core/plan/policy.h"
#include "core/plan/refactor/move.h"
#include "core/plan/step.h"

namespace orch {

// The other replicas of a primary whose place one of them took.

/// A replica of the old primary that is to follow the new one; or the reason why it cannot.
struct SiblingPlan {
  std::vector<Move> moves{};
  std::vector<LostReplica> lost{};
};
/// Those that were given up and are being detached already are among the lost, whomever they
/// follow by now.
[[nodiscard]] SiblingPlan sibling_moves(const InstanceKey& old_primary, const Instance& winner,
                                        const Policy& policy, const Progress& so_far,
                                        const Topology& fresh);

/// What is next for them: they are moved side by side; then the lost ones are detached, if
/// `detaches`; then come those that may be late, and the same for them. In the end as
/// next_of_moves().
[[nodiscard]] Decision next_of_siblings(const InstanceKey& old_primary, const SiblingPlan& plan,
                                        bool detaches, const Policy& policy, const Progress& so_far,
                                        const Topology& fresh);

/// Replicas of the old primary, or of the winner, that take writes are made read-only: one server
/// takes writes. Each is tried once.
[[nodiscard]] std::vector<Step> close_siblings(const InstanceKey& old_primary,
                                               const Instance& winner, const Progress& so_far,
                                               const Topology& fresh);

}  // namespace orch
