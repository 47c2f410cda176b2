#include "core/plan/refactor/take_source.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "core/plan/refactor/move.h"
#include "core/plan/refactor/parts.h"
#include "core/plan/refactor/relocate.h"

namespace orch {

namespace {

/// What it has received and not applied, and nobody would send it again; "" = nothing.
std::string held_back(const Instance& source) {
  const Difference rest = missing(executed_position(source), received_position(source));
  if (rest.empty()) return "";
  return to_string(source.key) + " has received and not applied " + to_string(rest) + ", and " +
         to_string(source.replication.source) + " does not answer";
}

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
    if (!gtid_compatible(*taker, *source)) return to_string(key) + " is not using GTID";
    return may_apply(*source) ? "" : held_back(*source);
  }
  if (auto can = check_gtid_move(*taker, *above, policy); !can) return can.error().message;
  // What it has of its own the taker must have first, which could not follow that one, either.
  const Difference own = own_missing(*source, *above);
  return own.empty() ? "" : source_key + " " + turned_away_text(own);
}

Move by_gtid(const InstanceKey& server, const InstanceKey& below, std::string why) {
  Move move;
  move.server = server;
  move.target.source = below;
  move.target.positioning = Positioning::Gtid;
  move.why = std::move(why);
  return move;
}

bool stops_all(const Action& action) {
  const auto* stop = change_in<StopReplication>(action);
  return stop != nullptr && stop->threads == ReplicationThreads::Both;
}

/// Who swaps, and below whom.
struct Swap {
  InstanceKey taker{};
  InstanceKey source{};
  InstanceKey above{};
};

/// The first step after those that brought the taker below the one above; nothing when it never
/// came there.
std::optional<std::vector<StepResult>::const_iterator> settled(const Swap& swap,
                                                               const Progress& so_far) {
  const auto points = [&](const StepResult& result) {
    const auto* target = change_in<PointTo>(result.step.action);
    return target != nullptr && !result.error && result.step.server == swap.taker &&
           target->source == swap.above;
  };
  const auto pointed = std::find_if(so_far.steps.begin(), so_far.steps.end(), points);
  if (pointed == so_far.steps.end()) return std::nullopt;
  return std::find_if_not(pointed, so_far.steps.end(), [&](const StepResult& result) {
    return result.step.server == swap.taker && !is_change<StopReplication>(result.step.action);
  });
}

/// Brings the source back into replication, then the taker below it.
Decision undo(Error because, const Swap& swap, const Policy& policy, const Progress& so_far,
              const Topology& fresh) {
  const auto since = settled(swap, so_far);
  if (!since) return give_up(std::move(because), so_far, fresh);
  Account account;
  account.lost.push_back({swap.source, because.message});
  Decision decision = end_of_moves(std::move(account), so_far, fresh);
  const Instance& source = *fresh.find(swap.source);
  const bool is_below = source.replication.source == swap.taker;
  if (is_below && replica_running(source)) {  // only its confirmation came too late
    account = {};
    account.moved = {swap.taker, swap.source};
    return Done{std::move(account)};
  }
  if (!std::holds_alternative<Run>(decision) && !is_below) {
    std::vector<Instance> all(so_far.at_start.instances().begin(),
                              so_far.at_start.instances().end());
    for (Instance& instance : all) {
      if (instance.key == swap.taker) instance.replication.source = swap.above;
    }
    Progress rest{Topology(std::move(all)), {*since, so_far.steps.end()}, so_far.facts};
    rest.facts.giving_up.reset();
    decision = next_of_moves({by_gtid(swap.taker, swap.source, "as it was before")}, {}, policy,
                             rest, fresh);
  }
  if (auto* run = std::get_if<Run>(&decision)) {
    run->facts.giving_up = std::move(because);
    return decision;
  }
  if (fresh.find(swap.taker)->replication.source == swap.above) {
    because.message += "; " + to_string(swap.taker) + " is left below " + to_string(swap.above);
  }
  return GiveUp{std::move(because), {}};
}

/// The source receives no more, and applies what it holds; nothing when it stands still.
std::optional<Decision> still(const Swap& swap, const Policy& policy, const Progress& so_far,
                              const Topology& fresh) {
  const Instance& source = *fresh.find(swap.source);
  const StepResult* failed = failure_on(so_far, swap.source);
  if (failed != nullptr && !waits_for<AppliedReceived>(failed->step.action)) {
    return give_up(*failed->error, so_far, fresh);
  }
  const Instance* above = fresh.find(swap.above);
  const bool waited = latest(so_far, swap.source, waits_for<AppliedReceived>) != nullptr;
  if (above == nullptr || !answers(*above)) {
    std::string text = waited || !may_apply(source) ? held_back(source) : "";
    if (!text.empty()) return give_up(std::move(text), so_far, fresh);
  }
  if (replication_threads_stopped(source)) return std::nullopt;
  if (latest(so_far, swap.source, stops_all) != nullptr) {
    return give_up(to_string(swap.source) + " could not be stopped", so_far, fresh);
  }
  std::optional<Step> first = give_up_partial(source, so_far);
  if (!first) first = see_applier_end(source, so_far);
  if (first) return Run{{*std::move(first)}, {}};
  Run run;
  if (failed == nullptr && !waited && may_apply(source)) {
    run.steps = drain_steps(source, above, policy);
    // What came in part shows when the rest is applied.
    if (!receiver_stops_last(source, above)) return run;
  }
  run.steps.push_back(step_on(swap.source, Change{StopReplication{}}, "stand still for the swap"));
  return run;
}

Decision next(const InstanceKey& key, const Policy& policy, const Progress& so_far,
              const Topology& fresh) {
  if (std::string text = objection(so_far.at_start, key, policy); !text.empty()) {
    return give_up(std::move(text), so_far, fresh);
  }
  Swap swap{key, so_far.at_start.find(key)->replication.source, {}};
  swap.above = so_far.at_start.find(swap.source)->replication.source;
  if (so_far.facts.giving_up) return undo(*so_far.facts.giving_up, swap, policy, so_far, fresh);
  if (latest(so_far, key, is_change<PointTo>) == nullptr) {
    if (auto not_yet = still(swap, policy, so_far, fresh)) return *std::move(not_yet);
    const Position wanted = executed_position(*fresh.find(swap.source));
    if (!contains(executed_position(*fresh.find(key)), wanted)) {
      if (latest(so_far, key, waits_for<HasExecuted>) != nullptr) {
        return give_up(to_string(key) + " did not catch up with " + to_string(swap.source), so_far,
                       fresh);
      }
      const std::chrono::seconds limit = policy.reasonable_maintenance_replication_lag;
      return Run{
          {step_on(key, WaitFor{HasExecuted{wanted}, limit, {}}, "have all that its source has")},
          {}};
    }
  }
  Move up = by_gtid(key, swap.above, "take the place of " + to_string(swap.source));
  const Instance* above = fresh.find(swap.above);
  up.verify = above != nullptr && answers(*above);
  const MoveState first = next_of_move(up, so_far, fresh, policy);
  if (first.kind == MoveState::Kind::Working) return Run{first.steps, {}};
  if (first.kind == MoveState::Kind::Lost) {
    Error because{ErrorKind::Refused, to_string(LostReplica{key, first.because})};
    return undo(std::move(because), swap, policy, so_far, fresh);
  }
  const Move down = by_gtid(swap.source, key, "follow the one that took its place");
  Decision decision = next_of_moves({down}, {}, policy, so_far, fresh);
  if (auto* done = std::get_if<Done>(&decision)) {
    done->account.moved.insert(done->account.moved.begin(), key);
  }
  if (auto* stuck = std::get_if<GiveUp>(&decision)) {
    return undo(std::move(stuck->because), swap, policy, so_far, fresh);
  }
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
