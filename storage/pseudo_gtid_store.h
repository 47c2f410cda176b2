#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "storage/database.h"

namespace orch::storage {

/// Clusters to which Pseudo-GTID entries were written of late.
class PseudoGtidStore {
 public:
  PseudoGtidStore(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

  Result<> save(const std::vector<std::string>& clusters);
  [[nodiscard]] Result<std::set<std::string>> list() const;
  Result<std::int64_t> expire(std::chrono::minutes age);

 private:
  Database& database_;
  const Clock& clock_;
};

}  // namespace orch::storage
