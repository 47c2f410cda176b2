#include "storage/open.h"

#include <fmt/format.h>

#include "core/base/text.h"
#include "storage/migrate.h"
#include "storage/mysql.h"
#include "storage/sqlite.h"

namespace orch::storage {

Result<std::unique_ptr<Database>> open_backend(const BackendSettings& settings,
                                               const OpenOptions& options, const Clock& clock) {
  std::unique_ptr<Database> database;
  if (contains_ignoring_case(settings.backend_db, "sqlite")) {
    ORCH_ASSIGN(database, open_sqlite(settings.sqlite3_data_file, options.busy_timeout));
  } else if (settings.backend_db.empty() || equals_ignoring_case(settings.backend_db, "mysql")) {
    const std::chrono::milliseconds patience = settings.mysql_orchestrator_read_timeout_seconds;
    ORCH_ASSIGN(database, open_mysql(settings, options.read_timeout.value_or(patience)));
  } else {
    return fail(ErrorKind::InvalidInput,
                fmt::format("BackendDB \"{}\" is neither mysql nor sqlite", settings.backend_db));
  }
  if (!options.redeploy && !options.force_update && settings.skip_orchestrator_database_update) {
    ORCH_TRY(require_schema(*database));
    return database;
  }
  const MigrateOptions migration{.version = options.version,
                                 .engine = settings.mysql_orchestrator_storage_engine,
                                 .redeploy = options.redeploy,
                                 .panic_if_different = settings.panic_if_different_database_deploy};
  ORCH_TRY(migrate(*database, migration, clock));
  return database;
}

}  // namespace orch::storage
