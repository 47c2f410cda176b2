#include "storage/migrate.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "core/base/text.h"
#include "storage/adopt.h"
#include "storage/schema_files.h"
#include "storage/schema_text.h"

namespace orch::storage {

namespace {

constexpr std::string_view kTracking = "orchestrator_db_deployments";
constexpr std::string_view kSqlFindVersion =
    "select 1 from orchestrator_db_deployments where deployed_version = ?";
constexpr std::string_view kSqlListTables =
    "select name from sqlite_master where type = 'table' and name not like 'sqlite\\_%' escape "
    "'\\'";
constexpr std::string_view kMySqlListTables =
    "select table_name from information_schema.tables where table_schema = database()";
constexpr std::string_view kSqlSaveVersion = R"(
    replace into orchestrator_db_deployments (deployed_version, deployed_timestamp)
    values (?, ?))";

bool is_sqlite(const Database& database) {
  return database.dialect().kind() == Dialect::Kind::Sqlite;
}

Schema schema_for(const Database& database) {
  return parse_schema(is_sqlite(database) ? sqlite_schema_files() : mysql_schema_files());
}

using Names = std::set<std::string, std::less<>>;

Result<Names> present_tables(Database& database) {
  Names present;
  ORCH_TRY(database.select(is_sqlite(database) ? kSqlListTables : kMySqlListTables, {},
                           [&present](const Row& row) { present.insert(row.text(0)); }));
  return present;
}

/// One look-up in the usual case; a backend without the tracking table was never deployed.
Result<bool> is_deployed(Database& database, const std::string& version) {
  bool found = false;
  const auto seen = [&found](const Row&) {
    found = true;
  };
  Result<> asked = database.select(kSqlFindVersion, {version}, seen);
  if (asked) return found;
  ORCH_ASSIGN(const Names present, present_tables(database));
  if (present.contains(kTracking)) return fail(std::move(asked).error());
  return false;
}

/// Another program's database stays as it is.
Result<> refuse_strange_tables(Database& database) {
  ORCH_ASSIGN(const Names present, present_tables(database));
  const Schema schema = schema_for(database);
  const bool has_ours =
      std::any_of(schema.tables.begin(), schema.tables.end(),
                  [&](const SchemaTable& table) { return present.contains(table.name); });
  if (present.empty() || has_ours) return {};
  return fail(ErrorKind::Refused,
              fmt::format("backend database {} belongs to another program: it has a table '{}' and "
                          "none of orchestrator's; name another one in {}",
                          database.name(), printable(*present.begin()),
                          is_sqlite(database) ? "SQLite3DataFile" : "MySQLOrchestratorDatabase"));
}

bool makes_table(std::string_view statement) {
  return statement.starts_with("CREATE TABLE");
}

/// A table that is there keeps its own.
std::string with_engine(const std::string& statement, const std::string& engine) {
  constexpr std::string_view kWritten = " ENGINE=InnoDB";
  const std::size_t at = statement.rfind(kWritten);
  if (at == std::string::npos) return statement;
  return std::string(statement).replace(at, kWritten.size(), " ENGINE=" + engine);
}

Result<> apply_schema(Database& database, const std::string& version, const std::string& engine,
                      const Clock& clock) {
  Schema schema = schema_for(database);
  for (std::string& statement : schema.statements) {
    statement = with_engine(statement, engine);
  }
  for (SchemaTable& table : schema.tables) {
    table.statement = with_engine(table.statement, engine);
  }
  // A MySQL server commits each statement by itself; all of them can be said again.
  return database.transaction([&]() -> Result<> {
    // An index or a seed row may need a column that is added in between.
    for (const std::string& statement : schema.statements) {
      if (makes_table(statement)) ORCH_TRY(database.execute(statement));
    }
    ORCH_TRY(adopt_tables(database, schema));
    for (const std::string& statement : schema.statements) {
      if (!makes_table(statement)) ORCH_TRY(database.execute(statement));
    }
    ORCH_TRY(database.execute(kSqlSaveVersion, {version, format_time(clock.now())}));
    return {};
  });
}

}  // namespace

Result<> migrate(Database& database, const MigrateOptions& options, const Clock& clock) {
  const std::string version = options.redeploy ? "" : options.version;
  if (!version.empty()) {
    ORCH_ASSIGN(const bool deployed, is_deployed(database, version));
    if (deployed) return {};
    if (options.panic_if_different) {
      return fail(ErrorKind::Refused,
                  fmt::format("PanicIfDifferentDatabaseDeploy is set. Configured version {} is not "
                              "the version found in the backend database {}",
                              version, database.name()));
    }
  }
  ORCH_TRY(refuse_strange_tables(database));
  // Kept in the file: readers and one writer at a time go on side by side. First, so that a failure
  // leaves nothing recorded. A database in memory stays as it is.
  if (is_sqlite(database)) ORCH_TRY(database.execute("pragma journal_mode = wal"));
  if (Result<> applied = apply_schema(database, version, options.engine, clock); !applied) {
    // A server that takes no writes may have got it from where it was deployed, by now.
    const auto deployed = is_deployed(database, version);
    return !version.empty() && deployed && *deployed ? Result<>{} : applied;
  }
  if (is_sqlite(database)) ORCH_TRY(database.execute("pragma wal_checkpoint(truncate)"));
  return {};
}

Result<> require_schema(Database& database) {
  ORCH_ASSIGN(const Names present, present_tables(database));
  if (present.contains("database_instance")) return {};
  return fail(ErrorKind::Refused,
              "the backend has no table database_instance, and SkipOrchestratorDatabaseUpdate "
              "keeps it as it is: 'orch -c redeploy-internal-db' makes the tables");
}

}  // namespace orch::storage
