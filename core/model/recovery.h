#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/model/instance_key.h"

namespace orch {

/// What is done about a failure. Several analysis codes share one kind.
enum class RecoveryKind {
  DeadMaster,
  DeadCoMaster,
  DeadIntermediateMaster,
  DeadGroupMember,
  NonWriteableMaster,
  LockedSemiSyncMaster,
  TooManySemiSyncReplicas,
  GracefulTakeover,
};

/// "dead-master", "dead-co-master", "dead-intermediate-master", "dead-group-member",
/// "non-writeable-master", "locked-semi-sync-master", "too-many-semi-sync-replicas",
/// "graceful-takeover".
std::string_view to_string(RecoveryKind kind);
std::optional<RecoveryKind> parse_recovery_kind(std::string_view text);

/// One recovery attempt as the backend remembers it.
struct RecoveryRecord {
  std::int64_t id{0};  ///< given by the backend
  std::string uid{};   ///< "<unix nanoseconds>:<64 hex digits>"
  InstanceKey failed{};
  std::string analysis{};  ///< analysis code, e.g. "DeadMaster"
  std::string cluster_name{};
  std::string cluster_alias{};
  std::int64_t affected_count{0};
  std::vector<InstanceKey> affected_replicas{};
  bool active{true};  ///< blocks further recoveries of the instance and cluster
  std::optional<TimePoint> started{};
  std::optional<TimePoint> ended{};  ///< nothing while it runs
  bool successful{false};
  InstanceKey successor{};  ///< empty when there is none
  std::string successor_alias{};
  std::vector<InstanceKey> participants{};
  std::vector<InstanceKey> lost_replicas{};
  std::vector<std::string> errors{};
  bool acknowledged{false};
  std::optional<TimePoint> acknowledged_at{};
  std::string acknowledged_by{};
  std::string acknowledge_comment{};
  std::int64_t last_detection_id{0};
  std::string node_hostname{};  ///< the process that ran it
  std::string node_token{};
};

/// One line of a recovery's story.
struct RecoveryStep {
  std::int64_t id{0};
  std::string recovery_uid{};
  std::optional<TimePoint> at{};
  std::string message{};
};

/// A failure that was seen, whether or not somebody acted on it.
struct FailureDetection {
  std::int64_t id{0};
  InstanceKey failed{};
  std::string analysis{};
  std::string cluster_name{};
  std::string cluster_alias{};
  std::int64_t affected_count{0};
  std::vector<InstanceKey> affected_replicas{};
  bool active{true};
  bool actionable{false};
  std::optional<TimePoint> started{};
  std::int64_t related_recovery_id{0};  ///< of the latest that it led to; 0: of none
  std::string node_hostname{};
  std::string node_token{};
};

}  // namespace orch
