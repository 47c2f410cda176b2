#pragma once

#include <chrono>
#include <memory>

#include "core/base/result.h"
#include "core/config/settings.h"
#include "storage/database.h"

namespace orch::storage {

/// Opens a schema of a MySQL or MariaDB server as the backend; makes the schema when there is none.
/// A connection that was lost is made anew for the next statement outside a transaction; what was
/// under way fails. No statement takes longer than `read_timeout`. Times are UTC, whatever the
/// server's zone. Errors: as Database; InvalidInput for settings of no use.
Result<std::unique_ptr<Database>> open_mysql(const BackendSettings& settings,
                                             std::chrono::milliseconds read_timeout);

}  // namespace orch::storage
