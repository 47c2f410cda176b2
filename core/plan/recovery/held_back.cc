#include "core/plan/recovery/held_back.h"

#include "core/plan/candidate.h"
#include "core/plan/recovery/holdings.h"
#include "core/plan/refactor/parts.h"

namespace orch {

namespace {

constexpr const char* kNoDelay = "what it holds is needed now";
constexpr const char* kApply = "apply what it holds";

Undelayed as_it_was(const Instance& server) {
  Undelayed before{server.key, server.replication.sql_delay, server.gtid.mariadb_current, {}, ""};
  if (is_mariadb(server) && !uses_gtid(server)) {
    before.exec = server.replication.exec;
    before.slave_pos = server.gtid.mariadb_slave_pos;
  }
  return before;
}

std::optional<Run> by_gtid_again(const Instance& server, const std::string& why,
                                 const Progress& so_far) {
  if (!answers(server) || !is_replica(server) || uses_gtid(server)) return std::nullopt;
  const Undelayed* before = undelayed(so_far.facts, server.key);
  const bool by_place = before != nullptr && !before->exec.empty();
  if (by_place || latest(so_far, server.key, is_change<FollowByGtid>) != nullptr) {
    return std::nullopt;
  }
  Run run;
  if (!replication_threads_stopped(server)) {
    run.steps.push_back(step_on(server.key, Change{StopReplication{}}, why));
  }
  const bool current = before != nullptr && before->mariadb_current;
  run.steps.push_back(step_on(server.key, Change{FollowByGtid{current}}, why));
  return run;
}

}  // namespace

bool is_held_up(const Instance& server, const Progress& so_far) {
  const StepResult* last = latest(so_far, server.key, [](const Action& action) {
    return is_change<RollBackPartial>(action) || is_change<StopReplication>(action);
  });
  return last != nullptr && last->error && is_change<RollBackPartial>(last->step.action) &&
         answers(server) && is_replica(server) && runs(server.replication.sql_state);
}

bool keeps_only_while_connected(const Instance& server) {
  return is_mariadb(server) && uses_gtid(server) &&
         server.replication.sql_state != ThreadState::Running &&
         !server.replication.last_sql_error.empty() && !has_applied_all(server);
}

bool needs_receiver_to_undelay(const Instance& server) {
  return !is_mariadb(server) && server.replication.sql_delay.count() > 0 &&
         !has_applied_all(server);
}

bool refused_to_undelay(const InstanceKey& server, const Progress& so_far) {
  const StepResult* tried = latest(so_far, server, [](const Action& action) {
    return is_change<SetDelay>(action) || is_change<StartReplication>(action);
  });
  return tried != nullptr && tried->error;
}

void undelay_while_receiving(const Instance& server, Run& run) {
  if (server.replication.sql_delay.count() == 0 || is_mariadb(server)) return;
  const auto add = [&](Change change, const char* why) {
    run.steps.push_back(step_on(server.key, std::move(change), why));
  };
  run.facts.undelayed.push_back(as_it_was(server));
  if (runs(server.replication.sql_state)) {
    add(StopReplication{ReplicationThreads::Applier}, "change its delay");
  }
  add(SetDelay{}, kNoDelay);
  add(StartReplication{ReplicationThreads::Applier}, kApply);
}

std::optional<Run> undelay(const Instance& server, const Progress& so_far) {
  if (!can_undelay(server) || has_applied_all(server)) return std::nullopt;
  if (latest(so_far, server.key, is_change<SetDelay>) != nullptr) return std::nullopt;
  Run run;
  // Its place in the relay log is certain when it stands still.
  if (runs(server.replication.sql_state)) {
    run.steps.push_back(step_on(server.key, Change{StopReplication{ReplicationThreads::Applier}},
                                "change its delay"));
    return run;
  }
  run.facts.undelayed.push_back(as_it_was(server));
  SetDelay none;
  none.keeps_relay_logs = true;
  run.steps.push_back(step_on(server.key, Change{none}, kNoDelay));
  run.steps.push_back(
      step_on(server.key, Change{StartReplication{ReplicationThreads::Applier}}, kApply));
  return run;
}

std::optional<Run> back_to_gtid(const Instance& server, const Progress& so_far) {
  const bool ours = is_mariadb(server) && undelayed(so_far.facts, server.key) != nullptr;
  if (!ours || holds_gtids_in_relay_log(server)) return std::nullopt;
  return by_gtid_again(server, "it has applied all that it had received", so_far);
}

std::optional<Run> drain_of(const Instance& server, const InstanceKey& failed, const Policy& policy,
                            const Progress& so_far, const Topology& fresh) {
  if (auto run = undelay(server, so_far)) return run;
  if (auto run = back_to_gtid(server, so_far)) return run;
  const StepResult* changed = latest(so_far, server.key, is_change<SetDelay>);
  if (changed != nullptr && changed->error) return std::nullopt;
  const bool would_discard = usable_position(server).index() == received_position(server).index() &&
                             !contains(usable_position(server), received_position(server));
  if (has_applied_all(server) || would_discard ||
      latest(so_far, server.key, waits_for<AppliedReceived>) != nullptr) {
    return std::nullopt;
  }
  // By coordinates, the beginning of a transaction counts as received, too.
  AppliedReceived wanted;
  const Undelayed* before = is_mariadb(server) ? undelayed(so_far.facts, server.key) : nullptr;
  if (before != nullptr && before->exec.empty()) wanted.held = received_position(server);
  if (before != nullptr) wanted.not_at = before->slave_pos;
  Run run;
  if (!runs(server.replication.sql_state) && server.replication.last_sql_error.empty()) {
    run.steps.push_back(
        step_on(server.key, Change{StartReplication{ReplicationThreads::Applier}}, kApply));
  }
  run.steps.push_back(step_on(server.key,
                              WaitFor{std::move(wanted), policy.promotion_wait,
                                      patience_with(server, failed, policy, fresh)},
                              kApply));
  return run;
}

std::optional<Run> give_delays_back(const std::optional<InstanceKey>& winner,
                                    const Progress& so_far, const Topology& fresh) {
  Run run;
  const Instance* promoted = winner ? fresh.find(*winner) : nullptr;
  const std::string why = winner ? to_string(*winner) + " was promoted" : "as it was before";
  for (const Undelayed& before : so_far.facts.undelayed) {
    const Instance* server = before.server == winner ? nullptr : fresh.find(before.server);
    if (server == nullptr || !answers(*server) || !is_replica(*server)) continue;
    // Its relay logs may be all that is left of these transactions, and are thrown away by that.
    const bool alone = holds_gtids_in_relay_log(*server) &&
                       (promoted == nullptr ||
                        !contains(executed_position(*promoted), received_position(*server)));
    const StepResult* changed = latest(so_far, server->key, is_change<SetDelay>);
    const bool tried =
        changed != nullptr && change_in<SetDelay>(changed->step.action)->delay.count() > 0;
    const StepResult* stopped = latest(so_far, server->key, is_change<StopReplication>);
    const bool does_not_stop = stopped != nullptr && stopped->error;
    if (alone || does_not_stop) continue;
    if (is_mariadb(*server)) {
      if (auto back = by_gtid_again(*server, why, so_far)) {
        std::move(back->steps.begin(), back->steps.end(), std::back_inserter(run.steps));
        continue;
      }
      if (!uses_gtid(*server) && before.exec.empty()) continue;
    }
    // It is moved or put back next, and started by that. What it holds it shall not wait for again.
    if (tried || before.delay.count() == 0 || server->replication.sql_delay.count() > 0) continue;
    if (!has_applied_all(*server)) continue;
    if (!replication_threads_stopped(*server)) {
      run.steps.push_back(step_on(server->key, Change{StopReplication{}}, why));
    }
    run.steps.push_back(step_on(server->key, Change{SetDelay{before.delay}}, why));
  }
  if (run.steps.empty()) return std::nullopt;
  return run;
}

std::optional<Run> give_up_partial(const InstanceKey& winner,
                                   const std::vector<const Instance*>& servers,
                                   const Progress& so_far) {
  Run run;
  for (const Instance* server : servers) {
    if (server->key == winner) {
      if (auto end = see_applier_end(*server, so_far)) run.steps.push_back(*std::move(end));
    }
    if (auto step = give_up_partial(*server, so_far)) run.steps.push_back(*std::move(step));
  }
  if (run.steps.empty()) return std::nullopt;
  return run;
}

std::optional<Run> stop_held_up(const Instance& winner, const std::vector<const Instance*>& servers,
                                const Progress& so_far) {
  if (!is_held_up(winner, so_far)) return std::nullopt;
  Run run;
  for (const Instance* server : servers) {
    if (!is_held_up(*server, so_far)) continue;
    run.steps.push_back(step_on(server->key, Change{StopReplication{}},
                                "its applier waits for what will not come"));
  }
  return run;
}

std::vector<std::string> partial_notes(const Progress& so_far) {
  std::vector<std::string> notes;
  for (const StepResult& result : so_far.steps) {
    if (!is_change<RollBackPartial>(result.step.action)) continue;
    const std::string key = to_string(result.step.server);
    if (!result.error && !result.idle) {
      notes.push_back("the transaction that " + key + " had received in part was rolled back");
    } else if (result.error) {
      notes.push_back("a transaction that " + key +
                      " had received in part held up its applier, which could not be ended: " +
                      result.error->message);
    }
  }
  return notes;
}

}  // namespace orch
