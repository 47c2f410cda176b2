#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/instance.h"
#include "storage/database.h"

namespace orch::storage {

/// Thin snapshots of all topologies.
class HistoryStore {
 public:
  HistoryStore(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

  /// Writes every instance as it is now; how many rows.
  Result<std::int64_t> save_snapshot();
  /// Members of a cluster in snapshots whose unix time matches `pattern` (LIKE on SQLite, a regular
  /// expression on MySQL), by host, port: key, source, cluster name and version only. Of an
  /// instance in several snapshots the latest.
  [[nodiscard]] Result<std::vector<Instance>> list(const std::string& cluster,
                                                   const std::string& pattern) const;

 private:
  Database& database_;
  const Clock& clock_;
};

}  // namespace orch::storage
