#include <doctest/doctest.h>

#include "core/json/json.h"
#include "storage/analysis_store.h"
#include "storage/maintenance_store.h"
#include "storage/recovery_store.h"
#include "tests/cmd/command/command_fixture.h"

namespace orch::cmd {

namespace {

/// A third party's fixture: the master was last seen a minute before its last check, its two
/// replicas cannot connect; a third cluster of one master and one replica that does not replicate.
constexpr std::string_view kDeadMaster = R"(
insert into database_instance (hostname, port, last_checked, last_attempted_check,
    last_check_partial_success, last_seen, server_id, version, major_version, binlog_format, log_bin,
    log_slave_updates, binary_log_file, binary_log_pos, master_host, master_port,
    slave_sql_running, slave_io_running, last_io_error, oracle_gtid, cluster_name, replication_depth,
    read_only, master_log_file, read_master_log_pos, relay_master_log_file, exec_master_log_pos,
    num_slave_hosts, slave_hosts)
select *, '', 0, '', 0, 0, '[]' from (values
 ('db-1', 3306, '2026-01-31 10:20:29', '2026-01-31 10:20:29', 0, '2026-01-31 10:19:29', 1, '8.0.36',
  '8.0', 'ROW', 1, 1, 'bin.000009', 500, '', 0, 0, 0, '', 0, 'db-1:3306', 0, 0),
 ('db-2', 3306, '2026-01-31 10:20:29', '2026-01-31 10:20:29', 1, '2026-01-31 10:20:29', 2, '8.0.36',
  '8.0', 'ROW', 1, 0, 'bin.000002', 4, 'db-1', 3306, 1, 0,
  '\"error reconnecting to master ''repl@db-1:3306'' - retry-time: 1\"', 1, 'db-1:3306', 1, 1),
 ('db-3', 3306, '2026-01-31 10:20:29', '2026-01-31 10:20:29', 1, '2026-01-31 10:20:29', 3, '8.0.36',
  '8.0', 'ROW', 0, 1, 'bin.000002', 4, 'db-1', 3306, 1, 0, '', 1, 'db-1:3306', 1, 1),
 ('other-1', 3306, '2026-01-31 10:20:29', '2026-01-31 10:20:29', 1, '2026-01-31 10:20:29', 4,
  '8.0.36', '8.0', 'ROW', 1, 1, 'bin.000009', 500, '_', 3306, 0, 0, '', 0, 'other-1:3306', 0, 0),
 ('other-2', 3306, '2026-01-31 10:20:29', '2026-01-31 10:20:29', 1, '2026-01-31 10:20:29', 5,
  '8.0.36', '8.0', 'ROW', 1, 1, 'bin.000009', 500, 'other-1', 3306, 1, 0, '', 1, 'other-1:3306', 1,
  1));
insert into cluster_alias (cluster_name, alias, last_registered)
values ('db-1:3306', 'shop', '2026-01-31 10:20:29');
)";

const std::string kDead =
    "db-1:3306 (cluster db-1:3306): DeadMaster, NoLoggingReplicasStructureWarning";
const std::string kBroken =
    "other-1:3306 (cluster other-1:3306): MasterSingleReplicaNotReplicating";
const std::string kFirstTier =
    "db-2:3306 (cluster db-1:3306): FirstTierReplicaFailingToConnectToMaster";

struct Fixture : CommandFixture {
  Fixture() { execute(kDeadMaster); }

  Reply analyze(const std::string& cluster = "") {
    Services made = services();
    const Result<Reply> reply = find_command("analyze")->run(made, {.instance = cluster});
    REQUIRE_MESSAGE(reply.has_value(), storage::why(reply));
    return *reply;
  }
  static bool says(const Reply& reply, const std::string& part) {
    return reply.text.find(part) != std::string::npos;
  }
};

}  // namespace

TEST_SUITE("cmd/command/analysis") {
  TEST_CASE_FIXTURE(Fixture, "replication-analysis prints the contract's lines") {
    CHECK(lines("replication-analysis") == Lines{kDead, kBroken, kFirstTier});
  }

  TEST_CASE_FIXTURE(Fixture, "replication-analysis believes old records, as orchestrator does") {
    clock.advance(std::chrono::hours(48));
    CHECK(lines("replication-analysis") == Lines{kDead, kBroken, kFirstTier});
  }

  TEST_CASE_FIXTURE(Fixture, "replication-analysis leaves downtimed servers out") {
    execute(R"(insert into database_instance_downtime
        (hostname, port, downtime_active, begin_timestamp, end_timestamp, owner, reason)
        values ('db-1', 3306, 1, '2026-01-31 10:00:00', '2026-01-31 11:00:00', 'alice', 'x'),
               ('other-1', 3306, 1, '2026-01-31 10:00:00', '2026-01-31 10:10:00', 'bob', 'over'))");
    CHECK(lines("replication-analysis") == Lines{kBroken, kFirstTier});
  }

  TEST_CASE_FIXTURE(Fixture, "replication-analysis sees servers under maintenance (ANA-1)") {
    storage::MaintenanceStore locks(database(), clock, {"host", "token"});
    REQUIRE(locks.claim({.key = {"db-1", 3306}, .owner = "alice", .reason = "move"}));
    CHECK(lines("replication-analysis") == Lines{kDead, kBroken, kFirstTier});
    CHECK(says(analyze(), "under maintenance by alice: move"));
  }

  TEST_CASE_FIXTURE(Fixture, "replication-analysis heeds RecoveryIgnoreHostnameFilters") {
    config.recovery.recovery_ignore_hostname_filters = {"^db-1$", "^other"};
    CHECK(lines("replication-analysis") == Lines{kFirstTier});
  }

  TEST_CASE_FIXTURE(Fixture, "replication-analysis is silent when all is well") {
    execute("delete from database_instance");
    CHECK(lines("replication-analysis").empty());
    CHECK(run("replication-analysis", {})->json == "[]");
  }

  TEST_CASE_FIXTURE(Fixture, "analyze says what is wrong, how bad, and why nothing would be done") {
    const Reply reply = analyze();
    CHECK(reply.failed);
    CHECK(says(reply, "db-1:3306 (shop): critical"));
    CHECK(says(reply, "2 of 2 replicas answer, none replicates, 1 confirms the loss"));
    CHECK(says(reply, "RecoverMasterClusterFilters does not name the cluster"));
    CHECK(says(reply, "by hand: orch failover shop"));
    CHECK(says(reply, "other-2:3306  ReplicaNotReplicating"));
    config.recovery.recover_master_cluster_filters = {"shop"};
    CHECK(says(analyze(), "an automatic recovery would run: dead-master"));
  }

  TEST_CASE_FIXTURE(Fixture, "analyze looks at one cluster when asked") {
    const Json all = Json::parse(analyze().json);
    const Json one = Json::parse(analyze("shop").json);
    CHECK(all.size() == 5);
    REQUIRE(one.size() == 3);
    CHECK(one[0]["Analysis"] == "DeadMaster");
    CHECK(one[0]["Severity"] == "critical");
    CHECK(one[0]["AnalyzedInstanceKey"]["Hostname"] == "db-1");
    CHECK(one[0]["StructureAnalysis"][0] == "NoLoggingReplicasStructureWarning");
    CHECK_FALSE(says(analyze("shop"), "other-1"));
  }

  TEST_CASE_FIXTURE(Fixture, "analyze says that records are too old to judge (ANA-3)") {
    clock.advance(std::chrono::minutes(12));
    const Reply reply = analyze("shop");
    CHECK(reply.failed);
    CHECK(says(reply,
               "RecordsTooOld: the records of 3 servers are too old to judge by (the latest "
               "is 12m old)"));
    CHECK_FALSE(says(reply, "DeadMaster"));
  }

  TEST_CASE_FIXTURE(Fixture, "analyze has nothing to say, and exit code 0, when all is well") {
    execute("delete from database_instance where hostname like 'db%'");
    execute("update database_instance set slave_io_running = 1");
    const Reply reply = analyze();
    CHECK(reply.text == "nothing is wrong with 2 known servers\n");
    CHECK(reply.json == "[]");
    CHECK_FALSE(reply.failed);
  }

  TEST_CASE_FIXTURE(Fixture, "analyze names the reasons that lie elsewhere") {
    config.recovery.recover_master_cluster_filters = {"*"};
    storage::RecoveryStore recoveries(database(), clock, {"host", "token"});
    REQUIRE(recoveries.claim({.uid = "1:a",
                              .failed = {"db-1", 3306},
                              .analysis = "DeadMaster",
                              .cluster_name = "db-1:3306"}));
    CHECK(says(analyze(), "recovery 1 (DeadMaster of db-1:3306) is running"));
    REQUIRE(recoveries.save_global_switch(true));
    CHECK(says(analyze(), "recoveries are disabled globally"));
  }

  TEST_CASE_FIXTURE(Fixture, "analyze tells a locked master by its coordinates and who waits") {
    execute(R"(delete from database_instance where hostname like 'db%';
        update database_instance set slave_io_running = 1;
        update database_instance set semi_sync_master_enabled = 1, semi_sync_master_status = 1,
               semi_sync_master_wait_for_slave_count = 1 where hostname = 'other-1')");
    CHECK(says(analyze(), "LockedSemiSyncMasterHypothesis"));
    storage::AnalysisStore store(database(), clock);
    const storage::BinlogEnd end{{"other-1", 3306}, {"bin.000009", 500, BinlogType::Binary}};
    REQUIRE(store.save_stand_still({&end, 1}));
    clock.advance(std::chrono::seconds(20));
    CHECK(says(analyze(), "LockedSemiSyncMaster\n"));
    execute(R"(insert into orch_semi_sync_wait (hostname, port, checked_at, waiting_sessions)
               values ('other-1', 3306, '2026-01-31 10:20:29', 0))");
    CHECK(says(analyze(), "LockedSemiSyncMasterHypothesis"));
  }

  TEST_CASE_FIXTURE(Fixture, "analyze names what a server is sick with") {
    execute(R"(insert into orch_instance_error (hostname, port, checked_at, message) values
        ('db-1', 3306, '2026-01-31 10:20:29',
         'db-1:3306: the server takes no more connections: Too many connections (1040)'))");
    CHECK(says(analyze(), "TooManyConnections"));
    CHECK(says(analyze(), "latest probe: db-1:3306: the server takes no more connections"));
    CHECK(lines("replication-analysis") == Lines{kDead, kBroken, kFirstTier});
  }
}

}  // namespace orch::cmd
