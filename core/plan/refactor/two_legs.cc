#include "core/plan/refactor/two_legs.h"

#include <set>
#include <utility>

namespace orch {

namespace {

/// What follows a server's arrival below `via` and belongs to it.
bool settles_below(const Action& action, const InstanceKey& via) {
  if (is_change<StartReplication>(action) || is_change<SetSemiSyncReplica>(action)) return true;
  return waits_for<ReplicatesFrom>(action) &&
         std::get<ReplicatesFrom>(std::get<WaitFor>(action).condition).source == via;
}

}  // namespace

Decision next_of_two_legs(const Planner& first, const InstanceKey& via, const Planner& second,
                          const Progress& so_far, const Topology& fresh) {
  std::set<InstanceKey> arrived;
  auto turn = so_far.steps.begin();
  for (; turn != so_far.steps.end(); ++turn) {
    const InstanceKey& server = turn->step.server;
    const auto* target = change_in<PointTo>(turn->step.action);
    if (target != nullptr && !turn->error && target->source == via) {
      arrived.insert(server);
    } else if (arrived.count(server) > 0 && !settles_below(turn->step.action, via)) {
      break;
    }
  }
  if (turn == so_far.steps.end()) {
    Decision decision = first(so_far, fresh);
    if (!std::holds_alternative<Done>(decision)) return decision;
  }
  std::vector<Instance> all(so_far.at_start.instances().begin(), so_far.at_start.instances().end());
  for (Instance& instance : all) {
    if (arrived.count(instance.key) > 0) instance.replication.source = via;
  }
  const Progress rest{Topology(std::move(all)), {turn, so_far.steps.end()}, so_far.facts};
  return second(rest, fresh);
}

}  // namespace orch
