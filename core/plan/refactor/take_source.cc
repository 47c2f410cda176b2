#include "core/plan/refactor/take_source.h"

#include <utility>

#include "core/plan/refactor/move.h"
#include "core/plan/refactor/parts.h"
#include "core/plan/refactor/relocate.h"

namespace orch {

namespace {

/// What speaks against the swap, by the state at the start; "" = nothing.
std::string objection(const Topology& at_start, const InstanceKey& key, const Policy& policy) {
  const Instance* taker = at_start.find(key);
  if (taker == nullptr) return "Error reading " + to_string(key);
  if (!is_replica(*taker)) return "instance is not a replica: " + to_string(key);
  const Instance* source = at_start.find(taker->replication.source);
  if (source == nullptr) return "Error reading " + to_string(taker->replication.source);
  const std::string source_key = to_string(source->key);
  if (!is_replica(*source)) return "master is not a replica itself: " + source_key;
  if (at_start.are_co_sources(source->key, source->replication.source)) {
    return source_key + " is co-master. Cannot take it.";
  }
  if (auto can = check_gtid_move(*source, *taker, policy); !can) return can.error().message;
  const Instance* above = at_start.find(source->replication.source);
  if (above == nullptr || !answers(*above)) {
    // The source's source may be dead: then only what the taker itself is can be looked at.
    return gtid_compatible(*taker, *source) ? "" : to_string(key) + " is not using GTID";
  }
  if (auto can = check_gtid_move(*taker, *above, policy); !can) return can.error().message;
  // What it has of its own the taker must have first, which could not follow that one, either.
  const Difference own = own_missing(*source, *above);
  return own.empty() ? "" : source_key + " " + turned_away_text(own);
}

Decision next(const InstanceKey& key, const Policy& policy, const Progress& so_far,
              const Topology& fresh) {
  if (so_far.facts.giving_up) return give_up(*so_far.facts.giving_up, so_far, fresh);
  if (std::string text = objection(so_far.at_start, key, policy); !text.empty()) {
    return give_up(std::move(text), so_far, fresh);
  }
  const Instance& before = *so_far.at_start.find(key);
  const InstanceKey source_key = before.replication.source;
  const InstanceKey above = so_far.at_start.find(source_key)->replication.source;
  const Instance* source = fresh.find(source_key);
  const Instance* taker = fresh.find(key);
  const bool pointed = latest(so_far, key, is_change<PointTo>) != nullptr;
  if (!pointed && !replication_threads_stopped(*source)) {
    if (const StepResult* stop = latest(so_far, source_key, is_change<StopReplication>)) {
      if (stop->error) return give_up(*stop->error, so_far, fresh);
      return give_up(to_string(source_key) + " could not be stopped", so_far, fresh);
    }
    return Run{{step_on(source_key, Change{StopReplication{}}, "stand still for the swap")}, {}};
  }
  const Position wanted = executed_position(*source);
  if (!pointed && !contains(executed_position(*taker), wanted)) {
    if (latest(so_far, key, waits_for<HasExecuted>) != nullptr) {
      return give_up(to_string(key) + " did not catch up with " + to_string(source_key), so_far,
                     fresh);
    }
    return Run{
        {step_on(key,
                 WaitFor{HasExecuted{wanted}, policy.reasonable_maintenance_replication_lag, {}},
                 "have all that its source has")},
        {}};
  }
  Move up;
  up.server = key;
  up.target.source = above;
  up.target.positioning = Positioning::Gtid;
  up.why = "take the place of " + to_string(source_key);
  const Instance* grand = fresh.find(above);
  up.verify = grand != nullptr && answers(*grand);
  const MoveState first = next_of_move(up, so_far, fresh, policy);
  if (first.kind == MoveState::Kind::Working) return Run{first.steps, {}};
  if (first.kind == MoveState::Kind::Lost) {
    return give_up(to_string(LostReplica{key, first.because}), so_far, fresh);
  }
  Move down;
  down.server = source_key;
  down.target.source = key;
  down.target.positioning = Positioning::Gtid;
  down.why = "follow the one that took its place";
  Decision decision = next_of_moves({down}, {}, policy, so_far, fresh);
  if (auto* done = std::get_if<Done>(&decision))
    done->account.moved.insert(done->account.moved.begin(), key);
  return decision;
}

}  // namespace

Planner take_source(InstanceKey server, Policy policy) {
  return [server = std::move(server), policy = std::move(policy)](const Progress& so_far,
                                                                  const Topology& fresh) {
    return next(server, policy, so_far, fresh);
  };
}

}  // namespace orch
