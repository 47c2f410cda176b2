#include "core/plan/refactor/match.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/plan/binlog_family.h"
#include "core/plan/refactor/parts.h"

namespace orch {

namespace {

Move matching(const Instance& server, const InstanceKey& destination) {
  Move move;
  move.server = server.key;
  move.target.source = destination;
  move.target.positioning = Positioning::Coordinates;
  move.why = "match below " + to_string(destination);
  move.by_pseudo_gtid = true;
  move.even_if_same = true;
  return move;
}

Result<const Instance*> found(const Topology& topology, const InstanceKey& key) {
  const Instance* instance = topology.find(key);
  if (instance == nullptr) return fail(ErrorKind::NotFound, "Error reading " + to_string(key));
  return instance;
}

Result<const Instance*> source_of(const Topology& topology, const InstanceKey& key) {
  ORCH_ASSIGN(const Instance* replica, found(topology, key));
  if (!is_replica(*replica)) return refusal("instance is not a replica: " + to_string(key));
  return found(topology, replica->replication.source);
}

Result<MovePlan> match_one(const Topology& topology, const InstanceKey& server,
                           const Instance& destination, const Policy& policy) {
  ORCH_ASSIGN(const Instance* moved, found(topology, server));
  ORCH_TRY(check_match(*moved, destination, policy));
  if (topology.is_below(destination.key, server)) {
    return refusal("match: " + to_string(destination.key) + " is a descendant of " +
                   to_string(server));
  }
  return MovePlan{{matching(*moved, destination.key)}, {}};
}

Decision match_many(const InstanceKey& of, const InstanceKey& destination,
                    const ReplicaFilter& filter, const Policy& policy, const Progress& so_far,
                    const Topology& fresh) {
  auto replicas = chosen_replicas(so_far.at_start, of, destination, filter, "match-replicas");
  if (!replicas) return GiveUp{std::move(replicas).error(), {}};
  const Topology& at_start = so_far.at_start;
  const bool one_log = hand_out_one_log(at_start, of, destination);
  if (!one_log) *replicas = with_those_below_binlog_servers(at_start, *std::move(replicas));
  const Instance& below = *at_start.find(destination);
  const MovePlan plan =
      one_log ? family_plan(*replicas, below, policy) : match_plan(*replicas, below, policy);
  Decision decision = next_of_moves(plan.moves, plan.refused, policy, so_far, fresh);
  auto* stuck = std::get_if<GiveUp>(&decision);
  if (stuck != nullptr && !stuck->account.lost.empty()) {
    stuck->because.message = "MultiMatchReplicas: only matched 0 out of " +
                             std::to_string(replicas->size()) + " replicas of " + to_string(of) +
                             "; error is: " + to_string(stuck->account.lost.front());
  }
  return decision;
}

Result<> check_local_source(const Topology& at_start, const InstanceKey& server) {
  ORCH_ASSIGN(const Instance* source, source_of(at_start, server));
  if (!is_replica(*source)) {
    return refusal("master is not a replica itself: " + to_string(source->key));
  }
  const Instance& chosen = *at_start.find(server);
  for (const Instance* sibling : at_start.siblings_of(server)) {
    if (is_before(chosen.replication.exec, sibling->replication.exec)) {
      return refusal("make-local-master: " + to_string(sibling->key) + " is ahead of " +
                     to_string(server));
    }
  }
  return {};
}

/// First it moves up, then the others below it.
Decision next_local_source(const InstanceKey& server, const Policy& policy, const Progress& so_far,
                           const Topology& fresh) {
  if (auto can = check_local_source(so_far.at_start, server); !can) {
    return GiveUp{can.error(), {}};
  }
  const Instance& source = *so_far.at_start.source_of(server);
  const InstanceKey top = source.replication.source;
  const Instance* now = fresh.find(server);
  if (now == nullptr || now->replication.source != top || !replica_running(*now)) {
    Decision up = relocate(server, top, policy)(so_far, fresh);
    if (!std::holds_alternative<Done>(up)) return up;
  }
  std::vector<const Instance*> siblings = so_far.at_start.siblings_of(server);
  std::vector<LostReplica> above = take_out_ancestors(so_far.at_start, siblings, server);
  MovePlan plan = best_plan(so_far.at_start, siblings, *so_far.at_start.find(server), policy);
  std::move(above.begin(), above.end(), std::back_inserter(plan.refused));
  Decision decision = next_of_moves(plan.moves, plan.refused, policy, so_far, fresh);
  if (auto* done = std::get_if<Done>(&decision)) done->account.promoted = server;
  return decision;
}

}  // namespace

Result<> check_match(const Instance& server, const Instance& destination, const Policy& policy) {
  if (!policy.pseudo_gtid) {
    return refusal("PseudoGTIDPattern not configured; cannot use Pseudo-GTID");
  }
  if (server.key == destination.key) {
    return refusal("MatchBelow: attempt to match an instance below itself " +
                   to_string(server.key));
  }
  for (const Instance* one : {&server, &destination}) {
    if (one->server.binlog_server) {
      return refusal("Cannot use PseudoGTID with Binlog Server " + to_string(one->key));
    }
  }
  if (std::string text = objection_to_moving(server, "match"); !text.empty()) {
    return objection(std::move(text), server, destination);
  }
  if (!answers(destination)) return objection(unread_text(destination), server, destination);
  return can_replicate_from(server, destination, policy.rules());
}

MovePlan match_plan(const std::vector<const Instance*>& replicas, const Instance& destination,
                    const Policy& policy) {
  MovePlan plan;
  for (const Instance* replica : replicas) {
    if (auto can = check_match(*replica, destination, policy); !can) {
      plan.refused.push_back({replica->key, can.error().message});
    } else {
      plan.moves.push_back(matching(*replica, destination.key));
    }
  }
  return plan;
}

bool may_match(const Instance& server, const Instance& destination, const Policy& policy) {
  return policy.pseudo_gtid && server.gtid.uses_pseudo && destination.gtid.uses_pseudo;
}

MovePlan best_plan(const Topology& topology, const std::vector<const Instance*>& replicas,
                   const Instance& destination, const Policy& policy) {
  std::vector<const Instance*> in_family;
  std::vector<const Instance*> others;
  for (const Instance* replica : replicas) {
    const bool one_log = hand_out_one_log(topology, replica->replication.source, destination.key);
    (one_log ? in_family : others).push_back(replica);
  }
  others = with_those_below_binlog_servers(topology, std::move(others));
  std::erase_if(others, [&](const Instance* one) { return one->key == destination.key; });
  std::vector<const Instance*> by_gtid;
  std::vector<const Instance*> matched;
  for (const Instance* replica : others) {
    const bool match =
        !gtid_compatible(*replica, destination) && may_match(*replica, destination, policy);
    (match ? matched : by_gtid).push_back(replica);
  }
  MovePlan plan = gtid_plan(by_gtid, destination, policy);
  for (MovePlan rest :
       {match_plan(matched, destination, policy), family_plan(in_family, destination, policy)}) {
    std::move(rest.moves.begin(), rest.moves.end(), std::back_inserter(plan.moves));
    std::move(rest.refused.begin(), rest.refused.end(), std::back_inserter(plan.refused));
  }
  return plan;
}

Planner match_below(InstanceKey server, InstanceKey destination, Policy policy) {
  return planner_for(
      [server, destination, policy](const Topology& at_start) -> Result<MovePlan> {
        ORCH_ASSIGN(const Instance* below, found(at_start, destination));
        return match_one(at_start, server, *below, policy);
      },
      policy);
}

Planner match_up(InstanceKey server, Policy policy) {
  return planner_for(
      [server, policy](const Topology& at_start) -> Result<MovePlan> {
        ORCH_ASSIGN(const Instance* source, source_of(at_start, server));
        if (!is_replica(*source)) {
          return refusal("master is not a replica itself: " + to_string(source->key));
        }
        ORCH_ASSIGN(const Instance* top, source_of(at_start, source->key));
        return match_one(at_start, server, *top, policy);
      },
      policy);
}

Planner rematch(InstanceKey server, Policy policy) {
  return planner_for(
      [server, policy](const Topology& at_start) -> Result<MovePlan> {
        ORCH_ASSIGN(const Instance* source, source_of(at_start, server));
        return match_one(at_start, server, *source, policy);
      },
      policy);
}

Planner make_local_source(InstanceKey server, Policy policy) {
  return [=](const Progress& so_far, const Topology& fresh) -> Decision {
    return next_local_source(server, policy, so_far, fresh);
  };
}

Planner match_replicas(InstanceKey of, InstanceKey destination, ReplicaFilter filter,
                       Policy policy) {
  return [=](const Progress& so_far, const Topology& fresh) -> Decision {
    return match_many(of, destination, filter, policy, so_far, fresh);
  };
}

Planner match_up_replicas(InstanceKey of, ReplicaFilter filter, Policy policy) {
  return [=](const Progress& so_far, const Topology& fresh) -> Decision {
    auto top = source_of(so_far.at_start, of);
    if (!top) return GiveUp{std::move(top).error(), {}};
    return match_many(of, (*top)->key, filter, policy, so_far, fresh);
  };
}

}  // namespace orch
