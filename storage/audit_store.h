#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/instance_key.h"
#include "storage/database.h"

namespace orch::storage {

struct AuditEntry {
  std::int64_t id{0};
  std::optional<TimePoint> at{};
  std::string type{};          ///< "begin-downtime", "forget", ...
  InstanceKey key{};           ///< empty when no instance is concerned
  std::string cluster_name{};  ///< "": that of the instance, if known, is stored
  std::string message{};
};

/// The audit trail, for installations with AuditToBackendDB.
class AuditStore {
 public:
  AuditStore(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

  /// An entry without a cluster gets the server's.
  Result<> save(const AuditEntry& entry);
  /// Empty for a server that is not known.
  [[nodiscard]] Result<std::string> cluster_of(const InstanceKey& key) const;
  /// Newest first; pages count from 0. Of one instance when `key` is given.
  [[nodiscard]] Result<std::vector<AuditEntry>> list(const std::optional<InstanceKey>& key,
                                                     std::size_t page,
                                                     std::size_t page_size = 20) const;
  Result<std::int64_t> expire(std::chrono::days age);

 private:
  Database& database_;
  const Clock& clock_;
};

}  // namespace orch::storage
