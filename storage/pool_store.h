#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/instance_key.h"
#include "storage/database.h"

namespace orch::storage {

struct PoolMember {
  std::string cluster_name{};
  std::string cluster_alias{};  ///< the stored alias, "" when there is none
  std::string pool{};
  InstanceKey key{};
};

/// Named pools of instances.
class PoolStore {
 public:
  PoolStore(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

  /// Replaces the members of a pool, all or nothing; none empties it.
  Result<> save(const std::string& pool, std::span<const InstanceKey> members);
  /// Members that are known instances, by cluster name, pool, host and port.
  [[nodiscard]] Result<std::vector<PoolMember>> list() const;
  Result<std::int64_t> expire(std::chrono::minutes age);

 private:
  Database& database_;
  const Clock& clock_;
};

}  // namespace orch::storage
