#include "storage/columns/instance_columns.h"

#include <set>
#include <string>

#include <doctest/doctest.h>

#include "storage/instance_store.h"
#include "tests/storage/memory_backend.h"

namespace orch::storage {

namespace {

/// An instance in which every stored field differs from its default and from every other one.
Instance full_instance() {
  Instance i;
  i.key = {"db-1.example.com", 3307};
  i.alias = "the first";
  i.cluster_name = "db-0:3306";
  i.suggested_cluster_alias = "shop";
  i.replication_depth = 3;
  i.is_co_master = true;
  i.ancestry_uuid = "aaa,bbb";
  i.server.id = 4'294'967'295U;
  i.server.uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
  i.server.version = "8.4.3-3";
  i.server.version_comment = "Percona Server";
  i.server.read_only = true;
  i.server.uptime = std::chrono::seconds(11);
  i.server.binlog_format = "ROW";
  i.server.binlog_row_image = "FULL";
  i.server.log_bin = true;
  i.server.log_replica_updates = true;
  i.server.binlog_server = true;
  i.server.binlog = {"bin.000012", 5'000'000'000, BinlogType::Binary};
  Replication& r = i.replication;
  r.configured = true;
  r.source = {"db-0.example.com", 3308};
  r.source_uuid = "source-uuid";
  r.io_state = ThreadState::Other;
  r.sql_state = ThreadState::Running;
  r.io_running = true;
  r.sql_running = true;
  r.read = {"src.000013", 14, BinlogType::Binary};
  r.exec = {"src.000015", 16, BinlogType::Binary};
  r.relay = {"relay.000017", 18, BinlogType::Relay};
  r.last_io_error = "error connecting to source 'r\xc3\xa9pl@db-0:3308' - retry\n";
  r.last_sql_error = "it said \"no\"";
  r.sql_delay = std::chrono::seconds(19);
  r.seconds_behind = std::chrono::seconds(20);
  r.lag = std::chrono::seconds(21);
  r.has_filters = true;
  r.has_credentials = true;
  r.credentials_available = true;
  r.allow_tls = true;
  i.gtid.mode = "ON_PERMISSIVE";
  i.gtid.supports_oracle = true;
  i.gtid.uses_oracle = true;
  i.gtid.uses_mariadb = true;
  i.gtid.uses_pseudo = true;
  i.gtid.executed = "a:1-5,\nb:1-7";
  i.gtid.purged = "a:1-2";
  i.gtid.errant = "b:7";
  i.semi_sync.available = true;
  i.semi_sync.priority = 22;
  i.semi_sync.source_enabled = true;
  i.semi_sync.replica_enabled = true;
  i.semi_sync.source_timeout = std::chrono::milliseconds(10'000'000'000);
  i.semi_sync.source_wait_for_replica_count = 23;
  i.semi_sync.source_status = true;
  i.semi_sync.source_clients = 24;
  i.semi_sync.replica_status = true;
  i.group.name = "group-uuid";
  i.group.single_primary = false;
  i.group.state = "RECOVERING";
  i.group.role = "SECONDARY";
  i.group.others = {{"g-1", 3306}, {"g-2", 3306}};
  i.group.primary = {"g-3", 3309};
  i.location = {"dc", "region", "env"};
  i.replicas = {{"r-1", 3306}, {"r-2", 3310}};
  i.last_discovery_latency = std::chrono::nanoseconds(1'234'567);
  return i;
}

}  // namespace

TEST_SUITE("storage/columns/instance_columns") {
  TEST_CASE("every stored field survives being written and read") {
    MemoryBackend backend;
    InstanceStore store(backend.database(), backend.clock, {});
    const Instance written = full_instance();
    const InstanceWrite write{&written, true};
    REQUIRE(store.save({&write, 1}));
    const auto found = store.find(written.key);
    REQUIRE(found);
    REQUIRE(found->has_value());
    const Instance& read = **found;

    for (const InstanceColumn& column : instance_columns()) {
      CAPTURE(column.name);
      CHECK(column.write(read) == column.write(written));
      // A column that is not read back, or that holds its default here, would prove nothing.
      CHECK(column.write(written) != column.write(Instance{}));
    }
    CHECK(read.replication.relay.type == BinlogType::Relay);
    CHECK(read.replication.configured);
    CHECK(read.replication.last_io_error == written.replication.last_io_error);
    CHECK(backend.value("select last_sql_error from database_instance") == R"("it said \"no\"")");
  }

  TEST_CASE("the list names every column of the table but the times of checks, each once") {
    MemoryBackend backend;
    std::set<std::string> named{"last_checked", "last_attempted_check",
                                "last_check_partial_success", "last_seen"};
    for (const InstanceColumn& column : instance_columns()) {
      CHECK(named.insert(std::string(column.name)).second);
    }
    std::set<std::string> present;
    const char* sql = backend.schema.empty()
                          ? "select name from pragma_table_info('database_instance')"
                          : "select column_name from information_schema.columns"
                            " where table_schema = database() and table_name = 'database_instance'";
    REQUIRE(backend.database().select(sql, {},
                                      [&present](const Row& row) { present.insert(row.text(0)); }));
    CHECK(named == present);
    CHECK(present.size() == 78);
  }

  TEST_CASE("unknown lags are NULL, negative ones 0, and what does not fit a byte is cut") {
    MemoryBackend backend;
    InstanceStore store(backend.database(), backend.clock, {});
    Instance instance = full_instance();
    instance.replication.seconds_behind = std::nullopt;
    instance.replication.lag = std::chrono::seconds(-5);
    instance.semi_sync.priority = 1000;
    const InstanceWrite write{&instance, true};
    REQUIRE(store.save({&write, 1}));
    CHECK(backend.value("select seconds_behind_master from database_instance") == "NULL");
    CHECK(backend.value("select slave_lag_seconds from database_instance") == "0");
    CHECK(backend.value("select semi_sync_enforced from database_instance") == "255");
  }
}

}  // namespace orch::storage
