#include "storage/open.h"

#include <fmt/format.h>

#include "core/base/text.h"
#include "storage/migrate.h"
#include "storage/sqlite.h"

namespace orch::storage {

Result<std::unique_ptr<Database>> open_backend(const BackendSettings& settings,
                                               const OpenOptions& options, const Clock& clock) {
  if (!contains_ignoring_case(settings.backend_db, "sqlite")) {
    return fail(
        ErrorKind::InvalidInput,
        fmt::format("BackendDB \"{}\" is not supported yet; set BackendDB to \"sqlite\" and "
                    "SQLite3DataFile to a file",
                    settings.backend_db));
  }
  ORCH_ASSIGN(std::unique_ptr<Database> database,
              open_sqlite(settings.sqlite3_data_file, options.busy_timeout));
  const bool update =
      options.redeploy || options.force_update || !settings.skip_orchestrator_database_update;
  if (update) {
    const MigrateOptions migration{
        .version = options.version,
        .redeploy = options.redeploy,
        .panic_if_different = settings.panic_if_different_database_deploy};
    ORCH_TRY(migrate(*database, migration, clock));
  }
  return database;
}

}  // namespace orch::storage
