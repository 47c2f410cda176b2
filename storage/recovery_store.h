#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/recovery.h"
#include "storage/database.h"
#include "storage/node_store.h"

namespace orch::storage {

/// An automatic recovery that did not begin because of an earlier one.
struct BlockedRecovery {
  InstanceKey failed{};
  std::string cluster_name{};
  std::string analysis{};
  std::optional<TimePoint> last_blocked{};
  std::int64_t blocking_id{0};
};

/// What end_completed() says.
inline constexpr std::string_view kFollowedByAnother = "a new recovery begins";

struct Acknowledgement {
  std::string owner{};
  std::string comment{};
};

/// Recoveries and their steps, failure detections, and the global switch.
class RecoveryStore {
 public:
  RecoveryStore(Database& database, const Clock& clock, NodeIdentity self)
      : database_(database), clock_(clock), self_(std::move(self)) {}

  /// Registers a recovery that starts now, by this process: its id, or nothing when the instance
  /// has an active one already.
  Result<std::optional<std::int64_t>> claim(const RecoveryRecord& recovery);
  /// Keeps how a recovery ended: success, successor, lists and errors; its end is now.
  Result<> save_end(const RecoveryRecord& recovery);
  /// Ends the active period of what has ended of that instance: it stands in nobody's way any more,
  /// and is acknowledged, as a new recovery of the instance implies.
  Result<> end_completed(const InstanceKey& key);
  /// Ends the active period of one recovery, which then blocks nothing.
  Result<> end_active(const std::string& uid);
  /// Ends a recovery whose process is gone, and acknowledges it.
  Result<> end_crashed(const std::string& uid);
  /// Ends active detections of the instance.
  Result<> end_detections_of(const InstanceKey& key);
  /// An automatic recovery of the instance did not begin because of another.
  Result<> save_blocked(const InstanceKey& key, const std::string& cluster,
                        const std::string& analysis, std::int64_t blocking_id);
  /// Newest first.
  [[nodiscard]] Result<std::vector<BlockedRecovery>> list_blocked() const;
  Result<> save_step(const std::string& uid, const std::string& message);

  [[nodiscard]] Result<std::optional<RecoveryRecord>> find(std::int64_t id) const;
  [[nodiscard]] Result<std::optional<RecoveryRecord>> find(const std::string& uid) const;
  /// Newest first; all clusters when `cluster` is empty.
  [[nodiscard]] Result<std::vector<RecoveryRecord>> list(const std::string& cluster,
                                                         std::size_t page,
                                                         std::size_t page_size = 20) const;
  /// Recoveries that block others: active ones, newest first.
  [[nodiscard]] Result<std::vector<RecoveryRecord>> list_active() const;
  /// Oldest first.
  [[nodiscard]] Result<std::vector<RecoveryStep>> list_steps(const std::string& uid) const;

  // Acknowledging ends the active period; how many recoveries were acknowledged. Of an instance or
  // a cluster it ends active detections as well.
  Result<std::int64_t> acknowledge_all(const Acknowledgement& acknowledgement);
  Result<std::int64_t> acknowledge_cluster(const std::string& name, const std::string& alias,
                                           const Acknowledgement& acknowledgement);
  Result<std::int64_t> acknowledge_instance(const InstanceKey& key,
                                            const Acknowledgement& acknowledgement);
  Result<std::int64_t> acknowledge_one(const std::string& uid,
                                       const Acknowledgement& acknowledgement);

  /// Registers a detection; false when the instance has an active one of the same code and
  /// actionability. One of another code gives way to it (REC-3).
  Result<bool> claim_detection(const FailureDetection& detection);
  /// Ends the active period of detections that began longer ago: a failure that lasts is a new one
  /// then.
  Result<> end_old_detections(std::chrono::minutes period);
  /// Newest first.
  [[nodiscard]] Result<std::vector<FailureDetection>> list_detections(
      std::size_t page, std::size_t page_size = 20) const;

  Result<> save_global_switch(bool recoveries_disabled);
  [[nodiscard]] Result<bool> globally_disabled() const;

  /// Drops recoveries, steps and detections older than `age`.
  Result<std::int64_t> expire(std::chrono::days age);

 private:
  Result<std::int64_t> acknowledge(const std::string& where, std::vector<SqlValue> arguments,
                                   const Acknowledgement& acknowledgement);
  Result<> end_detections(const std::string& where, std::vector<SqlValue> arguments);

  Database& database_;
  const Clock& clock_;
  NodeIdentity self_;
};

}  // namespace orch::storage
