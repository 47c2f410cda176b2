#pragma once

#include <string_view>

#include "core/model/recovery.h"
#include "storage/database.h"

namespace orch::storage {

/// The columns that read_recovery() takes, in its order.
inline constexpr std::string_view kRecoveryColumns = R"(
    recovery_id, uid, hostname, port, analysis, cluster_name, cluster_alias, count_affected_slaves,
    slave_hosts, in_active_period, start_active_period, end_recovery, is_successful,
    successor_hostname, successor_port, successor_alias, participating_instances, lost_slaves,
    all_errors, acknowledged, acknowledged_at, acknowledged_by, acknowledge_comment,
    last_detection_id, processing_node_hostname, processcing_node_token)";
RecoveryRecord read_recovery(const Row& row);

/// The columns that read_detection() takes, in its order.
inline constexpr std::string_view kDetectionColumns = R"(
    detection_id, hostname, port, analysis, cluster_name, cluster_alias, count_affected_slaves,
    slave_hosts, in_active_period, is_actionable, start_active_period,
    (select coalesce(max(recovery_id), 0) from topology_recovery
      where last_detection_id = detection_id),
    processing_node_hostname, processcing_node_token)";
FailureDetection read_detection(const Row& row);

}  // namespace orch::storage
