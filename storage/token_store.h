#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
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
  /// Takes a token, by its public part: its secret one. Nothing when there is none such, it is
  /// older than `use_within`, or it was taken already and may be only once.
  Result<std::optional<std::string>> acquire(const std::string& publicly,
                                             std::chrono::seconds use_within);
  /// Whether a token that was taken is in force, `valid_for` after it was made.
  [[nodiscard]] Result<bool> is_valid(const std::string& publicly, const std::string& secret,
                                      std::chrono::minutes valid_for) const;
  Result<std::int64_t> expire(std::chrono::minutes age);

 private:
  Database& database_;
  const Clock& clock_;
};

}  // namespace orch::storage
