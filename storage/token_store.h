#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "storage/database.h"

namespace orch::storage {

/// Access tokens of the HTTP interface.
class TokenStore {
 public:
  TokenStore(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

  /// Makes a token; its public part, 64 hex digits.
  Result<std::string> create(const std::string& owner);
  Result<std::int64_t> expire(std::chrono::minutes age);

 private:
  Database& database_;
  const Clock& clock_;
};

}  // namespace orch::storage
