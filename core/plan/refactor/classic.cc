#include "core/plan/refactor/classic.h"

#include <utility>

#include "core/model/replication_rules.h"
#include "core/plan/binlog_family.h"
#include "core/plan/refactor/move.h"
#include "core/plan/refactor/parts.h"

namespace orch {

namespace {

Result<const Instance*> readable(const Topology& topology, const InstanceKey& key) {
  const Instance* found = topology.find(key);
  if (found == nullptr) return fail(ErrorKind::NotFound, "Error reading " + to_string(key));
  if (!answers(*found)) {
    return fail(kind_of_silence(*found), unread_text(*found));
  }
  return found;
}

Result<const Instance*> readable_replica(const Topology& topology, const InstanceKey& key) {
  ORCH_ASSIGN(const Instance* found, readable(topology, key));
  if (!is_replica(*found)) return refusal("instance is not a replica: " + to_string(key));
  return found;
}

/// "Can move" (refactoring document, 4).
Result<> check_movable(const Instance& server, const Policy& policy) {
  const std::string key = to_string(server.key);
  if (is_group_secondary(server)) {
    return refusal(key + " is a secondary replication group member, hence, it cannot be relocated");
  }
  if (server.replication.channels > 1) {
    return refusal(key + " replicates from " + std::to_string(server.replication.channels) +
                   " sources, hence, it cannot be moved");
  }
  if (const std::string bound = bound_to_gtid(server); !uses_gtid(server) && !bound.empty()) {
    return refusal(key + " " + bound);
  }
  if (!replica_running(server)) return refusal(key + ": instance is not replicating");
  if (!server.replication.lag && !server.replication.seconds_behind) {
    return refusal(key + ": cannot determine replication lag");
  }
  if (!has_reasonable_lag(server, policy.reasonable_maintenance_replication_lag)) {
    return refusal(key + ": lags too much");
  }
  return {};
}

Move to_coordinates(const InstanceKey& server, const InstanceKey& source,
                    const BinlogCoordinates& coordinates) {
  Move move;
  move.server = server;
  move.target.source = source;
  move.target.positioning = Positioning::Coordinates;
  move.target.coordinates = coordinates;
  move.why = "move below " + to_string(source);
  return move;
}

Failure descendant(const std::string& operation, const InstanceKey& key, const InstanceKey& of) {
  return refusal(operation + ": " + to_string(key) + " is a descendant of " + to_string(of));
}

// --- Up ---

/// Who moves up, and what keeps others from it.
struct Upward {
  const Instance* from{nullptr};  ///< their source
  InstanceKey to{};               ///< its source
  std::vector<const Instance*> movers{};
  std::vector<LostReplica> refused{};
  bool by_gtid{true};  ///< all that may move
};

Result<Upward> upward(const Topology& at_start, const InstanceKey& of, const ReplicaFilter& filter,
                      const Policy& policy) {
  Upward up;
  ORCH_ASSIGN(up.from, readable(at_start, of));
  if (!is_replica(*up.from)) return refusal("master is not a replica itself: " + to_string(of));
  up.to = up.from->replication.source;
  const Instance* top = at_start.find(up.to);
  for (const Instance* replica : at_start.replicas_of(of)) {
    if (filter && !filter(*replica)) continue;
    if (replica->key == up.to) {
      return refusal(to_string(of) + " and " + to_string(up.to) + " are co-masters");
    }
    Result<> can = answers(*replica)
                       ? check_movable(*replica, policy)
                       : Result<>(refusal("last check invalid: it " + silence_of(*replica)));
    if (can && top != nullptr) can = can_replicate_from(*replica, *top, policy.rules());
    if (!can) {
      up.refused.push_back({replica->key, can.error().message});
      continue;
    }
    up.movers.push_back(replica);
    up.by_gtid = up.by_gtid && top != nullptr && gtid_compatible(*replica, *top);
  }
  return up;
}

/// What the common source does before it is stopped, so that its place in the log of `top`, its own
/// source, counts for its replicas: one that follows by GTID shows none at first, then the
/// beginning of a file, until it has come to where that log ends. Nothing when its place counts.
std::optional<Decision> learn_place(const Instance& from, const Instance* top, const Policy& policy,
                                    const Progress& so_far, const Topology& fresh) {
  const Replication& link = from.replication;
  const StepResult* waited = latest(so_far, from.key, waits_for<HasExecuted>);
  if (waited != nullptr && waited->error) return give_up(*waited->error, so_far, fresh);
  const bool will_come = uses_gtid(from) && top != nullptr && answers(*top) &&
                         runs(link.io_state) && runs(link.sql_state);
  if (waited == nullptr && will_come) {
    const std::chrono::seconds limit = policy.reasonable_maintenance_replication_lag;
    return Run{{step_on(from.key, WaitFor{HasExecuted{top->server.binlog}, limit, {}},
                        "its coordinates must be those of what it has")},
               {}};
  }
  if (!link.exec.empty()) return std::nullopt;
  return give_up(to_string(from.key) + " does not replicate, so that its coordinates are not known",
                 so_far, fresh);
}

/// The common source stands still; each replica executes all that the source's log has; then where
/// the source is in the log of its own source is where the replica is, too.
Decision next_upward(const Upward& up, const Policy& policy, const Progress& so_far,
                     const Topology& fresh) {
  const InstanceKey& of = up.from->key;
  const Instance* from = fresh.find(of);
  if (so_far.facts.giving_up) {
    std::vector<Move> arrived;
    std::vector<LostReplica> rest = up.refused;
    for (const Instance* mover : up.movers) {
      const Instance* now = fresh.find(mover->key);
      if (now != nullptr && now->replication.source == up.to) {
        arrived.push_back(to_coordinates(mover->key, up.to, {}));
      } else {
        rest.push_back({mover->key, so_far.facts.giving_up->message});
      }
    }
    return next_of_moves(arrived, rest, policy, so_far, fresh);
  }
  if (from == nullptr) return give_up("Error reading " + to_string(of), so_far, fresh);
  const StepResult* stopped = latest(so_far, of, is_change<StopReplication>);
  if (stopped != nullptr && stopped->error) return give_up(*stopped->error, so_far, fresh);
  if (stopped == nullptr && !up.movers.empty()) {
    if (auto first = learn_place(*from, fresh.find(up.to), policy, so_far, fresh)) {
      return *std::move(first);
    }
    return Run{{step_on(of, Change{StopReplication{}}, "stand still for its replicas")}, {}};
  }
  const BinlogCoordinates& place = from->server.binlog;
  Run waits;
  std::vector<Move> moves;
  std::vector<LostReplica> lost = up.refused;
  for (const Instance* mover : up.movers) {
    const Instance* now = fresh.find(mover->key);
    const bool pointed = latest(so_far, mover->key, is_change<PointTo>) != nullptr;
    if (now != nullptr && !pointed && now->replication.exec != place) {
      const StepResult* wait = latest(so_far, mover->key, waits_for<HasExecuted>);
      if (wait != nullptr) {
        const std::string why = wait->error
                                    ? wait->error->message
                                    : to_string(of) + " is written to while it stands still";
        lost.push_back({mover->key, why});
        continue;
      }
      const std::chrono::seconds limit = policy.reasonable_maintenance_replication_lag;
      waits.steps.push_back(step_on(mover->key, WaitFor{HasExecuted{place}, limit, {}},
                                    "have all that " + to_string(of) + " has"));
      continue;
    }
    moves.push_back(to_coordinates(mover->key, up.to, from->replication.exec));
  }
  if (!waits.steps.empty()) return waits;
  return next_of_moves(moves, lost, policy, so_far, fresh);
}

/// By GTID each moves alone, and nobody stands still for it.
Decision move_all_up(const InstanceKey& of, const ReplicaFilter& filter, const Policy& policy,
                     const Progress& so_far, const Topology& fresh) {
  const Result<Upward> up = upward(so_far.at_start, of, filter, policy);
  if (!up) return GiveUp{up.error(), {}};
  const Instance* top = so_far.at_start.find(up->to);
  const bool one_log = top != nullptr && hand_out_one_log(so_far.at_start, of, up->to);
  if (!one_log && !up->by_gtid) return next_upward(*up, policy, so_far, fresh);
  if (up->movers.empty()) return next_of_moves({}, up->refused, policy, so_far, fresh);
  MovePlan plan =
      one_log ? family_plan(up->movers, *top, policy) : gtid_plan(up->movers, *top, policy);
  plan.refused.insert(plan.refused.end(), up->refused.begin(), up->refused.end());
  return next_of_moves(plan.moves, plan.refused, policy, so_far, fresh);
}

// --- Below a sibling ---

Decision next_below(const Instance& server, const Instance& sibling, const Policy& policy,
                    const Progress& so_far, const Topology& fresh) {
  if (so_far.facts.giving_up) return give_up(*so_far.facts.giving_up, so_far, fresh);
  const Instance* mover = fresh.find(server.key);
  const Instance* below = fresh.find(sibling.key);
  const Move move = to_coordinates(server.key, sibling.key, below->server.binlog);
  if (mover->replication.source == sibling.key) {
    return next_of_moves({move}, {}, policy, so_far, fresh);
  }
  for (const InstanceKey& key : {server.key, sibling.key}) {
    if (const StepResult* failed = failure_on(so_far, key)) {
      return give_up(*failed->error, so_far, fresh);
    }
  }
  if (latest(so_far, server.key, is_change<StopReplication>) == nullptr) {
    return Run{{step_on(server.key, Change{StopReplication{}}, "stand still"),
                step_on(sibling.key, Change{StopReplication{}}, "stand still")},
               {}};
  }
  const BinlogCoordinates& here = mover->replication.exec;
  const BinlogCoordinates& there = below->replication.exec;
  if (compare(here, there) != std::weak_ordering::equivalent) {
    const bool mover_is_behind = is_before(here, there);
    const InstanceKey& behind = mover_is_behind ? server.key : sibling.key;
    const BinlogCoordinates& place = mover_is_behind ? there : here;
    if (latest(so_far, behind, is_change<StartUntil>) != nullptr) {
      return give_up(to_string(behind) + " did not stop at " + to_string(place), so_far, fresh);
    }
    const std::chrono::seconds limit = policy.reasonable_maintenance_replication_lag;
    return Run{
        {step_on(behind, Change{StartUntil{place}}, "come to where the other one is"),
         step_on(behind, WaitFor{HasExecuted{place}, limit, {}}, "come to where the other is"),
         step_on(behind, Change{StopReplication{}}, "stand still")},
        {}};
  }
  return next_of_moves({move}, {}, policy, so_far, fresh);
}

Decision move_beside(const InstanceKey& server, const InstanceKey& sibling, const Policy& policy,
                     const Progress& so_far, const Topology& fresh) {
  const Instance* asked = so_far.at_start.find(server);
  if (asked != nullptr && server != sibling &&
      hand_out_one_log(so_far.at_start, asked->replication.source, sibling)) {
    return relocate(server, sibling, policy)(so_far, fresh);
  }
  const auto check = [&]() -> Result<> {
    ORCH_ASSIGN(const Instance* mover, readable_replica(so_far.at_start, server));
    ORCH_ASSIGN(const Instance* below, readable_replica(so_far.at_start, sibling));
    if (server == sibling || mover->replication.source != below->replication.source) {
      return refusal("instances are not siblings: " + to_string(server) + ", " +
                     to_string(sibling));
    }
    if (so_far.at_start.is_below(sibling, server)) return descendant("move-below", sibling, server);
    ORCH_TRY(check_movable(*mover, policy));
    ORCH_TRY(check_movable(*below, policy));
    return can_replicate_from(*mover, *below, policy.rules());
  };
  if (auto can = check(); !can) return GiveUp{can.error(), {}};
  const Instance& mover = *so_far.at_start.find(server);
  const Instance& below = *so_far.at_start.find(sibling);
  if (gtid_compatible(mover, below)) {
    return move_gtid(server, sibling, policy)(so_far, fresh);
  }
  return next_below(mover, below, policy, so_far, fresh);
}

// --- Co-masters ---

Result<> check_co_source(const Topology& at_start, const InstanceKey& server,
                         const Policy& policy) {
  ORCH_ASSIGN(const Instance* mover, readable_replica(at_start, server));
  ORCH_TRY(check_movable(*mover, policy));
  ORCH_ASSIGN(const Instance* source, readable(at_start, mover->replication.source));
  const std::string key = to_string(server);
  const std::string source_key = to_string(source->key);
  if (source->replication.source == server) {
    return refusal("instance " + key + " is already co master of " + source_key);
  }
  if (!mover->server.read_only) {
    return refusal("instance " + key +
                   " is not read-only; first make it read-only before making it co-master");
  }
  if (source->replication.channels > 1) {
    return refusal(source_key + " replicates from several sources");
  }
  if (is_replica(*source)) {
    const Instance* partner = at_start.find(source->replication.source);
    const bool co_source = at_start.are_co_sources(source->key, source->replication.source);
    const bool may_be_left = partner == nullptr || !answers(*partner) || partner->server.read_only;
    if ((!co_source && partner != nullptr) || !may_be_left) {
      return refusal(source_key + " is not a real master; it replicates from: " +
                     to_string(source->replication.source));
    }
  }
  return can_replicate_from(*source, *mover, policy.rules());
}

/// The link of the source to `mover`: as the mover's own to the source (REF-12).
PointTo link_back(const Instance& mover, const Instance& source) {
  PointTo target;
  target.source = mover.key;
  target.positioning = Positioning::Coordinates;
  target.coordinates = mover.server.binlog;
  if (gtid_compatible(mover, source)) {
    // What the source wrote itself came back to it by the mover's log: it counts as executed.
    target.positioning = is_mariadb(source) ? Positioning::MariaDbCurrent : Positioning::Gtid;
  }
  if (!source.replication.has_credentials) target.options = new_link_options(source, &mover);
  return target;
}

/// Whether the link to `server` is the last that was done about the source's links in this run.
bool was_linked_last(const Progress& so_far, const InstanceKey& source, const InstanceKey& server) {
  const StepResult* last = latest(so_far, source, [](const Action& action) {
    return is_change<StopReplication>(action) || is_change<ResetReplication>(action) ||
           is_change<PointTo>(action);
  });
  const auto* target = last == nullptr ? nullptr : change_in<PointTo>(last->step.action);
  return target != nullptr && target->source == server;
}

/// Gives up; a link that this run made for the source is undone first.
Decision undo_link_back(Error because, const InstanceKey& server, const Instance& before,
                        const Progress& so_far, const Topology& fresh) {
  const Instance& source = *fresh.find(before.key);
  const bool is_there = before.replication.source != server && source.replication.source == server;
  if (!is_there) return give_up(std::move(because), so_far, fresh);
  // A place in the log of a former source is not known any more.
  const bool is_tried = !was_linked_last(so_far, source.key, server);
  if (!is_tried && answers(source) && (!is_replica(before) || uses_gtid(before))) {
    Run undo;
    const auto add = [&](Change change) {
      undo.steps.push_back(step_on(source.key, std::move(change), "as it was before"));
    };
    if (!replication_threads_stopped(source)) add(StopReplication{});
    if (!is_replica(before)) {
      add(ResetReplication{});
    } else {
      PointTo former;
      former.source = before.replication.source;
      former.written_name = before.replication.source_name;
      former.positioning = Positioning::Gtid;
      add(std::move(former));
      if (is_mariadb(before)) add(FollowByGtid{before.gtid.mariadb_current});
    }
    undo.facts.giving_up = std::move(because);
    return undo;
  }
  because.message += "; " + to_string(source.key) + " is left with " + to_string(server) +
                     " as its source ('orch -c reset-replica -i " + to_string(source.key) +
                     "' makes it forget that)";
  return GiveUp{std::move(because), {}};
}

Decision next_co_source(const InstanceKey& server, const Policy& policy, const Progress& so_far,
                        const Topology& fresh) {
  if (auto can = check_co_source(so_far.at_start, server, policy); !can) {
    return GiveUp{can.error(), {}};
  }
  const InstanceKey source_key = so_far.at_start.find(server)->replication.source;
  const StepResult* failed = failure_on(so_far, source_key);
  if (failed != nullptr || so_far.facts.giving_up) {
    return undo_link_back(so_far.facts.giving_up ? *so_far.facts.giving_up : *failed->error, server,
                          *so_far.at_start.find(source_key), so_far, fresh);
  }
  const Instance& source = *fresh.find(source_key);
  if (latest(so_far, source_key, is_change<PointTo>) != nullptr) {
    Account account;
    account.moved.push_back(source_key);
    return Done{std::move(account)};
  }
  const StepResult* read = latest(so_far, server, [](const Action& action) {
    return std::holds_alternative<ReadCredentials>(action);
  });
  if (read != nullptr && read->error) return give_up(*read->error, so_far, fresh);
  if (read == nullptr && !source.replication.has_credentials) {
    return Run{{step_on(server, ReadCredentials{}, "the user that replicates")}, {}};
  }
  Run run;
  if (!replication_threads_stopped(source) && is_replica(source)) {
    run.steps.push_back(step_on(source_key, Change{StopReplication{}}, "follow another source"));
  }
  Step point = step_on(source_key, Change{link_back(*fresh.find(server), source)},
                       "become the co-master of " + to_string(server));
  if (!source.replication.has_credentials) point.credentials_from = server;
  run.steps.push_back(std::move(point));
  run.steps.push_back(step_on(source_key, Change{StartReplication{}}, "follow the co-master"));
  run.steps.push_back(step_on(source_key, WaitFor{ReplicatesFrom{server}, policy.start_wait, {}},
                              "see it replicate"));
  return run;
}

// --- GTID on and off ---

Decision next_use_gtid(const InstanceKey& server, bool on, const Policy& policy,
                       const Progress& so_far, const Topology& fresh) {
  const auto check = [&]() -> Result<> {
    ORCH_ASSIGN(const Instance* replica, readable_replica(so_far.at_start, server));
    const std::string key = to_string(server);
    if (on && uses_gtid(*replica)) return refusal(key + " already uses GTID");
    if (!on && !uses_gtid(*replica)) return refusal(key + " is not using GTID");
    if (!on) {
      const std::string bound = bound_to_gtid(*replica);
      return bound.empty() ? Result<>{}
                           : refusal("Cannot disable GTID on " + key + ": it " + bound);
    }
    ORCH_ASSIGN(const Instance* source, readable(so_far.at_start, replica->replication.source));
    const bool can = is_mariadb(*replica)
                         ? is_mariadb(*source)
                         : replica->gtid.supports_oracle && source->gtid.supports_oracle;
    if (can) return {};
    return refusal("Cannot enable GTID on " + key + ": gtid_mode of both must be on, and is " +
                   replica->gtid.mode + " there and " + source->gtid.mode + " on its source");
  };
  if (auto can = check(); !can) return GiveUp{can.error(), {}};
  const Instance& now = *fresh.find(server);
  Move move = to_coordinates(server, now.replication.source, now.replication.exec);
  move.even_if_same = true;
  move.same_log = !on;
  move.why = on ? "replicate by GTID" : "replicate by coordinates";
  if (on) move.target.positioning = Positioning::Gtid;
  Decision decision = next_of_moves({move}, {}, policy, so_far, fresh);
  if (std::holds_alternative<Done>(decision) && uses_gtid(now) != on) {
    return GiveUp{Error{ErrorKind::Refused, std::string("Cannot ") + (on ? "enable" : "disable") +
                                                " GTID on " + to_string(server)},
                  {}};
  }
  return decision;
}

}  // namespace

Planner move_up(InstanceKey server, Policy policy) {
  return [=](const Progress& so_far, const Topology& fresh) -> Decision {
    const auto replica = readable_replica(so_far.at_start, server);
    if (!replica) return GiveUp{replica.error(), {}};
    const ReplicaFilter only = [&](const Instance& other) {
      return other.key == server;
    };
    return move_all_up((*replica)->replication.source, only, policy, so_far, fresh);
  };
}

Planner move_up_replicas(InstanceKey of, ReplicaFilter filter, Policy policy) {
  return [=](const Progress& so_far, const Topology& fresh) -> Decision {
    return move_all_up(of, filter, policy, so_far, fresh);
  };
}

Planner move_below(InstanceKey server, InstanceKey sibling, Policy policy) {
  return [=](const Progress& so_far, const Topology& fresh) -> Decision {
    return move_beside(server, sibling, policy, so_far, fresh);
  };
}

Planner move_equivalent(InstanceKey server, InstanceKey destination, BinlogCoordinates now_at,
                        BinlogCoordinates equal, Policy policy) {
  return [=](const Progress& so_far, const Topology& fresh) -> Decision {
    const auto check = [&]() -> Result<> {
      ORCH_ASSIGN(const Instance* mover, readable_replica(so_far.at_start, server));
      ORCH_ASSIGN(const Instance* below, readable(so_far.at_start, destination));
      if (so_far.at_start.is_below(destination, server)) {
        return descendant("move-equivalent", destination, server);
      }
      return can_replicate_from(*mover, *below, policy.rules());
    };
    if (auto can = check(); !can) return GiveUp{can.error(), {}};
    Move move = to_coordinates(server, destination, equal);
    move.equal_at = now_at;
    return next_of_moves({move}, {}, policy, so_far, fresh);
  };
}

Planner make_co_source(InstanceKey server, Policy policy) {
  return [=](const Progress& so_far, const Topology& fresh) -> Decision {
    return next_co_source(server, policy, so_far, fresh);
  };
}

Planner use_gtid(InstanceKey server, bool on, Policy policy) {
  return [=](const Progress& so_far, const Topology& fresh) -> Decision {
    return next_use_gtid(server, on, policy, so_far, fresh);
  };
}

}  // namespace orch
