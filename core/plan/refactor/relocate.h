#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "core/base/result.h"
#include "core/plan/policy.h"
#include "core/plan/refactor/move.h"
#include "core/plan/step.h"

namespace orch {

// One replica below another server. The planners check with the topology as probed at their
// start; texts of refusals are those of the contract (cli document, 7.1 to 7.4).

/// By the best method that applies (refactoring document, 8.1): repoint, GTID, Pseudo-GTID, by
/// coordinates below a sibling or one level up. To and from a binlog server by way of the server
/// whose log that one hands out.
[[nodiscard]] Planner relocate(InstanceKey server, InstanceKey destination, Policy policy);
/// By GTID only (5.5), also compares what both have executed (REF-11).
[[nodiscard]] Planner move_gtid(InstanceKey server, InstanceKey destination, Policy policy);
/// Same position, other source; without destination the present one (5.4). A circle that comes of
/// it is noted.
[[nodiscard]] Planner repoint(InstanceKey server, std::optional<InstanceKey> destination,
                              Policy policy);

/// Which replicas a bulk operation takes; "" pattern = all.
using ReplicaFilter = std::function<bool(const Instance&)>;

[[nodiscard]] Planner relocate_replicas(InstanceKey of, InstanceKey destination,
                                        ReplicaFilter filter, Policy policy);
[[nodiscard]] Planner move_replicas_gtid(InstanceKey of, InstanceKey destination,
                                         ReplicaFilter filter, Policy policy);
[[nodiscard]] Planner repoint_replicas(InstanceKey of, std::optional<InstanceKey> destination,
                                       ReplicaFilter filter, Policy policy);
[[nodiscard]] Planner take_siblings(InstanceKey server, Policy policy);

/// Source host name on purpose wrong, so that the replica cannot connect; and back (5.9).
[[nodiscard]] Planner detach(InstanceKey server, Policy policy);
[[nodiscard]] Planner reattach(InstanceKey server, Policy policy);

/// Why `server` cannot move below `destination` by GTID; nothing when it can. Errors: Refused.
[[nodiscard]] Result<> check_gtid_move(const Instance& server, const Instance& destination,
                                       const Policy& policy);

/// How servers are moved, and who cannot be.
struct MovePlan {
  std::vector<Move> moves{};
  std::vector<LostReplica> refused{};
};
/// Each of them below `destination` at the position where it is.
[[nodiscard]] MovePlan repoint_plan(const std::vector<const Instance*>& replicas,
                                    const InstanceKey& destination, const Topology& topology);
/// Each of them below `destination`, which hands out the log that they read now, GTID off.
[[nodiscard]] MovePlan family_plan(const std::vector<const Instance*>& replicas,
                                   const Instance& destination, const Policy& policy);
/// Each of them below `destination` by GTID, where check_gtid_move() lets it.
[[nodiscard]] MovePlan gtid_plan(const std::vector<const Instance*>& replicas,
                                 const Instance& destination, const Policy& policy);

// --- What other planners of such moves share ---

/// What no replica may be that is to be moved; "" = nothing.
[[nodiscard]] std::string objection_to_moving(const Instance& server, const std::string& operation);

/// The replicas of `of` that the filter takes, without the destination. Errors: NotFound; Refused,
/// when the destination is below one of them.
[[nodiscard]] Result<std::vector<const Instance*>> chosen_replicas(const Topology& topology,
                                                                   const InstanceKey& of,
                                                                   const InstanceKey& destination,
                                                                   const ReplicaFilter& filter,
                                                                   const std::string& operation);

/// Takes those out of `replicas` that the destination is below: they cannot be moved there.
[[nodiscard]] std::vector<LostReplica> take_out_ancestors(const Topology& topology,
                                                          std::vector<const Instance*>& replicas,
                                                          const InstanceKey& destination);

using Selector = std::function<Result<MovePlan>(const Topology& at_start)>;
/// Makes its plan from the topology at the start and then carries it through.
[[nodiscard]] Planner planner_for(Selector selector, Policy policy);

}  // namespace orch
