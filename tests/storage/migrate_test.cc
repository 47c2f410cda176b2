#include "storage/migrate.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "core/base/text.h"
#include "storage/schema_files.h"
#include "storage/schema_text.h"
#include "storage/sqlite.h"
#include "tests/storage/catalogue.h"
#include "tests/storage/memory_backend.h"

namespace orch::storage {

namespace {

struct DocumentedColumn {
  bool sqlite_default{false};
  bool mysql_default{false};
};
using Catalogue = std::map<std::string, std::map<std::string, DocumentedColumn>>;

Catalogue documented() {
  Catalogue catalogue;
  std::string table;
  for (std::string word : words(kCatalogue)) {
    if (word.ends_with(':')) {
      table = word.substr(0, word.size() - 1);
      continue;
    }
    DocumentedColumn column;
    column.sqlite_default = word.find('!') != std::string::npos;
    column.mysql_default = word.find('=') != std::string::npos;
    catalogue[table][word.substr(0, word.find_first_of("!="))] = column;
  }
  return catalogue;
}

const SchemaColumn* find_column(const Schema& schema, const std::string& table,
                                const std::string& name) {
  for (const SchemaTable& each : schema.tables) {
    if (each.name != table) continue;
    for (const SchemaColumn& column : each.columns) {
      if (column.name == name) return &column;
    }
  }
  return nullptr;
}

/// "unique name table: a b", the name without the table at its end.
std::set<std::string> index_lines(const Schema& schema) {
  std::set<std::string> lines;
  for (const SchemaIndex& index : schema.indexes) {
    if (index.table.starts_with("orch_")) continue;
    std::string name = index.name;
    if (name.ends_with("_" + index.table)) name.resize(name.size() - index.table.size() - 1);
    lines.insert((index.unique ? "unique " : "") + name + " " + index.table + ": " +
                 join(index.columns, " "));
  }
  return lines;
}

std::set<std::string> documented_index_lines() {
  std::set<std::string> lines;
  for (const std::string& line : words(kIndexes, "\n")) {
    const std::size_t colon = line.find(':');
    const std::vector<std::string> head = words(line.substr(0, colon));
    const std::string& table = head.back();
    std::string name = head[head.size() - 2];
    if (name.ends_with("_" + table)) name.resize(name.size() - table.size() - 1);
    lines.insert((head.size() == 3 ? "unique " : "") + name + " " + table + line.substr(colon));
  }
  return lines;
}

std::unique_ptr<Database> memory() {
  auto opened = open_sqlite(":memory:", std::chrono::seconds(1));
  REQUIRE(opened.has_value());
  return *std::move(opened);
}

std::string value(Database& database, std::string_view sql) {
  std::string text;
  REQUIRE(database.select(sql, {}, [&text](const Row& row) { text = row.text(0); }));
  return text;
}

std::set<std::string> names(Database& database, const std::string& type) {
  std::set<std::string> found;
  REQUIRE(database.select("select name from sqlite_master where type = ?", {type},
                          [&found](const Row& row) { found.insert(row.text(0)); }));
  return found;
}

/// What the deployed database says of itself: object and statement.
std::map<std::string, std::string> dump(Database& database) {
  std::map<std::string, std::string> objects;
  REQUIRE(database.select("select type || ' ' || name, coalesce(sql, '') from sqlite_master", {},
                          [&objects](const Row& row) { objects[row.text(0)] = row.text(1); }));
  return objects;
}

}  // namespace

TEST_SUITE("storage/migrate") {
  TEST_CASE("both schema files have the documented tables, columns, defaults and indexes") {
    const Catalogue catalogue = documented();
    REQUIRE(catalogue.size() == 47);
    for (const bool sqlite : {true, false}) {
      CAPTURE(sqlite);
      const Schema schema = parse_schema(sqlite ? sqlite_schema_files() : mysql_schema_files());
      for (const auto& [table, columns] : catalogue) {
        for (const auto& [name, expected] : columns) {
          const std::string place = table + "." + name;
          CAPTURE(place);
          const SchemaColumn* column = find_column(schema, table, name);
          REQUIRE(column != nullptr);
          const bool has_default = column->definition.find(" DEFAULT ") != std::string::npos;
          const bool wanted = sqlite ? expected.sqlite_default : expected.mysql_default;
          CHECK(has_default == wanted);
        }
      }
      std::size_t shared = 0;
      for (const SchemaTable& table : schema.tables) {
        if (table.name.starts_with("orch_")) continue;
        ++shared;
        REQUIRE(catalogue.count(table.name) == 1);
        CHECK(table.columns.size() == catalogue.at(table.name).size());
      }
      CHECK(shared == 47);
      CHECK(index_lines(schema) == documented_index_lines());
    }
  }

  TEST_CASE("the two schema files define the same tables, columns and indexes") {
    const Schema sqlite = parse_schema(sqlite_schema_files());
    const Schema mysql = parse_schema(mysql_schema_files());
    REQUIRE(sqlite.tables.size() == mysql.tables.size());
    for (std::size_t i = 0; i < sqlite.tables.size(); ++i) {
      CHECK(sqlite.tables[i].name == mysql.tables[i].name);
      std::vector<std::string> one;
      std::vector<std::string> other;
      for (const SchemaColumn& column : sqlite.tables[i].columns)
        one.push_back(column.name);
      for (const SchemaColumn& column : mysql.tables[i].columns)
        other.push_back(column.name);
      CHECK(one == other);
    }
    CHECK(index_lines(sqlite) == index_lines(mysql));
    CHECK(sqlite.indexes.size() == mysql.indexes.size());
  }

  TEST_CASE("an empty database gets everything, the seed row and the version") {
    const auto database = memory();
    const FakeClock clock;
    REQUIRE(migrate(*database, {.version = "1.2"}, clock));
    const Schema schema = parse_schema(sqlite_schema_files());
    const std::set<std::string> tables = names(*database, "table");
    for (const SchemaTable& table : schema.tables)
      CHECK(tables.count(table.name) == 1);
    const std::set<std::string> indexes = names(*database, "index");
    for (const SchemaIndex& index : schema.indexes)
      CHECK(indexes.count(index.name) == 1);
    CHECK(value(*database, "select anchor || hostname || token from active_node") == "1");
    CHECK(value(*database,
                "select deployed_version || deployed_timestamp "
                "from orchestrator_db_deployments") == "1.22026-01-31 10:20:30");
    for (const std::string kind : {"trigger", "view"})
      CHECK(names(*database, kind).empty());
    CHECK(value(*database,
                "select count(*) from sqlite_master where sql like '%without rowid%' or sql like "
                "'%strict%'") == "0");
  }

  TEST_CASE("a recorded version is not deployed again, another and an empty one are") {
    const auto database = memory();
    const FakeClock clock;
    REQUIRE(migrate(*database, {.version = "1.2"}, clock));
    const auto objects = dump(*database);
    const auto drop = [&database] {
      REQUIRE(database->execute("drop table kv_store"));
    };
    const auto is_back = [&database] {
      return names(*database, "table").count("kv_store") == 1;
    };

    drop();
    REQUIRE(migrate(*database, {.version = "1.2"}, clock));
    CHECK_FALSE(is_back());
    REQUIRE(migrate(*database, {.version = "1.3"}, clock));
    CHECK(is_back());
    drop();
    REQUIRE(migrate(*database, {.version = "1.2", .redeploy = true}, clock));
    CHECK(is_back());
    for (int i = 0; i < 2; ++i) {
      drop();
      REQUIRE(migrate(*database, {}, clock));
      CHECK(is_back());
    }
    CHECK(value(*database,
                "select group_concat(deployed_version, '|') from (select * from "
                "orchestrator_db_deployments order by deployed_version)") == "|1.2|1.3");
    CHECK(dump(*database) == objects);
  }

  TEST_CASE("PanicIfDifferentDatabaseDeploy forbids an update before anything is changed") {
    const auto database = memory();
    const FakeClock clock;
    const auto refused = migrate(*database, {.version = "2", .panic_if_different = true}, clock);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().kind == ErrorKind::Refused);
    CHECK(refused.error().message.starts_with(
        "PanicIfDifferentDatabaseDeploy is set. Configured version"));
    CHECK(names(*database, "table").empty());
    REQUIRE(migrate(*database, {.version = "2"}, clock));
    CHECK(migrate(*database, {.version = "2", .panic_if_different = true}, clock).has_value());
  }

  TEST_CASE("a backend of an early orchestrator gets what is missing and keeps what it has") {
    const auto database = memory();
    const FakeClock clock;
    REQUIRE(database->execute_script(R"(
      create table database_instance (
        hostname varchar(128) not null, port smallint not null,
        last_checked timestamp not null default (''), last_seen timestamp null,
        server_id int not null, version varchar(128) not null, binlog_format varchar(16) not null,
        log_bin tinyint not null, log_slave_updates tinyint not null,
        binary_log_file varchar(128) not null, binary_log_pos bigint not null,
        master_host varchar(128) not null, master_port smallint not null,
        slave_sql_running tinyint not null, slave_io_running tinyint not null,
        master_log_file varchar(128) not null, read_master_log_pos bigint not null,
        relay_master_log_file varchar(128) not null, exec_master_log_pos bigint not null,
        seconds_behind_master bigint, slave_lag_seconds bigint, num_slave_hosts int not null,
        slave_hosts text not null, cluster_name varchar(128) not null, extra text,
        primary key (hostname, port));
      create index cluster_name_idx on database_instance (cluster_name);
      insert into database_instance values ('db-1', 3306, '2020-01-01 00:00:00', null, 7, '5.5', '',
        1, 1, 'bin.1', 4, '', 0, 0, 0, '', 0, '', 0, null, null, 0, '[]', 'db-1:3306', 'kept');
      create table topology_failure_detection (
        detection_id integer, hostname varchar(128) not null, port smallint not null,
        in_active_period tinyint not null default 0,
        start_active_period timestamp not null default (''),
        end_active_period_unixtime int not null, processing_node_hostname varchar(128) not null,
        processcing_node_token varchar(128) not null, analysis varchar(128) not null,
        cluster_name varchar(128) not null, cluster_alias varchar(128) not null,
        count_affected_slaves int not null, slave_hosts text not null, primary key (detection_id));
      create unique index hostname_port_active_period_uidx_topology_failure_detection
        on topology_failure_detection
           (hostname, port, in_active_period, end_active_period_unixtime);
      create table audit (audit_id integer, audit_timestamp timestamp not null default (''),
        audit_type varchar(128) not null, hostname varchar(128) not null default '',
        port smallint not null, message text not null, primary key (audit_id));
      create index host_port_idx on audit (hostname, port, audit_timestamp);
      create view whats_wrong as select 1;
      create view _whats_wrong as select 1;
      create view whats_wrong_summary as select 1;
    )"));
    REQUIRE(migrate(*database, {.version = "1"}, clock));

    std::set<std::string> columns;
    REQUIRE(database->select("select name from pragma_table_info('database_instance')", {},
                             [&columns](const Row& row) { columns.insert(row.text(0)); }));
    CHECK(columns.size() == 79);
    CHECK(columns.count("replication_group_primary_port") == 1);
    CHECK(value(*database,
                "select extra || server_id || version_comment || semi_sync_available "
                "from database_instance") == "kept70");
    CHECK(names(*database, "view").empty());
    const std::set<std::string> indexes = names(*database, "index");
    for (const std::string gone : {"cluster_name_idx", "host_port_idx",
                                   "hostname_port_active_period_uidx_topology_failure_detection"}) {
      CHECK(indexes.count(gone) == 0);
    }
    for (const std::string made :
         {"cluster_name_idx_database_instance", "host_port_idx_audit",
          "host_port_active_recoverable_uidx_topology_failure_detection"}) {
      CHECK(indexes.count(made) == 1);
    }
  }

  TEST_CASE(
      "SkipOrchestratorDatabaseUpdate leaves the schema alone unless the flag says otherwise") {
    const FakeClock clock;
    BackendSettings settings;
    settings.backend_db = "sqlite";
    settings.sqlite3_data_file = ":memory:";
    settings.skip_orchestrator_database_update = true;
    const auto skipped = open_backend(settings, {.version = "1"}, clock);
    REQUIRE_FALSE(skipped.has_value());
    CHECK(skipped.error().kind == ErrorKind::Refused);
    CHECK(skipped.error().message.find("-c redeploy-internal-db") != std::string::npos);
    const auto forced = open_backend(settings, {.version = "1", .force_update = true}, clock);
    REQUIRE(forced.has_value());
    CHECK(require_schema(**forced).has_value());
  }
}

}  // namespace orch::storage
