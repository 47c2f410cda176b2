#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/instance_key.h"
#include "storage/database.h"

namespace orch::storage {

struct DowntimeRequest {
  InstanceKey key{};
  std::string owner{};
  std::string reason{};
  std::chrono::seconds duration{600};
};

/// Downtimes; reading them is part of reading an instance.
class DowntimeStore {
 public:
  DowntimeStore(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

  /// Replaces a downtime that is there.
  Result<> begin(const DowntimeRequest& request);
  /// False when there was none.
  Result<bool> end(const InstanceKey& key);
  Result<std::int64_t> expire();

 private:
  Database& database_;
  const Clock& clock_;
};

}  // namespace orch::storage
