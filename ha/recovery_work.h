#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/execute/hook_text.h"
#include "core/model/instance_key.h"
#include "core/model/recovery.h"
#include "core/plan/policy.h"
#include "core/plan/step.h"
#include "storage/journal_store.h"

namespace orch::ha {

/// What a recovery is asked to do. Everything here is kept in the journal, so that another process
/// can go on with it.
struct RecoveryWork {
  RecoveryKind kind{RecoveryKind::DeadMaster};
  std::string analysis{"DeadMaster"};  ///< analysis code, as records and hooks have it
  std::string description{};           ///< of the failure, for people and hooks
  std::string command{};               ///< "graceful-master-takeover"; "" for what is automatic
  std::string instance_type{"master"};
  std::string cluster{};
  std::string cluster_alias{};
  std::string cluster_domain{};
  InstanceKey failed{};
  std::optional<InstanceKey> designated{};  ///< promote this one and no other
  std::string designated_by{};              ///< why no other, where no person named it
  std::vector<InstanceKey> replicas{};      ///< of the failed server
  bool downtimed{false};
  /// Analysis wants it, and no person: filters, downtimes, blocks and the global switch count.
  bool automatic{false};
  /// Not in the journal: since when it has failed, where the caller knows; else since it was first
  /// detected.
  std::optional<SteadyPoint> failing_since{};
  bool hooks{true};
  bool choose{false};            ///< takeover: may choose among several replicas
  bool start_old_master{false};  ///< takeover: and start replication on the old master
  std::string owner{};           ///< for audit, maintenance, downtimes
  /// Not in the journal: whom earlier recoveries of the same failure told to take writes.
  std::vector<InstanceKey> promoted_before{};
};

/// "recover-dead-master", "graceful-master-takeover": audit type and maintenance reason.
[[nodiscard]] std::string audit_type(const RecoveryWork& work);

/// Whether the work ends with another server as the cluster's master.
[[nodiscard]] bool replaces_master(RecoveryKind kind);

[[nodiscard]] inline bool is_takeover(const RecoveryWork& work) {
  return work.kind == RecoveryKind::GracefulTakeover;
}

/// The planner for the work. Errors: Refused, nothing can be done about this kind.
Result<Planner> planner_for(const RecoveryWork& work, const Policy& policy);

/// The work in the journal's form, and back. Errors: Broken, naming the recovery.
void write_work(const RecoveryWork& work, storage::RecoveryRun& run);
Result<RecoveryWork> read_work(const storage::RecoveryRun& run);

/// What hooks are told about the work; the successor is filled in later.
[[nodiscard]] HookContext hook_context(const RecoveryWork& work, const std::string& uid,
                                       const std::string& host);

}  // namespace orch::ha
