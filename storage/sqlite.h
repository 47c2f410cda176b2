#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "core/base/result.h"
#include "storage/database.h"

namespace orch::storage {

/// Opens a SQLite database: a path, a `file:` URI or ":memory:"; a file that is not there is made.
/// Errors: as Database. `busy_timeout`: how long to wait for another process that writes.
Result<std::unique_ptr<Database>> open_sqlite(const std::string& file,
                                              std::chrono::milliseconds busy_timeout);

}  // namespace orch::storage
