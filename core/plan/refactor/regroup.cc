#include "core/plan/refactor/regroup.h"

#include <utility>

#include "core/plan/candidate.h"
#include "core/plan/refactor/move.h"
#include "core/plan/refactor/relocate.h"

namespace orch {

namespace {

Decision next_regroup(const InstanceKey& of, const Policy& policy, const Progress& so_far,
                      const Topology& fresh) {
  const Topology& at_start = so_far.at_start;
  std::vector<const Instance*> replicas = at_start.replicas_of(of);
  if (replicas.empty()) return Done{};
  const Choice choice = choose_candidate(at_start, of, policy);
  const Instance* leader = choice.winner ? at_start.find(*choice.winner) : nullptr;
  if (leader == nullptr || leader->replication.source != of) {
    std::string text = "Could not regroup replicas of " + to_string(of) +
                       "; error: chooseCandidateReplica: no candidate replica found";
    if (!choice.ranked.empty()) {
      text += ": " + to_string(choice.ranked.front().key) + ": " + choice.ranked.front().because;
    }
    return GiveUp{Error{ErrorKind::Refused, std::move(text)}, {}};
  }
  std::erase(replicas, leader);
  const MovePlan plan = gtid_plan(replicas, *leader, policy);
  Decision decision = next_of_moves(plan.moves, plan.refused, policy, so_far, fresh);
  if (auto* done = std::get_if<Done>(&decision)) done->account.promoted = leader->key;
  if (auto* stuck = std::get_if<GiveUp>(&decision)) {
    stuck->because.message =
        "Could not regroup replicas of " + to_string(of) + "; error: " + stuck->because.message;
  }
  return decision;
}

}  // namespace

Planner regroup_replicas(InstanceKey of, Policy policy) {
  return [of = std::move(of), policy = std::move(policy)](const Progress& so_far,
                                                          const Topology& fresh) {
    return next_regroup(of, policy, so_far, fresh);
  };
}

}  // namespace orch
