#pragma once

#include <optional>

#include "core/plan/policy.h"
#include "core/plan/step.h"

namespace orch {

struct TakeoverRequest {
  InstanceKey primary{};
  std::optional<InstanceKey> designated{};
  /// May choose among several replicas, and starts replication on the old primary.
  bool automatic{false};
  bool start_old_primary{false};  ///< implied by `automatic`
};

/// A planned switch: the primary becomes read-only, the designated replica applies all, is
/// promoted, and the old primary becomes its replica. What fails before the promotion is undone
/// (REC-33).
[[nodiscard]] Decision next_takeover_step(const TakeoverRequest& request, const Policy& policy,
                                          const Progress& so_far, const Topology& fresh);

[[nodiscard]] Planner takeover(TakeoverRequest request, Policy policy);

}  // namespace orch
