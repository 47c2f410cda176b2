#include "ha/recovery_work.h"

#include <fmt/format.h>

#include "core/plan/recovery/dead_primary.h"
#include "core/plan/recovery/orphans.h"
#include "core/plan/recovery/repairs.h"
#include "core/plan/recovery/takeover.h"
#include "ha/json_fields.h"
#include "storage/statements.h"

namespace orch::ha {

std::string audit_type(const RecoveryWork& work) {
  switch (work.kind) {
    case RecoveryKind::DeadMaster:
      return "recover-dead-master";
    case RecoveryKind::DeadCoMaster:
      return "recover-dead-co-master";
    case RecoveryKind::DeadIntermediateMaster:
      return "recover-dead-intermediate-master";
    case RecoveryKind::DeadGroupMember:
      return "recover-dead-replication-group-member-with-replicas";
    case RecoveryKind::NonWriteableMaster:
      return "recover-non-writeable-master";
    case RecoveryKind::LockedSemiSyncMaster:
      return "recover-locked-semi-sync-master";
    case RecoveryKind::TooManySemiSyncReplicas:
      return "recover-too-many-semi-sync-replicas";
    case RecoveryKind::GracefulTakeover:
      break;
  }
  return "graceful-master-takeover";
}

bool replaces_master(RecoveryKind kind) {
  return kind == RecoveryKind::DeadMaster || kind == RecoveryKind::DeadCoMaster ||
         kind == RecoveryKind::GracefulTakeover;
}

void write_work(const RecoveryWork& work, storage::RecoveryRun& run) {
  run.kind = to_string(work.kind);
  run.command = work.command;
  run.failed = work.failed;
  run.designated = work.designated.value_or(InstanceKey{});
  run.request = dump({{"Analysis", work.analysis},
                      {"Description", work.description},
                      {"InstanceType", work.instance_type},
                      {"Cluster", work.cluster},
                      {"ClusterAlias", work.cluster_alias},
                      {"ClusterDomain", work.cluster_domain},
                      {"DesignatedBy", work.designated_by},
                      {"Replicas", storage::join_keys(work.replicas)},
                      {"Downtimed", work.downtimed},
                      {"Automatic", work.automatic},
                      {"Hooks", work.hooks},
                      {"Choose", work.choose},
                      {"StartOldMaster", work.start_old_master},
                      {"Owner", work.owner}});
}

Result<RecoveryWork> read_work(const storage::RecoveryRun& run) {
  const std::optional<RecoveryKind> kind = parse_recovery_kind(run.kind);
  const Json request = Json::parse(run.request, nullptr, false);
  if (!kind || !request.is_object()) {
    return fail(ErrorKind::Broken,
                "the record of recovery " + run.uid + " cannot be read: it cannot be resumed");
  }
  RecoveryWork work;
  work.kind = *kind;
  work.analysis = text_member(request, "Analysis");
  work.description = text_member(request, "Description");
  work.command = run.command;
  work.instance_type = text_member(request, "InstanceType");
  work.cluster = text_member(request, "Cluster");
  work.cluster_alias = text_member(request, "ClusterAlias");
  work.cluster_domain = text_member(request, "ClusterDomain");
  work.failed = run.failed;
  if (!run.designated.hostname.empty()) work.designated = run.designated;
  work.designated_by = text_member(request, "DesignatedBy");
  work.replicas = storage::split_keys(text_member(request, "Replicas"));
  work.downtimed = flag_member(request, "Downtimed");
  work.automatic = flag_member(request, "Automatic");
  work.hooks = flag_member(request, "Hooks");
  work.choose = flag_member(request, "Choose");
  work.start_old_master = flag_member(request, "StartOldMaster");
  work.owner = text_member(request, "Owner");
  return work;
}

HookContext hook_context(const RecoveryWork& work, const std::string& uid,
                         const std::string& host) {
  HookContext context;
  context.failure_type = work.analysis;
  context.instance_type = work.instance_type;
  context.is_master = work.instance_type == "master";
  context.is_co_master = work.instance_type == "co-master";
  context.failure_description = work.description;
  context.command = work.command;
  context.failed = work.failed;
  context.cluster = work.cluster;
  context.cluster_alias = work.cluster_alias;
  context.cluster_domain = work.cluster_domain;
  context.replica_count = static_cast<std::int64_t>(work.replicas.size());
  context.replicas = work.replicas;
  context.is_downtimed = work.downtimed;
  context.orchestrator_host = host;
  context.recovery_uid = uid;
  return context;
}

Result<Planner> planner_for(const RecoveryWork& work, const Policy& policy) {
  switch (work.kind) {
    case RecoveryKind::DeadMaster:
    case RecoveryKind::DeadCoMaster:
      return failover({.failed = work.failed,
                       .designated = work.designated,
                       .co_master = work.kind == RecoveryKind::DeadCoMaster,
                       .promoted_before = work.promoted_before,
                       .designated_by = work.designated_by},
                      policy);
    case RecoveryKind::GracefulTakeover:
      return takeover({.primary = work.failed,
                       .designated = work.designated,
                       .automatic = work.choose,
                       .start_old_primary = work.start_old_master},
                      policy);
    case RecoveryKind::NonWriteableMaster:
      return not_writable(work.failed, work.promoted_before);
    case RecoveryKind::DeadIntermediateMaster:
      return dead_intermediate(work.failed, policy);
    case RecoveryKind::DeadGroupMember:
      return dead_group_member(work.failed, policy);
    case RecoveryKind::LockedSemiSyncMaster:
      return semi_sync_repair(
          work.failed, policy.exact_semi_sync ? SemiSyncGoal::Exact : SemiSyncGoal::Enough, policy);
    case RecoveryKind::TooManySemiSyncReplicas:
      return semi_sync_repair(work.failed, SemiSyncGoal::Exact, policy);
  }
  return fail(ErrorKind::Refused, fmt::format("{}: nothing can be done about a {}",
                                              to_string(work.failed), to_string(work.kind)));
}

}  // namespace orch::ha
