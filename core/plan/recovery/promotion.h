#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/plan/policy.h"
#include "core/plan/refactor/move.h"
#include "core/plan/step.h"

namespace orch {

// What failover and takeover have in common.

/// The steps that make the server, which has applied all it holds, the writable top: stop, forget
/// the source, semi-sync, writable.
[[nodiscard]] std::vector<Step> promotion_steps(const Instance& winner);

/// Whether the server follows nobody, and takes writes.
[[nodiscard]] bool is_writable_top(const Instance& instance);

/// A replica of the old primary that is to follow the new one; or the reason why it cannot.
struct SiblingPlan {
  std::vector<Move> moves{};
  std::vector<LostReplica> lost{};
};
[[nodiscard]] SiblingPlan sibling_moves(const InstanceKey& old_primary, const Instance& winner,
                                        const Policy& policy, const Progress& so_far,
                                        const Topology& fresh);

/// A server that this run told to take writes, and that does not answer since: nobody else may be
/// promoted, and nothing be made writable again.
[[nodiscard]] std::optional<InstanceKey> in_doubt(const Progress& so_far, const Topology& fresh);
[[nodiscard]] Decision give_up_in_doubt(const InstanceKey& server);

/// Undoes what can be undone, then gives up for that reason. Nothing is promoted yet.
[[nodiscard]] Decision back_out(Error because, const Progress& so_far, const Topology& fresh);

}  // namespace orch
