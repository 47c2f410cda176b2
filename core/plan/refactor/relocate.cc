#include "core/plan/refactor/relocate.h"

#include <algorithm>
#include <utility>

#include "core/plan/binlog_family.h"
#include "core/plan/refactor/classic.h"
#include "core/plan/refactor/match.h"
#include "core/plan/refactor/parts.h"
#include "core/plan/refactor/two_legs.h"
#include "core/plan/second_names.h"

namespace orch {

namespace {

std::string unknown(const InstanceKey& key) {
  return "Error reading " + to_string(key);
}

std::string objection_to_gtid_move(const Instance& server, const Instance& destination,
                                   const Policy& policy) {
  if (!gtid_compatible(server, destination)) {
    return "Instances " + to_string(server.key) + ", " + to_string(destination.key) +
           " not GTID compatible or not using GTID";
  }
  if (!answers(destination)) {
    return unread_text(destination);
  }
  if (auto can = can_replicate_from(server, destination, policy.rules()); !can) {
    return can.error().message;
  }
  const auto lacking = purged_and_lacking(server, destination, true);
  if (!lacking) return lacking.error().message;
  if (lacking->empty()) return "";
  return "Instance " + to_string(destination.key) + " has purged GTID entries not found on " +
         to_string(server.key) + ": " + *lacking;
}

Move gtid_move(const Instance& server, const InstanceKey& destination, std::string why) {
  Move move;
  move.server = server.key;
  move.target.source = destination;
  move.target.positioning = Positioning::Gtid;
  move.why = std::move(why);
  return move;
}

Move kept_move(const Instance& server, const InstanceKey& destination, std::string why) {
  Move move = gtid_move(server, destination, std::move(why));
  move.target.positioning = Positioning::Keep;
  move.even_if_same = true;
  return move;
}

Move repointed(const Instance& server, const InstanceKey& destination, const Topology& topology) {
  Move move = kept_move(server, destination, "repoint");
  move.same_log = is_binlog_server(topology, destination);
  return move;
}

/// The move by coordinates to a neighbour, where no better method applies; nothing when there is
/// none.
Planner by_coordinates(const Topology& topology, const InstanceKey& server_key,
                       const InstanceKey& destination_key, const Policy& policy) {
  const Instance* server = topology.find(server_key);
  const Instance* destination = topology.find(destination_key);
  const Instance* source = topology.source_of(server_key);
  if (server == nullptr || destination == nullptr || source == nullptr) return {};
  const bool better = source->key == destination_key || gtid_compatible(*server, *destination) ||
                      may_match(*server, *destination, policy);
  if (better || server->server.binlog_server) return {};
  const bool co_source = topology.are_co_sources(destination_key, destination->replication.source);
  if (destination->replication.source == source->key &&
      (!co_source || destination->server.read_only)) {
    return move_below(server_key, destination_key, policy);
  }
  if (source->replication.source == destination_key) return move_up(server_key, policy);
  return {};
}

/// Why X cannot be relocated below Y, before any method is chosen (refactoring document, 8.1).
std::string objection_to_relocation(const Topology& topology, const Instance& server,
                                    const Instance& destination, const Policy& policy) {
  if (std::string text = objection_to_moving(server, "relocate"); !text.empty()) return text;
  if (is_group_primary(server) && destination.group.name == server.group.name) {
    return "relocate: Setting a group primary to replicate from another member of its group is "
           "disallowed";
  }
  if (topology.is_below(destination.key, server.key) || is_descendant_of(destination, server)) {
    return "relocate: " + to_string(destination.key) + " is a descendant of " +
           to_string(server.key);
  }
  if (auto can = can_replicate_from(server, destination, policy.rules()); !can) {
    return can.error().message;
  }
  return "";
}

Result<MovePlan> relocation(const Topology& topology, const InstanceKey& server_key,
                            const InstanceKey& destination_key, const Policy& policy) {
  const Instance* server = topology.find(server_key);
  const Instance* destination = topology.find(destination_key);
  if (server == nullptr) return fail(ErrorKind::NotFound, unknown(server_key));
  if (destination == nullptr) return fail(ErrorKind::NotFound, unknown(destination_key));
  std::string text = objection_to_relocation(topology, *server, *destination, policy);
  if (!text.empty()) return objection(std::move(text), *server, *destination);
  if (server->replication.source == destination_key) {
    return MovePlan{{kept_move(*server, destination_key, "repoint")}, {}};
  }
  if (hand_out_one_log(topology, server->replication.source, destination_key)) {
    return family_plan({server}, *destination, policy);
  }
  if (gtid_compatible(*server, *destination) && !server->server.binlog_server) {
    ORCH_TRY(check_gtid_move(*server, *destination, policy));
    const std::string why = "move below " + to_string(destination_key);
    return MovePlan{{gtid_move(*server, destination_key, why)}, {}};
  }
  if (may_match(*server, *destination, policy)) {
    return match_plan({server}, *destination, policy);
  }
  return refusal("Relocating " + to_string(server_key) + " below " + to_string(destination_key) +
                 " turns to be too complex; please do it manually");
}

/// Whose log a binlog server hands out, below which the server goes first: on its way to one of
/// another family, or away from one when nothing leads straight from there to the destination.
/// Nothing when it needs no such stop.
std::optional<InstanceKey> way_stop(const Topology& topology, const InstanceKey& server_key,
                                    const InstanceKey& destination_key, const Policy& policy) {
  const Instance* server = topology.find(server_key);
  const Instance* destination = topology.find(destination_key);
  if (server == nullptr || destination == nullptr || !is_replica(*server)) return std::nullopt;
  const InstanceKey& source = server->replication.source;
  if (hand_out_one_log(topology, source, destination_key)) return std::nullopt;
  if (!objection_to_relocation(topology, *server, *destination, policy).empty()) {
    return std::nullopt;
  }
  if (destination->server.binlog_server) {
    return answers(*destination) ? std::optional(owner_of_log(topology, destination_key))
                                 : std::nullopt;
  }
  const bool straight = server->server.binlog_server || gtid_compatible(*server, *destination) ||
                        may_match(*server, *destination, policy) ||
                        by_coordinates(topology, server_key, destination_key, policy) != nullptr;
  if (straight || !is_binlog_server(topology, source)) return std::nullopt;
  return owner_of_log(topology, source);
}

/// "warning: db1 follows db4 follows db2 follows db1: ..."; "" for a server that is in no circle.
/// Two that follow each other are co-masters.
std::string circle_around(const Topology& topology, const InstanceKey& server) {
  for (const std::vector<InstanceKey>& circle : topology.circles()) {
    const auto start = std::find(circle.begin(), circle.end(), server);
    if (circle.size() == 2 || start == circle.end()) continue;
    std::string text = "warning: " + to_string(server);
    InstanceKey at = server;
    do {
      at = topology.find(at)->replication.source;
      text += " follows " + to_string(at);
    } while (at != server);
    return text + ": a circle of replication has no master";
  }
  return "";
}

/// Those of the replicas that came below the owner of the destination's log.
Planner onward(const std::vector<InstanceKey>& keys, const InstanceKey& destination,
               const Policy& policy) {
  return planner_for(
      [=](const Topology& now) -> Result<MovePlan> {
        std::vector<const Instance*> arrived;
        std::vector<LostReplica> refused;
        const InstanceKey owner = owner_of_log(now, destination);
        for (const InstanceKey& key : keys) {
          const Instance* replica = now.find(key);
          if (replica->replication.source == owner) {
            arrived.push_back(replica);
          } else {
            refused.push_back({key, "could not be moved below " + to_string(owner)});
          }
        }
        MovePlan plan = family_plan(arrived, *now.find(destination), policy);
        plan.refused.insert(plan.refused.end(), refused.begin(), refused.end());
        return plan;
      },
      policy);
}

}  // namespace

std::string objection_to_moving(const Instance& server, const std::string& operation) {
  const std::string key = to_string(server.key);
  if (!is_replica(server)) return "instance is not a replica: " + key;
  if (is_group_secondary(server)) {
    return operation + ": " + key +
           " is a secondary replication group member, hence, it cannot be relocated";
  }
  if (server.replication.channels > 1) {
    return operation + ": " + key + " replicates from " +
           std::to_string(server.replication.channels) + " sources, hence, it cannot be moved";
  }
  if (!answers(server)) return unread_text(server);
  return "";
}

Planner planner_for(Selector selector, Policy policy) {
  return [selector = std::move(selector), policy = std::move(policy)](
             const Progress& so_far, const Topology& fresh) -> Decision {
    auto plan = selector(so_far.at_start);
    if (!plan) return GiveUp{std::move(plan).error(), {}};
    return next_of_moves(plan->moves, plan->refused, policy, so_far, fresh);
  };
}

Result<std::vector<const Instance*>> chosen_replicas(const Topology& topology,
                                                     const InstanceKey& of,
                                                     const InstanceKey& destination,
                                                     const ReplicaFilter& filter,
                                                     const std::string& operation) {
  if (topology.find(of) == nullptr) return fail(ErrorKind::NotFound, unknown(of));
  if (topology.find(destination) == nullptr) {
    return fail(ErrorKind::NotFound, unknown(destination));
  }
  std::vector<const Instance*> chosen;
  for (const Instance* replica : topology.replicas_of(of)) {
    if (replica->key == destination || (filter && !filter(*replica))) continue;
    if (topology.is_below(destination, replica->key)) {
      return refusal(operation + ": " + to_string(destination) + " is a descendant of " +
                     to_string(replica->key));
    }
    chosen.push_back(replica);
  }
  return chosen;
}

std::vector<LostReplica> take_out_ancestors(const Topology& topology,
                                            std::vector<const Instance*>& replicas,
                                            const InstanceKey& destination) {
  std::vector<LostReplica> above;
  std::erase_if(replicas, [&](const Instance* one) {
    if (!topology.is_below(destination, one->key)) return false;
    above.push_back(
        {one->key, to_string(destination) + " is a descendant of " + to_string(one->key)});
    return true;
  });
  return above;
}

MovePlan repoint_plan(const std::vector<const Instance*>& replicas, const InstanceKey& destination,
                      const Topology& topology) {
  MovePlan plan;
  for (const Instance* replica : replicas) {
    if (std::string text = objection_to_moving(*replica, "repoint"); !text.empty()) {
      plan.refused.push_back({replica->key, std::move(text)});
    } else {
      plan.moves.push_back(repointed(*replica, destination, topology));
    }
  }
  return plan;
}

MovePlan family_plan(const std::vector<const Instance*>& replicas, const Instance& destination,
                     const Policy& policy) {
  MovePlan plan;
  for (const Instance* replica : replicas) {
    std::string text = objection_to_moving(*replica, "repoint");
    if (text.empty() && !answers(destination)) {
      text = unread_text(destination);
    }
    if (auto can = can_replicate_from(*replica, destination, policy.rules());
        text.empty() && !can) {
      text = can.error().message;
    }
    if (!text.empty()) {
      plan.refused.push_back({replica->key, std::move(text)});
      continue;
    }
    Move move = gtid_move(*replica, destination.key, "move below " + to_string(destination.key));
    move.target.positioning = Positioning::Coordinates;
    move.same_log = true;
    plan.moves.push_back(std::move(move));
  }
  return plan;
}

Result<> check_gtid_move(const Instance& server, const Instance& destination,
                         const Policy& policy) {
  std::string text = objection_to_moving(server, "move-gtid");
  if (text.empty()) text = objection_to_gtid_move(server, destination, policy);
  if (!text.empty()) return objection(std::move(text), server, destination);
  return {};
}

MovePlan gtid_plan(const std::vector<const Instance*>& replicas, const Instance& destination,
                   const Policy& policy) {
  MovePlan plan;
  for (const Instance* replica : replicas) {
    if (auto can = check_gtid_move(*replica, destination, policy); !can) {
      plan.refused.push_back({replica->key, can.error().message});
    } else {
      plan.moves.push_back(
          gtid_move(*replica, destination.key, "move below " + to_string(destination.key)));
    }
  }
  return plan;
}

Planner relocate(InstanceKey server, InstanceKey destination, Policy policy) {
  return [server = std::move(server), destination = std::move(destination),
          policy = std::move(policy)](const Progress& so_far, const Topology& fresh) -> Decision {
    const Topology& at_start = so_far.at_start;
    if (const auto stop = way_stop(at_start, server, destination, policy)) {
      return next_of_two_legs(relocate(server, *stop, policy), *stop,
                              relocate(server, destination, policy), so_far, fresh);
    }
    auto plan = relocation(at_start, server, destination, policy);
    if (plan) return next_of_moves(plan->moves, plan->refused, policy, so_far, fresh);
    if (auto classic = by_coordinates(at_start, server, destination, policy)) {
      return classic(so_far, fresh);
    }
    return GiveUp{std::move(plan).error(), {}};
  };
}

Planner move_gtid(InstanceKey server, InstanceKey destination, Policy policy) {
  return planner_for(
      [server, destination, policy](const Topology& at_start) -> Result<MovePlan> {
        const Instance* moved = at_start.find(server);
        const Instance* below = at_start.find(destination);
        if (moved == nullptr) return fail(ErrorKind::NotFound, unknown(server));
        if (below == nullptr) return fail(ErrorKind::NotFound, unknown(destination));
        if (at_start.is_below(destination, server)) {
          return refusal("move-gtid: " + to_string(destination) + " is a descendant of " +
                         to_string(server));
        }
        ORCH_TRY(check_gtid_move(*moved, *below, policy));
        return MovePlan{{gtid_move(*moved, destination, "move below " + to_string(destination))},
                        {}};
      },
      policy);
}

Planner repoint(InstanceKey server, std::optional<InstanceKey> destination, Policy policy) {
  Planner straight = planner_for(
      [server, destination, policy](const Topology& at_start) -> Result<MovePlan> {
        const Instance* moved = at_start.find(server);
        if (moved == nullptr) return fail(ErrorKind::NotFound, unknown(server));
        std::string text = objection_to_moving(*moved, "repoint");
        if (!text.empty()) return objection(std::move(text), *moved, *moved);
        const InstanceKey target = destination.value_or(moved->replication.source);
        if (const Instance* source = at_start.find(target)) {
          ORCH_TRY(can_replicate_from(*moved, *source, policy.rules()));
        } else if (destination) {
          return fail(ErrorKind::NotFound, unknown(target));
        }
        Move move = repointed(*moved, target, at_start);
        if (destination) move.target.written_name = destination->hostname;
        return MovePlan{{std::move(move)}, {}};
      },
      policy);
  return [=](const Progress& so_far, const Topology& fresh) {
    Decision decision = straight(so_far, fresh);
    if (auto* done = std::get_if<Done>(&decision)) {
      if (std::string text = circle_around(fresh, server); !text.empty()) {
        done->account.notes.push_back(std::move(text));
      }
    }
    return decision;
  };
}

namespace {

Planner relocate_replicas_straight(InstanceKey of, InstanceKey destination, ReplicaFilter filter,
                                   Policy policy) {
  return planner_for(
      [=](const Topology& at_start) -> Result<MovePlan> {
        ORCH_ASSIGN(const auto replicas,
                    chosen_replicas(at_start, of, destination, filter, "relocate-replicas"));
        if (of == destination) return repoint_plan(replicas, destination, at_start);
        MovePlan plan = best_plan(at_start, replicas, *at_start.find(destination), policy);
        if (!plan.moves.empty() || plan.refused.empty()) return plan;
        const Instance& below = *at_start.find(destination);
        const bool is_unread = plan.refused.front().because == unread_text(below);
        return fail(is_unread ? kind_of_silence(below) : kind_of_losing(plan.refused, at_start),
                    "Relocating " + std::to_string(replicas.size()) + " replicas of " +
                        to_string(of) + " below " + to_string(destination) +
                        " turns to be too complex; please do it manually: " +
                        to_string(plan.refused.front()));
      },
      policy);
}

}  // namespace

Planner relocate_replicas(InstanceKey of, InstanceKey destination, ReplicaFilter filter,
                          Policy policy) {
  Planner planner = [=](const Progress& so_far, const Topology& fresh) -> Decision {
    const Topology& at_start = so_far.at_start;
    const Planner straight = relocate_replicas_straight(of, destination, filter, policy);
    const bool needs_stop = is_binlog_server(at_start, destination) && of != destination &&
                            !hand_out_one_log(at_start, of, destination);
    if (!needs_stop) return straight(so_far, fresh);
    auto replicas = chosen_replicas(at_start, of, destination, filter, "relocate-replicas");
    if (!replicas) return GiveUp{std::move(replicas).error(), {}};
    std::vector<InstanceKey> keys;
    const InstanceKey stop = owner_of_log(at_start, destination);
    for (const Instance* replica : *replicas) {
      if (replica->key != stop) keys.push_back(replica->key);
    }
    return next_of_two_legs(relocate_replicas_straight(of, stop, filter, policy), stop,
                            onward(keys, destination, policy), so_far, fresh);
  };
  return with_one_name_each({{of, destination}, true}, std::move(planner));
}

Planner move_replicas_gtid(InstanceKey of, InstanceKey destination, ReplicaFilter filter,
                           Policy policy) {
  Planner planner = [=](const Progress& so_far, const Topology& fresh) -> Decision {
    auto replicas = chosen_replicas(so_far.at_start, of, destination, filter, "move-replicas-gtid");
    if (!replicas) return GiveUp{std::move(replicas).error(), {}};
    *replicas = with_those_below_binlog_servers(so_far.at_start, *std::move(replicas));
    const MovePlan plan = gtid_plan(*replicas, *so_far.at_start.find(destination), policy);
    Decision decision = next_of_moves(plan.moves, plan.refused, policy, so_far, fresh);
    auto* done = std::get_if<Done>(&decision);
    if (done == nullptr || done->account.lost.empty()) return decision;
    std::string text =
        "MoveReplicasGTID: only moved " + std::to_string(done->account.moved.size()) + " out of " +
        std::to_string(replicas->size()) + " replicas of " + to_string(of) + "; error is: " +
        (done->account.moved.empty()
             ? "moveReplicasViaGTID: Error on all " + std::to_string(replicas->size()) +
                   " operations; the first: "
             : std::string()) +
        to_string(done->account.lost.front());
    return GiveUp{Error{ErrorKind::Refused, std::move(text)}, std::move(done->account)};
  };
  return with_one_name_each({{of, destination}, true}, std::move(planner));
}

Planner repoint_replicas(InstanceKey of, std::optional<InstanceKey> destination,
                         ReplicaFilter filter, Policy policy) {
  Planner planner = planner_for(
      [=](const Topology& at_start) -> Result<MovePlan> {
        const InstanceKey target = destination.value_or(of);
        ORCH_ASSIGN(const auto replicas,
                    chosen_replicas(at_start, of, target, filter, "repoint-replicas"));
        return repoint_plan(replicas, target, at_start);
      },
      policy);
  return with_one_name_each({{of, destination.value_or(of)}, true}, std::move(planner));
}

Planner take_siblings(InstanceKey server, Policy policy) {
  Planner planner = planner_for(
      [=](const Topology& at_start) -> Result<MovePlan> {
        const Instance* taker = at_start.find(server);
        if (taker == nullptr) return fail(ErrorKind::NotFound, unknown(server));
        if (!is_replica(*taker)) {
          return refusal("take-siblings: instance " + to_string(server) + " is not a replica.");
        }
        std::vector<const Instance*> siblings = at_start.siblings_of(server);
        const std::vector<LostReplica> above = take_out_ancestors(at_start, siblings, server);
        MovePlan plan = best_plan(at_start, siblings, *taker, policy);
        plan.refused.insert(plan.refused.end(), above.begin(), above.end());
        return plan;
      },
      policy);
  return with_one_name_each({{server}, true}, std::move(planner));
}

Planner detach(InstanceKey server, Policy policy) {
  return planner_for(
      [server](const Topology& at_start) -> Result<MovePlan> {
        const Instance* replica = at_start.find(server);
        if (replica == nullptr) return fail(ErrorKind::NotFound, unknown(server));
        std::string text = objection_to_moving(*replica, "detach");
        if (text.empty() && is_detached_source(*replica)) {
          text = "instance already detached: " + to_string(server);
        }
        if (!text.empty()) return objection(std::move(text), *replica, *replica);
        InstanceKey source = replica->replication.source;
        if (!replica->replication.source_name.empty()) {
          source.hostname = replica->replication.source_name;
        }
        Move move = kept_move(*replica, detached(source), "detach");
        move.verify = false;
        return MovePlan{{std::move(move)}, {}};
      },
      policy);
}

Planner reattach(InstanceKey server, Policy policy) {
  return planner_for(
      [server](const Topology& at_start) -> Result<MovePlan> {
        const Instance* replica = at_start.find(server);
        if (replica == nullptr) return fail(ErrorKind::NotFound, unknown(server));
        std::string text = objection_to_moving(*replica, "reattach");
        if (text.empty() && !is_detached_source(*replica)) {
          text = "instance does not seem to be detached: " + to_string(server);
        }
        if (!text.empty()) return objection(std::move(text), *replica, *replica);
        Move move = kept_move(*replica, reattached(replica->replication.source), "reattach");
        move.verify = false;
        return MovePlan{{std::move(move)}, {}};
      },
      policy);
}

}  // namespace orch
