#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "core/model/instance.h"
#include "core/model/replication_rules.h"

namespace orch {

/// FencingPolicy: what must have happened to the old primary before another takes writes.
enum class Fencing {
  Required,    ///< it was made read-only, or FenceProcesses vouch for it
  BestEffort,  ///< it was tried
  Off,         ///< nothing, unless it answers
};

/// What operators chose, for the planners. Built from the settings by the caller; each field
/// is named after its key.
struct Policy {
  /// PromotionIgnoreHostnameFilters. The rule must_not is looked at apart from this.
  std::function<bool(const Instance&)> ignored_for_promotion{};
  bool prevent_cross_data_center_master_failover{false};
  bool prevent_cross_region_master_failover{false};
  std::chrono::minutes fail_master_promotion_on_lag{0};  ///< 0 = off
  bool fail_master_promotion_if_sql_thread_not_up_to_date{false};
  /// ApplyMySQLPromotionAfterMasterFailover; a takeover always applies it.
  bool apply_promotion{true};
  bool detach_lost_replicas{true};  ///< DetachLostReplicasAfterMasterFailover
  /// MasterFailoverDetachReplicaMasterHost; without a meaning where the promotion is applied.
  bool detach_promoted{false};
  /// PostponeReplicaRecoveryOnLagMinutes: replicas that are delayed by more come last; 0 = off.
  std::chrono::minutes postpone_replica_recovery_on_lag{0};
  bool exact_semi_sync{false};  ///< EnforceExactSemiSyncReplicas
  Fencing fencing{Fencing::BestEffort};
  std::chrono::milliseconds fence_timeout{500};
  bool has_fence_hooks{false};  ///< FenceProcesses has entries
  /// DataLossPolicy is `refuse`: no promotion that would lose more than so many transactions.
  bool refuses_data_loss{false};
  std::uint64_t data_loss_max{0};

  bool pseudo_gtid{false};      ///< PseudoGTIDPattern is set
  bool relay_logs_only{false};  ///< do not look for its entries in binary logs of replicas

  bool verify_replication_filters{false};
  bool lower_replica_version_allowed{false};
  std::chrono::seconds reasonable_replication_lag{10};
  std::chrono::seconds reasonable_maintenance_replication_lag{20};
  /// InstanceBulkOperationsWaitTimeoutSeconds: how long siblings may take to apply what they hold.
  std::chrono::seconds bulk_wait{10};
  /// How long the server to be promoted may take for it, as long as it makes progress.
  std::chrono::seconds promotion_wait{std::chrono::hours(24)};
  /// How long it may stand still when another one could take its place at once.
  std::chrono::seconds spare_wait{3};
  /// How long it may stand still when it alone holds all that was received: a large transaction
  /// shows no progress until it ends.
  std::chrono::seconds last_resort_wait{300};
  /// How long replication may take to run after it was started.
  std::chrono::seconds start_wait{10};
  /// How long one that hangs is asked again, when all else is done for those that follow a new
  /// primary: hooks wait for that. 0: not at all, somebody gathers it later.
  std::chrono::seconds silent_wait{3};
  /// How long a replica may take to stop receiving before it is left behind, so that one that
  /// hangs does not delay the promotion.
  std::chrono::milliseconds freeze_limit{3'000};
  /// How long a healthy primary may take to become read-only: where tables are locked, its clients'
  /// writes wait just as long.
  std::chrono::milliseconds read_only_limit{5'000};

  [[nodiscard]] ReplicationRules rules() const {
    return {verify_replication_filters, lower_replica_version_allowed,
            reasonable_maintenance_replication_lag};
  }
};

}  // namespace orch
