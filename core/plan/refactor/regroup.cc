#include "core/plan/refactor/regroup.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/plan/candidate.h"
#include "core/plan/refactor/match.h"
#include "core/plan/refactor/move.h"
#include "core/plan/refactor/relocate.h"
#include "core/plan/second_names.h"

namespace orch {

namespace {

Decision next_of_binlog_servers(const InstanceKey& of, const Policy& policy, const Progress& so_far,
                                const Topology& fresh) {
  std::vector<const Instance*> servers = so_far.at_start.replicas_of(of);
  std::erase_if(servers,
                [](const Instance* one) { return !one->server.binlog_server || !answers(*one); });
  const auto leader =
      std::max_element(servers.begin(), servers.end(), [](const Instance* a, const Instance* b) {
        return is_before(a->replication.exec, b->replication.exec);
      });
  if (leader == servers.end()) {
    return GiveUp{Error{ErrorKind::Refused, "Could not regroup binlog server replicas of " +
                                                to_string(of) + ": no binlog server answers"},
                  {}};
  }
  const InstanceKey key = (*leader)->key;
  servers.erase(leader);
  const MovePlan plan = repoint_plan(servers, key, so_far.at_start);
  Decision decision = next_of_moves(plan.moves, plan.refused, policy, so_far, fresh);
  if (auto* done = std::get_if<Done>(&decision)) done->account.promoted = key;
  return decision;
}

Decision next_regroup(const InstanceKey& of, RegroupBy by, const Policy& policy,
                      const Progress& so_far, const Topology& fresh) {
  const Topology& at_start = so_far.at_start;
  std::vector<const Instance*> replicas = at_start.replicas_of(of);
  if (replicas.empty()) return Done{};
  const bool only_binlog_servers =
      std::all_of(replicas.begin(), replicas.end(),
                  [](const Instance* one) { return one->server.binlog_server || !answers(*one); });
  if (by == RegroupBy::Best && only_binlog_servers) {
    return next_of_binlog_servers(of, policy, so_far, fresh);
  }
  // Whoever stands above has received the most, and is nobody's sibling.
  std::vector<Verdict> others;
  for (const Instance& one : at_start.instances()) {
    if (one.replication.source == of) continue;
    others.push_back({one.key, false, "does not replicate from " + to_string(of)});
  }
  const Choice choice = choose_candidate(at_start, of, policy, others);
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
  // A co-master may follow `of`, and stand above the leader.
  std::vector<LostReplica> above = take_out_ancestors(at_start, replicas, leader->key);
  if (replicas.empty()) {
    Account account;
    account.promoted = leader->key;
    account.lost = std::move(above);
    return Done{std::move(account)};
  }
  MovePlan plan = by == RegroupBy::Gtid         ? gtid_plan(replicas, *leader, policy)
                  : by == RegroupBy::PseudoGtid ? match_plan(replicas, *leader, policy)
                                                : best_plan(at_start, replicas, *leader, policy);
  std::move(above.begin(), above.end(), std::back_inserter(plan.refused));
  Decision decision = next_of_moves(plan.moves, plan.refused, policy, so_far, fresh);
  if (auto* done = std::get_if<Done>(&decision)) done->account.promoted = leader->key;
  if (auto* stuck = std::get_if<GiveUp>(&decision)) {
    stuck->because.message =
        "Could not regroup replicas of " + to_string(of) + "; error: " + stuck->because.message;
  }
  return decision;
}

}  // namespace

Planner regroup_binlog_servers(InstanceKey of, Policy policy) {
  return [of = std::move(of), policy = std::move(policy)](const Progress& so_far,
                                                          const Topology& fresh) {
    return next_of_binlog_servers(of, policy, so_far, fresh);
  };
}

Planner regroup_replicas(InstanceKey of, RegroupBy by, Policy policy) {
  return with_one_name_each({{of}, true}, [=](const Progress& so_far, const Topology& fresh) {
    return next_regroup(of, by, policy, so_far, fresh);
  });
}

}  // namespace orch
