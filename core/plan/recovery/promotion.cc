#include "core/plan/recovery/promotion.h"

#include <set>
#include <utility>

#include "core/plan/undo.h"

namespace orch {

std::vector<Step> promotion_steps(const Instance& winner) {
  const auto step = [&](Change change, std::string why) {
    return Step{winner.key, std::move(change), std::move(why), {}, false};
  };
  std::vector<Step> steps;
  if (winner.replication.configured || is_replica(winner)) {
    if (!replication_threads_stopped(winner)) {
      steps.push_back(step(StopReplication{}, "it has applied all that it received"));
    }
    steps.push_back(step(ResetReplication{}, "it follows nobody any more"));
  }
  if (winner.semi_sync.priority > 0) {
    steps.push_back(step(SetSemiSyncSource{true}, "its semi-sync priority says so"));
  }
  steps.push_back(step(SetReadOnly{false}, "it takes the writes from now on"));
  steps.back().point_of_no_return = true;
  return steps;
}

bool is_writable_top(const Instance& instance) {
  return answers(instance) && !is_replica(instance) && !instance.replication.configured &&
         !instance.server.read_only;
}

SiblingPlan sibling_moves(const InstanceKey& old_primary, const Instance& winner,
                          const Policy& policy, const Progress& so_far, const Topology& fresh) {
  std::set<InstanceKey> keys;
  for (const Topology* topology : {&so_far.at_start, &fresh}) {
    for (const Instance* replica : topology->replicas_of(old_primary))
      keys.insert(replica->key);
  }
  // A run that was interrupted may have pointed some there and not started them.
  const Instance* before = so_far.at_start.find(winner.key);
  if (before != nullptr && !is_replica(*before)) {
    for (const Instance* replica : so_far.at_start.replicas_of(winner.key)) {
      if (replication_threads_stopped(*replica)) keys.insert(replica->key);
    }
  }
  keys.erase(winner.key);
  keys.erase(old_primary);
  SiblingPlan plan;
  for (const InstanceKey& key : keys) {
    const Instance* replica = fresh.find(key);
    if (replica == nullptr) continue;
    const bool follows = replica->replication.source == winner.key;
    std::string because;
    if (!follows && !answers(*replica)) {
      because = "does not answer";
    } else if (!follows && replica->replication.channels > 1) {
      because = "replicates from " + std::to_string(replica->replication.channels) + " sources";
    } else if (!follows && is_group_secondary(*replica)) {
      because = "is a secondary member of a replication group";
    } else if (!follows) {
      if (auto can = can_replicate_from_gtid(*replica, winner, policy.rules()); !can) {
        because = can.error().message;
      }
    }
    if (!because.empty()) {
      plan.lost.push_back({key, std::move(because)});
      continue;
    }
    Move move;
    move.server = key;
    move.target.source = winner.key;
    move.why = "follow the new primary";
    move.always_start = true;
    move.destination_holds = so_far.facts.position_at_promotion;
    plan.moves.push_back(std::move(move));
  }
  return plan;
}

std::optional<InstanceKey> in_doubt(const Progress& so_far, const Topology& fresh) {
  for (const StepResult& result : so_far.steps) {
    if (!result.step.point_of_no_return) continue;
    const Instance* now = fresh.find(result.step.server);
    if (now == nullptr || !answers(*now)) return result.step.server;
  }
  return std::nullopt;
}

Decision give_up_in_doubt(const InstanceKey& server) {
  return GiveUp{Error{ErrorKind::Unreachable,
                      to_string(server) +
                          " was told to take writes and does not answer any more: make sure which "
                          "server takes writes before anything else"},
                {}};
}

Decision back_out(Error because, const Progress& so_far, const Topology& fresh) {
  Run undo{undo_read_only_steps(so_far, fresh), {}};
  for (Step& step : undo_thread_steps(so_far, fresh))
    undo.steps.push_back(std::move(step));
  if (undo.steps.empty()) return GiveUp{std::move(because), {}};
  undo.facts.giving_up = std::move(because);
  return undo;
}

}  // namespace orch
