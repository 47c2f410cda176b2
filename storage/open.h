#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/config/settings.h"
#include "storage/database.h"

namespace orch::storage {

struct OpenOptions {
  std::string version{};     ///< ours, as recorded in orchestrator_db_deployments
  bool redeploy{false};      ///< apply the whole schema although it is recorded
  bool force_update{false};  ///< --enable-database-update
  std::chrono::milliseconds busy_timeout{5000};  ///< how long to wait for another process
  /// How long a MySQL backend may take to answer; default: MySQLOrchestratorReadTimeoutSeconds.
  std::optional<std::chrono::milliseconds> read_timeout{};
};

/// Opens the backend and brings its schema up to date (schema document, 2). SQLite: a path, a
/// `file:` URI or ":memory:".
/// Errors: as Database; InvalidInput for a backend that is not supported; Refused when
/// PanicIfDifferentDatabaseDeploy forbids the update.
Result<std::unique_ptr<Database>> open_backend(const BackendSettings& settings,
                                               const OpenOptions& options, const Clock& clock);

}  // namespace orch::storage
