#pragma once

#include <optional>
#include <vector>

#include "core/plan/policy.h"
#include "core/plan/step.h"

namespace orch {

struct FailoverRequest {
  InstanceKey failed{};
  std::optional<InstanceKey> designated{};  ///< promote this one and no other
  /// The failed one is a co-master: its partner is a replica like the others, and its link back is
  /// forgotten when it is promoted, so that no circle stays (REC-32).
  bool co_master{false};
  /// Those whom recoveries that failed told to take its place. Each must be seen, or be in the way
  /// where fencing is required.
  std::vector<InstanceKey> promoted_before{};
  std::string designated_by{};  ///< why no other may be promoted, where no person named it
};

/// Why no other server than the designated one is promoted, and what helps: the end of what a
/// refusal says where no person named that one.
[[nodiscard]] std::string no_other_text(const InstanceKey& failed,
                                        const std::string& designated_by);

/// What to do next about a dead (or to be replaced) primary: fence it where it answers, stop the
/// receivers, let everybody apply what it holds, promote the most advanced, move the siblings.
[[nodiscard]] Decision next_failover_step(const FailoverRequest& request, const Policy& policy,
                                          const Progress& so_far, const Topology& fresh);

[[nodiscard]] Planner failover(FailoverRequest request, Policy policy);

}  // namespace orch
