#pragma once

#include <optional>
#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "storage/database.h"

namespace orch::storage {

/// The internal key-value store.
class KvStore {
 public:
  KvStore(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

  [[nodiscard]] Result<std::optional<std::string>> find(const std::string& key) const;
  Result<> save(const std::string& key, const std::string& value);

 private:
  Database& database_;
  const Clock& clock_;
};

}  // namespace orch::storage
