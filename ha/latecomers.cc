#include "ha/latecomers.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/model/cluster_filter.h"
#include "core/plan/refactor/match.h"
#include "ha/completion.h"
#include "ha/maintenance_locks.h"
#include "ha/registration.h"
#include "storage/downtime_store.h"
#include "storage/quarantine_store.h"

namespace orch::ha {

namespace {

/// Later, people may have begun to work on what was left behind.
constexpr std::chrono::minutes kRecent{10};

constexpr std::chrono::minutes kShortDowntime{1};

constexpr std::string_view kAudit = "gather-late-replica";

bool is_in_force(const Parts& parts, const RecoveryRecord& recovery) {
  const bool recent = recovery.ended && parts.clock.now() - *recovery.ended < kRecent;
  return recent && recovery.successful && !recovery.acknowledged &&
         names_cluster(parts.config.recovery.recover_master_cluster_filters, recovery.cluster_name,
                       recovery.cluster_alias);
}

/// It answers, and follows the server that was replaced, or was moved and not started.
bool is_late(const Instance& replica, const RecoveryRecord& recovery) {
  if (!answers(replica) || !is_replica(replica)) return false;
  const InstanceKey& source = replica.replication.source;
  return source == recovery.failed ||
         (source == recovery.successor && replication_threads_stopped(replica));
}

/// Whoever is cut off on the way leaves it so that the next one finds it late again.
Planner gathering(const InstanceKey& key, const InstanceKey& successor, const Policy& policy) {
  const auto select = [=](const Topology& now) -> Result<MovePlan> {
    const Instance* replica = now.find(key);
    const Instance* master = now.find(successor);
    for (const Instance* server : {replica, master}) {
      if (server == nullptr) return fail(ErrorKind::NotFound, "it or its master is not known");
      if (answers(*server)) continue;
      return fail(ErrorKind::Unreachable, to_string(server->key) + " " + silence_of(*server));
    }
    MovePlan plan;
    if (replica->replication.source == successor) {
      plan.moves.emplace_back();
      plan.moves.back().server = key;
      plan.moves.back().target.source = successor;
    } else {
      plan = best_plan(now, {replica}, *master, policy);
    }
    for (Move& move : plan.moves)
      move.always_start = true;
    return plan;
  };
  return [key, successor, move = planner_for(select, policy)](const Progress& so_far,
                                                              const Topology& fresh) -> Decision {
    // Another master stands: what it writes nobody else has.
    const Instance* replica = fresh.find(key);
    const bool tried = latest(so_far, key, is_change<SetReadOnly>) != nullptr;
    if (replica == nullptr || !answers(*replica) || replica->server.read_only || tried) {
      return move(so_far, fresh);
    }
    return Run{
        {{key, Change{SetReadOnly{true}}, to_string(successor) + " takes the writes", {}, false}},
        {}};
  };
}

/// What the story of a recovery says of each that was looked at.
std::string answer_of(const InstanceKey& replica) {
  return to_string(replica) + " answers again, and ";
}

Result<> gather(const Parts& parts, const RecoveryRecord& recovery, const Instance& replica) {
  RunScope scope;
  scope.reason = kAudit;
  scope.suspect = recovery.failed;
  std::vector<Instance> records;
  for (const InstanceKey& key : {replica.key, recovery.successor, recovery.failed}) {
    scope.probe.insert(key);
    ORCH_ASSIGN(std::optional<Instance> record, parts.instances.find(key));
    if (record) records.push_back(*std::move(record));
  }
  BackendLocks locks(parts.database, parts.clock, parts.self, "orch");
  Executor executor(parts.servers, parts.leadership, locks, parts.watcher, parts.executor);
  const Outcome outcome = executor.run(gathering(replica.key, recovery.successor, parts.policy),
                                       Topology(std::move(records)), scope);
  if (parts.record) ORCH_TRY(parts.record(scope.probe, outcome.topology));
  const bool may_go_well = outcome.error && (outcome.error->kind == ErrorKind::Unreachable ||
                                             outcome.error->kind == ErrorKind::Conflict);
  if (may_go_well) return {};
  const std::string text =
      answer_of(replica.key) + (outcome.error
                                    ? "is not moved: " + outcome.error->message
                                    : fmt::format("follows {} now", to_string(recovery.successor)));
  parts.teller.audit(kAudit, replica.key, text);
  parts.teller.say(text);
  return recovery_store(parts).save_step(recovery.uid, text);
}

}  // namespace

Result<> gather_latecomers(const Parts& parts) {
  ORCH_ASSIGN(const std::vector<storage::Quarantine> replaced,
              storage::QuarantineStore(parts.database, parts.clock).list());
  if (replaced.empty()) return {};
  const storage::RecoveryStore store = recovery_store(parts);
  ORCH_ASSIGN(const bool disabled, store.globally_disabled());
  if (disabled) return {};
  for (const storage::Quarantine& entry : replaced) {
    ORCH_ASSIGN(const std::optional<RecoveryRecord> recovery, store.find(entry.recovery_uid));
    // One that was replaced itself since then is nobody to follow.
    const bool stands = std::none_of(replaced.begin(), replaced.end(), [&](const auto& other) {
      return other.key == entry.successor;
    });
    if (!recovery || !stands || recovery->failed != entry.key || !is_in_force(parts, *recovery)) {
      continue;
    }
    for (const InstanceKey& key : recovery->lost_replicas) {
      ORCH_ASSIGN(const std::optional<Instance> replica, parts.instances.find(key));
      if (!replica || !is_late(*replica, *recovery)) continue;
      ORCH_ASSIGN(const std::vector<RecoveryStep> story, store.list_steps(recovery->uid));
      const bool was_tried = std::ranges::any_of(story, [&](const RecoveryStep& step) {
        return step.message.starts_with(answer_of(key));
      });
      if (!was_tried) ORCH_TRY(gather(parts, *recovery, *replica));
    }
  }
  return {};
}

Result<> end_downtimes_of_lost(const Parts& parts) {
  ORCH_ASSIGN(
      const std::vector<Instance> lost,
      parts.instances.list({.downtimed = true, .downtime_reason = std::string(kLostInRecovery)}));
  for (const Instance& server : lost) {
    const bool is_back = answers(server) && is_replica(server) && replica_running(server);
    if (!is_back || server.downtime.elapsed < kShortDowntime) continue;
    ORCH_ASSIGN([[maybe_unused]] const bool ended,
                storage::DowntimeStore(parts.database, parts.clock).end(server.key));
    parts.teller.audit("end-downtime", server.key, "it replicates again");
  }
  return {};
}

}  // namespace orch::ha
