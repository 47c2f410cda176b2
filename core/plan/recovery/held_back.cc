#include "core/plan/recovery/held_back.h"

#include "core/plan/candidate.h"
#include "core/plan/refactor/parts.h"

namespace orch {

namespace {

std::optional<Run> by_gtid_again(const Instance& server, const std::string& why,
                                 const Progress& so_far) {
  if (!answers(server) || !is_replica(server) || uses_gtid(server)) return std::nullopt;
  if (latest(so_far, server.key, is_change<FollowByGtid>) != nullptr) return std::nullopt;
  Run run;
  if (!replication_threads_stopped(server)) {
    run.steps.push_back(step_on(server.key, Change{StopReplication{}}, why));
  }
  run.steps.push_back(step_on(server.key, Change{FollowByGtid{}}, why));
  return run;
}

}  // namespace

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
  run.facts.undelayed = server.key;
  SetDelay none;
  none.keeps_relay_logs = true;
  run.steps.push_back(step_on(server.key, Change{none}, "a primary must not be delayed"));
  run.steps.push_back(step_on(server.key, Change{StartReplication{ReplicationThreads::Applier}},
                              "apply what it holds"));
  return run;
}

std::optional<Run> back_to_gtid(const Instance& server, const Progress& so_far) {
  const bool ours = so_far.facts.undelayed == server.key;
  if (!ours || holds_gtids_in_relay_log(server)) return std::nullopt;
  return by_gtid_again(server, "it has applied all that it had received", so_far);
}

std::optional<Run> give_up_undelayed(const InstanceKey& winner, const Progress& so_far,
                                     const Topology& fresh) {
  const auto& key = so_far.facts.undelayed;
  const Instance* server = key && *key != winner ? fresh.find(*key) : nullptr;
  if (server == nullptr) return std::nullopt;
  return by_gtid_again(*server, to_string(winner) + " was promoted without what it holds", so_far);
}

}  // namespace orch
