#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "storage/database.h"

namespace orch::storage {

/// One statement.
struct QueryTimes {
  std::chrono::nanoseconds waited{0};  ///< for other threads' statements to end
  std::chrono::nanoseconds took{0};
  std::string error{};  ///< "": none
};

using StatementWatch = std::function<void(std::string_view sql, const QueryTimes&)>;

/// The same database, and `watch` is told of each statement; those of a transaction, one by one. It
/// is called by whoever used the database, and must not use it.
std::unique_ptr<Database> metered(std::unique_ptr<Database> database, StatementWatch watch);

}  // namespace orch::storage
