#include "core/plan/recovery/detaching.h"

#include <algorithm>
#include <utility>

#include "core/plan/recovery/binlog_servers.h"
#include "core/plan/refactor/move.h"
#include "core/plan/refactor/parts.h"

namespace orch {

namespace {

/// For a server that hangs.
constexpr std::chrono::seconds kChangeLimit{10};
/// How often the receiver of a replica is stopped: what it received meanwhile is applied first.
constexpr int kReceiverStops = 2;

/// One server that is to follow a source that does not exist, or does not answer.
class Detacher {
 public:
  Detacher(const Instance& server, InstanceKey target, std::string why, const Policy& policy,
           const Progress& so_far, const Topology& fresh)
      : server_(server),
        target_(std::move(target)),
        why_(std::move(why)),
        policy_(policy),
        so_far_(so_far),
        source_(fresh.source_of(server.key)) {}

  [[nodiscard]] MoveState next() const {
    if (server_.replication.source == target_) return start();
    if (std::string text = objection(); !text.empty()) {
      return {MoveState::Kind::Lost, {}, std::move(text)};
    }
    if (!has_applied_all(server_)) return wait();
    MoveState state;
    if (runs(server_.replication.io_state)) {
      // What it receives until it has stopped must be seen, and applied.
      state.steps.push_back(stop(ReplicationThreads::Receiver));
      return state;
    }
    if (auto end = see_applier_end(server_, so_far_)) {
      return {MoveState::Kind::Working, {*std::move(end)}, "", true};
    }
    if (runs(server_.replication.sql_state)) state.steps.push_back(stop(ReplicationThreads::Both));
    PointTo target;
    target.source = target_;
    if (!uses_gtid(server_)) target.coordinates = server_.replication.exec;
    state.steps.push_back(step(std::move(target)));
    state.steps.push_back(step(StartReplication{}));
    return state;
  }

 private:
  [[nodiscard]] Step step(Change change) const {
    Step step = step_on(server_.key, std::move(change), why_);
    step.limit = kChangeLimit;
    return step;
  }
  [[nodiscard]] Step stop(ReplicationThreads threads) const {
    return step(StopReplication{threads, source_ != nullptr && !answers(*source_)});
  }
  [[nodiscard]] bool is_ours(const StepResult& result) const {
    return result.step.server == server_.key && result.step.why == why_;
  }

  /// "" = it may be detached.
  [[nodiscard]] std::string objection() const {
    const Replication& replication = server_.replication;
    if (!answers(server_)) return silence_of(server_);
    if (replication.channels > 1) {
      return "replicates from " + std::to_string(replication.channels) + " sources";
    }
    if (is_group_secondary(server_)) return "is a secondary member of a replication group";
    if (server_.server.binlog_server) return "is a binlog server";
    const StepResult* stopped = latest(so_far_, server_.key, is_change<StopReplication>);
    if (stopped != nullptr && stopped->error)
      return without_name(stopped->error->message, server_.key);
    const auto failed =
        std::find_if(so_far_.steps.begin(), so_far_.steps.end(), [&](const StepResult& result) {
          return is_ours(result) && result.error && !waits_for<AppliedReceived>(result.step.action);
        });
    if (failed != so_far_.steps.end()) return without_name(failed->error->message, server_.key);
    if (!has_applied_all(server_) && (replication.sql_delay.count() > 0 || has_waited())) {
      return "would lose what it has received: " + standing(AppliedReceived{}, server_).reason;
    }
    const auto stops =
        std::count_if(so_far_.steps.begin(), so_far_.steps.end(), [&](const StepResult& result) {
          return is_ours(result) && is_change<StopReplication>(result.step.action);
        });
    const bool receives = runs(replication.io_state);
    return receives && stops >= kReceiverStops ? "does not cease to receive" : "";
  }

  [[nodiscard]] bool has_waited() const {
    return latest(so_far_, server_.key, waits_for<AppliedReceived>) != nullptr;
  }

  [[nodiscard]] MoveState wait() const {
    MoveState state;
    state.steps.push_back(
        step_on(server_.key, WaitFor{AppliedReceived{}, policy_.bulk_wait, {}}, why_));
    state.may_take_long = true;
    return state;
  }

  /// It was cut off between the change of its source and the start, if it stands still.
  [[nodiscard]] MoveState start() const {
    const StepResult* last = latest(so_far_, server_.key, is_change<StartReplication>);
    const bool tried = last != nullptr && is_ours(*last);
    if (tried || !answers(server_) || !replication_threads_stopped(server_)) {
      return {MoveState::Kind::Moved, {}, ""};
    }
    MoveState state;
    state.steps.push_back(step(StartReplication{}));
    return state;
  }

  const Instance& server_;
  const InstanceKey target_;
  const std::string why_;
  const Policy& policy_;
  const Progress& so_far_;
  const Instance* source_;
};

bool is_begun(const Progress& so_far, const InstanceKey& key) {
  const auto& begun = so_far.facts.detached;
  return begun && std::any_of(begun->begin(), begun->end(),
                              [&](const LostReplica& one) { return one.key == key; });
}

/// Nothing for those that follow somebody else, and where operators do not want it.
std::optional<MoveState> next_of_detaching(const InstanceKey& key, const InstanceKey& old_primary,
                                           const Policy& policy, const Progress& so_far,
                                           const Topology& fresh) {
  const Instance* server = fresh.find(key);
  if (server == nullptr || !(policy.detach_lost_replicas || is_begun(so_far, key))) {
    return std::nullopt;
  }
  const InstanceKey& source = server->replication.source;
  if (source != old_primary && source != detached(old_primary)) return std::nullopt;
  return Detacher(*server, detached(old_primary), "it is lost, and must not follow the old primary",
                  policy, so_far, fresh)
      .next();
}

MoveState next_of_link(const Instance& winner, const InstanceKey& old_primary, const Policy& policy,
                       const Progress& so_far, const Topology& fresh) {
  // It may have fetched from another, and its place be in that one's log.
  const InstanceKey& source = winner.replication.source;
  const bool other_log = !uses_gtid(winner) && !reads_log_of(fresh, winner, old_primary);
  const InstanceKey target =
      policy.detach_promoted ? detached(other_log ? source : old_primary) : old_primary;
  if (!is_replica(winner) || source == target) return {MoveState::Kind::Moved, {}, ""};
  if (other_log && !policy.detach_promoted) {
    return {MoveState::Kind::Lost,
            {},
            "its place in the log of " + to_string(old_primary) + " is not known"};
  }
  MoveState state = Detacher(winner, target,
                             policy.detach_promoted ? "it must not follow the old primary"
                                                    : "it follows the old primary as before",
                             policy, so_far, fresh)
                        .next();
  // A primary to be has no use for threads that connect to nowhere.
  if (policy.detach_promoted && !state.steps.empty() &&
      is_change<StartReplication>(state.steps.back().action)) {
    state.steps.pop_back();
  }
  return state;
}

}  // namespace

Run detach_lost(const InstanceKey& old_primary, const std::vector<LostReplica>& lost,
                const Policy& policy, const Progress& so_far, const Topology& fresh) {
  Run run;
  std::vector<LostReplica> begun = so_far.facts.detached.value_or(std::vector<LostReplica>{});
  const std::size_t begun_before = begun.size();
  std::vector<MoveState> states;
  for (const LostReplica& one : lost) {
    auto state = next_of_detaching(one.key, old_primary, policy, so_far, fresh);
    if (!state || state->steps.empty()) continue;
    const bool changes = std::any_of(state->steps.begin(), state->steps.end(), changes_server);
    if (changes && !is_begun(so_far, one.key)) begun.push_back(one);
    states.push_back(*std::move(state));
  }
  run.steps = next_steps_of(std::move(states));
  if (begun.size() > begun_before) run.facts.detached = std::move(begun);
  return run;
}

std::vector<std::string> detaching_notes(const InstanceKey& old_primary,
                                         const std::vector<LostReplica>& lost, const Policy& policy,
                                         const Progress& so_far, const Topology& fresh) {
  std::vector<std::string> notes;
  for (const LostReplica& one : lost) {
    const auto state = next_of_detaching(one.key, old_primary, policy, so_far, fresh);
    if (!state) continue;
    const std::string key = to_string(one.key);
    notes.push_back(state->kind == MoveState::Kind::Moved
                        ? key + " is detached from " + to_string(old_primary)
                        : key + " is not detached from " + to_string(old_primary) + ": " +
                              state->because);
  }
  return notes;
}

std::vector<Step> settle_link_of(const Instance& winner, const InstanceKey& old_primary,
                                 const Policy& policy, const Progress& so_far,
                                 const Topology& fresh) {
  return next_of_link(winner, old_primary, policy, so_far, fresh).steps;
}

std::string link_note(const Instance& winner, const InstanceKey& old_primary, const Policy& policy,
                      const Progress& so_far, const Topology& fresh) {
  const MoveState state = next_of_link(winner, old_primary, policy, so_far, fresh);
  const std::string key = to_string(winner.key);
  if (state.kind == MoveState::Kind::Lost) {
    return key + " still follows " + to_string(winner.replication.source) + ": " + state.because;
  }
  if (!is_replica(winner)) return "";
  return policy.detach_promoted ? key + " is detached from " + to_string(old_primary) : "";
}

}  // namespace orch
