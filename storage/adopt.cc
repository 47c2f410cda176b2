#include "storage/adopt.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "core/base/log.h"
#include "core/base/text.h"

namespace orch::storage {

namespace {

/// Indexes of early releases that no rule finds: one forbids what its successor allows, the others
/// changed more than their suffix.
constexpr std::string_view kFormerIndexes[] = {
    "hostname_port_active_period_uidx_topology_failure_detection",
    "hostname_port_active_period_uidx",
    "hostname_port_recorded_timestmp_idx",
    "public_token_idx",
    "public_token_idx_access_token",
    "hostname",
    "hostname_hostname_resolve_history",
    "hostname_hostname_unresolve_history",
};
constexpr std::string_view kFormerViews[] = {"_whats_wrong", "whats_wrong", "whats_wrong_summary"};
constexpr std::string_view kPrimary = "PRIMARY";

// Table, column, type, default.
constexpr std::string_view kSqliteColumns = R"(
    select t.name, c.name, c.type, c.dflt_value
      from sqlite_master t
      join pragma_table_info(t.name) c
     where t.type = 'table')";
constexpr std::string_view kMySqlColumns =
    "select table_name, column_name, data_type, column_default from information_schema.columns"
    " where table_schema = database()";
// Table, index, column.
constexpr std::string_view kSqlitePrimaryKeys = R"(
    select t.name, 'PRIMARY', c.name
      from sqlite_master t
      join pragma_table_info(t.name) c
     where t.type = 'table' and c.pk > 0
     order by t.name, c.pk)";
constexpr std::string_view kMySqlIndexes =
    "select table_name, index_name, column_name from information_schema.statistics"
    " where table_schema = database() order by table_name, index_name, seq_in_index";

struct PresentColumn {
  std::string type{};
  std::string initial{};  ///< its default, without quotes
};
struct PresentTable {
  std::map<std::string, PresentColumn> columns{};
  std::map<std::string, std::vector<std::string>> indexes{};  ///< on SQLite the primary key alone
};
using Present = std::map<std::string, PresentTable>;

bool on_sqlite(const Database& database) {
  return database.dialect().kind() == Dialect::Kind::Sqlite;
}

/// "'x'" -> x, and one word for the ways to say that there is none, or that it is the time.
std::string plain_default(std::string_view text) {
  text = trim(text);
  if (equals_ignoring_case(text, "null")) return {};
  if (contains_ignoring_case(text, "current_timestamp")) return "current_timestamp";
  if (text.size() >= 2 && text.starts_with('\'') && text.ends_with('\'')) {
    text = text.substr(1, text.size() - 2);
  }
  return std::string(text);
}

Result<Present> present_tables_of(Database& database) {
  Present present;
  const bool sqlite = on_sqlite(database);
  ORCH_TRY(database.select(sqlite ? kSqliteColumns : kMySqlColumns, {}, [&](const Row& row) {
    present[row.text(0)].columns[to_lower(row.view(1))] = {to_lower(row.view(2)),
                                                           plain_default(row.view(3))};
  }));
  ORCH_TRY(database.select(sqlite ? kSqlitePrimaryKeys : kMySqlIndexes, {}, [&](const Row& row) {
    present[row.text(0)].indexes[row.text(1)].push_back(to_lower(row.view(2)));
  }));
  return present;
}

/// What another node may have done at the same moment, or what the rows do not allow.
Result<> try_change(Database& database, const std::string& statement) {
  const auto changed = database.execute(statement);
  if (changed) return {};
  if (!changed.error().by_server) return fail(changed.error());
  log::error("{}: {}", changed.error().message, statement);
  return {};
}

using Change = std::pair<std::string, std::string>;  ///< table, column definition

std::vector<Change> missing_columns(const Present& present, const Schema& schema) {
  std::vector<Change> missing;
  for (const SchemaTable& table : schema.tables) {
    const auto found = present.find(table.name);
    for (const SchemaColumn& column : table.columns) {
      if (found != present.end() && found->second.columns.contains(column.name)) continue;
      missing.emplace_back(table.name, column.definition);
    }
  }
  return missing;
}

Result<> add_missing_columns(Database& database, const Present& present, const Schema& schema) {
  const std::vector<Change> missing = missing_columns(present, schema);
  if (missing.empty()) return {};
  for (auto [table, definition] : missing) {
    const bool has_default = definition.find("DEFAULT") != std::string::npos;
    if (on_sqlite(database) && !has_default) definition += " DEFAULT ''";
    ORCH_TRY(try_change(database, fmt::format("alter table {} add column {}", table, definition)));
  }
  ORCH_ASSIGN(const Present now, present_tables_of(database));
  const std::vector<Change> still = missing_columns(now, schema);
  if (still.empty()) return {};
  return fail(ErrorKind::Broken, fmt::format("backend database {}: table {} could not be given the "
                                             "column {}",
                                             database.name(), still[0].first, still[0].second));
}

int width_of(std::string_view type) {
  constexpr std::string_view kNarrowFirst[] = {"tinyint", "smallint", "mediumint", "int", "bigint"};
  const auto* const found = std::ranges::find(kNarrowFirst, type);
  return found == std::end(kNarrowFirst) ? -1 : static_cast<int>(found - kNarrowFirst);
}

/// A number that is too narrow, or another default.
bool is_outdated(const SchemaColumn& column, const PresentColumn& present) {
  constexpr std::string_view kDefault = " DEFAULT ";
  const std::string type = words(column.definition, " (\n").at(1);
  if (width_of(type) > width_of(present.type)) return true;
  const std::size_t at = column.definition.find(kDefault);
  if (type != present.type || at == std::string::npos) return false;
  return plain_default(column.definition.substr(at + kDefault.size())) != present.initial;
}

Result<> change_columns(Database& database, const Present& present, const Schema& schema) {
  for (const SchemaTable& table : schema.tables) {
    const auto found = present.find(table.name);
    if (found == present.end()) continue;
    for (const SchemaColumn& column : table.columns) {
      const auto there = found->second.columns.find(column.name);
      if (there == found->second.columns.end() || !is_outdated(column, there->second)) continue;
      ORCH_TRY(try_change(
          database, fmt::format("alter table {} modify column {}", table.name, column.definition)));
    }
  }
  return {};
}

/// Makes the table anew with the rows that it has; of rows that the new key holds for the same, the
/// latest stays.
Result<> rebuild(Database& database, const SchemaTable& table) {
  const std::string made = "orch_new_" + table.name;
  std::vector<std::string> columns;
  std::string order;
  for (const SchemaColumn& column : table.columns) {
    columns.push_back(column.name);
    const bool is_time = words(column.definition, " (\n").at(1) == "timestamp";
    if (order.empty() && is_time) order = " order by " + column.name + " desc";
  }
  const std::string names = join(columns, ", ");
  std::string create = table.statement;
  create.replace(create.find(table.name), table.name.size(), made);
  ORCH_TRY(database.execute("drop table if exists " + made));
  ORCH_TRY(database.execute(create));
  ORCH_TRY(database.execute(fmt::format("{} {} ({}) select {} from {}{}",
                                        database.dialect().insert_ignore(), made, names, names,
                                        table.name, order)));
  if (on_sqlite(database)) {
    ORCH_TRY(database.execute("drop table " + table.name));
    ORCH_TRY(database.execute(fmt::format("alter table {} rename to {}", made, table.name)));
    return {};
  }
  const std::string former = "orch_former_" + table.name;
  ORCH_TRY(database.execute("drop table if exists " + former));
  ORCH_TRY(database.execute(
      fmt::format("rename table {0} to {1}, {2} to {0}", table.name, former, made)));
  ORCH_TRY(database.execute("drop table " + former));
  return {};
}

Result<> replace_primary_keys(Database& database, const Present& present, const Schema& schema) {
  for (const SchemaTable& table : schema.tables) {
    const auto found = present.find(table.name);
    if (found == present.end()) continue;
    const auto key = found->second.indexes.find(std::string(kPrimary));
    if (key != found->second.indexes.end() && key->second == table.primary_key) continue;
    if (std::ranges::any_of(found->second.columns, [&](const auto& column) {
          return std::ranges::find(table.columns, column.first, &SchemaColumn::name) ==
                 table.columns.end();
        })) {
      log::error(
          "backend database {}: table {} has another primary key than ours, and a column "
          "that is none of ours: it is left as it is",
          database.name(), table.name);
      continue;
    }
    ORCH_TRY(rebuild(database, table));
  }
  return {};
}

/// Every base index once existed without the name of its table at the end.
std::string without_suffix(const SchemaIndex& index) {
  const std::string suffix = "_" + index.table;
  if (!std::string_view(index.name).ends_with(suffix)) return {};
  return index.name.substr(0, index.name.size() - suffix.size());
}

/// SQLite has one name space for all indexes, so none of ours is in the way.
Result<> drop_former_indexes(Database& database, const Schema& schema) {
  for (const std::string_view index : kFormerIndexes) {
    ORCH_TRY(database.execute(fmt::format("drop index if exists {}", index)));
  }
  for (const SchemaIndex& index : schema.indexes) {
    const std::string former = without_suffix(index);
    if (!former.empty()) ORCH_TRY(database.execute("drop index if exists " + former));
  }
  return {};
}

/// On MySQL an index belongs to its table: ours are added before former ones go.
Result<> change_indexes(Database& database, const Present& present, const Schema& schema) {
  for (const auto& [name, table] : present) {
    std::vector<std::string> former(std::begin(kFormerIndexes), std::end(kFormerIndexes));
    for (const SchemaIndex& index : schema.indexes) {
      if (index.table != name) continue;
      former.push_back(without_suffix(index));
      if (table.indexes.contains(index.name)) continue;
      ORCH_TRY(try_change(database, fmt::format("alter table {} add {}", name, index.definition)));
    }
    for (const std::string& index : former) {
      const auto& in_table = name;  // clang 14 captures no structured binding
      const bool is_ours = std::ranges::any_of(schema.indexes, [&](const SchemaIndex& ours) {
        return ours.table == in_table && ours.name == index;
      });
      if (is_ours || !table.indexes.contains(index)) continue;
      ORCH_TRY(try_change(database, fmt::format("alter table {} drop index {}", name, index)));
    }
  }
  return {};
}

}  // namespace

Result<> adopt_tables(Database& database, const Schema& schema) {
  for (const std::string_view view : kFormerViews) {
    ORCH_TRY(database.execute(fmt::format("drop view if exists {}", view)));
  }
  ORCH_ASSIGN(const Present found, present_tables_of(database));
  ORCH_TRY(add_missing_columns(database, found, schema));
  ORCH_ASSIGN(const Present whole, present_tables_of(database));
  ORCH_TRY(replace_primary_keys(database, whole, schema));
  if (on_sqlite(database)) return drop_former_indexes(database, schema);
  ORCH_ASSIGN(const Present keyed, present_tables_of(database));
  ORCH_TRY(change_columns(database, keyed, schema));
  return change_indexes(database, keyed, schema);
}

}  // namespace orch::storage
