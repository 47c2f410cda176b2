#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/binlog_coordinates.h"
#include "core/model/instance_key.h"
#include "storage/database.h"

namespace orch::storage {

/// A place in the binary log of one server.
struct BinlogPlace {
  InstanceKey key{};
  BinlogCoordinates coordinates{};
};

/// Equal places in the binary logs of two servers.
class EquivalenceStore {
 public:
  EquivalenceStore(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

  Result<> save(const BinlogPlace& one, const BinlogPlace& other);
  /// Where in `other`'s log the place is, looked up in both directions.
  [[nodiscard]] Result<std::optional<BinlogCoordinates>> find(const BinlogPlace& place,
                                                              const InstanceKey& other) const;
  /// All places that equal it, by key.
  [[nodiscard]] Result<std::vector<BinlogPlace>> list(const BinlogPlace& place) const;
  Result<std::int64_t> expire(std::chrono::hours age);

 private:
  Database& database_;
  const Clock& clock_;
};

}  // namespace orch::storage
