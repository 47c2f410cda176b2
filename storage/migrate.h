#pragma once

#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "storage/database.h"

namespace orch::storage {

struct MigrateOptions {
  std::string version{};           ///< ours; "" has the schema applied every time
  std::string engine{"InnoDB"};    ///< MySQLOrchestratorStorageEngine: of the tables that it makes
  bool redeploy{false};            ///< apply it although our version is recorded
  bool panic_if_different{false};  ///< PanicIfDifferentDatabaseDeploy
};

/// Brings a backend, empty or made by any orchestrator, to our schema (schema document, 2): adds
/// tables, columns and keys that are missing, replaces those of early releases, records our
/// version. Costs one look-up when our version is recorded. Drops no column and narrows none.
/// Errors: as Database; Refused with `panic_if_different` and another version.
Result<> migrate(Database& database, const MigrateOptions& options, const Clock& clock);

/// For a backend that is not to be changed. Errors: as Database; Refused when it has no tables.
Result<> require_schema(Database& database);

}  // namespace orch::storage
