#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "storage/cluster_store.h"
#include "storage/downtime_store.h"
#include "storage/instance_store.h"
#include "storage/recovery_store.h"
#include "storage/tag_store.h"
#include "tests/storage/memory_backend.h"

// Fixtures as third parties write them for orchestrator (schema document, 5): a subset of the
// columns, literals in MySQL's way, dates long gone, explicit ids.

namespace orch::storage {

namespace {

constexpr std::string_view kInstances = R"sql(
DELETE FROM database_instance;
INSERT INTO database_instance (
  hostname, port, last_checked, last_attempted_check, last_check_partial_success, last_seen, uptime,
  server_id, server_uuid, version, major_version, version_comment, binlog_server, read_only,
  binlog_format, binlog_row_image, log_bin, log_slave_updates, binary_log_file, binary_log_pos,
  master_host, master_port, master_uuid, slave_sql_running, slave_io_running,
  has_replication_filters, oracle_gtid, ancestry_uuid, executed_gtid_set, gtid_purged, gtid_errant,
  gtid_mode, supports_oracle_gtid, mariadb_gtid, pseudo_gtid, master_log_file, read_master_log_pos,
  relay_master_log_file, exec_master_log_pos, relay_log_file, relay_log_pos, last_sql_error,
  last_io_error, seconds_behind_master, slave_lag_seconds, sql_delay, allow_tls, num_slave_hosts,
  slave_hosts, cluster_name, suggested_cluster_alias, data_center, region, physical_environment,
  instance_alias, semi_sync_enforced, replication_depth, is_co_master,
  replication_credentials_available, has_replication_credentials, last_discovery_latency,
  semi_sync_master_enabled, semi_sync_replica_enabled, replication_group_members)
VALUES
('db-1.test',22293,'2017-02-02 08:29:57','2017-02-02 08:29:57',1,'2017-02-02 08:29:57',670447,1,
 'uuid-1','5.7.26-log','5.7','MySQL Community',0,0,'ROW','FULL',1,1,'mysql-bin.000167',137086726,
 '',0,'',0,0,0,0,'uuid-1','','','','OFF',0,0,0,'',0,'',0,'',0,'','',NULL,NULL,0,0,2,
 '[{\"Hostname\":\"db-2.test\",\"Port\":22294},{\"Hostname\":\"db-3.test\",\"Port\":22295}]',
 'db-1.test:22293','','dc1','','prod','',0,0,0,0,0,8083748,0,0,'[]'),
('db-2.test',22294,CURRENT_TIMESTAMP,'2017-02-02 08:30:02',1,datetime('now','-1 minute'),670444,2,
 'uuid-2','5.7.26-log','5.7','MySQL Community',0,1,'ROW','FULL',1,1,'mysql-bin.000132',15931747,
 'db-1.test',22293,'uuid-1',1,1,0,0,'uuid-1,uuid-2','','','','OFF',0,0,0,'mysql-bin.000167',
 137086726,'mysql-bin.000167',137086726,'relay.000004',16,'',
 '"error reconnecting to master ''repl''"',0,0,0,0,0,'[]','db-1.test:22293','shop','dc2','','prod',
 'spare',0,1,0,0,1,5000000,0,0,'[]'),
('db-3.test',22295,'2017-02-02T08:30:02Z','2017-02-02T08:30:02Z',1,'2017-02-02T08:30:05Z',670442,3,
 'uuid-3','5.7.26-log','5.7','MySQL Community',0,1,'STATEMENT','FULL',0,0,'',0,'db-1.test',22293,
 'uuid-1',0,1,0,0,'uuid-1,uuid-3','','','','OFF',0,0,0,'mysql-bin.000167',137086726,
 'mysql-bin.000167',130000000,'relay.000007',99,'',
 '',NULL,NULL,0,0,0,'not json','gone.test:1','','dc2','','prod','',0,1,0,0,1,5000000,0,0,'[]'),
('db-4.test',22296,'2017-02-02','2017-02-02 08:30',0,NULL,0,4,
 '','10.11.6-MariaDB','10.11','',0,0,'','',0,0,'',0,'_',0,
 '',0,0,0,0,'','','','','',0,0,0,'',0,'',0,'',0,'',
 '',NULL,NULL,0,0,0,'[]','db-4.test:22296','','','','','',0,0,0,0,0,0,0,0,'[]');
UPDATE database_instance SET cluster_name = 'db-1.test:22293' WHERE hostname = 'db-3.test';
)sql";

struct FileFixture : MemoryBackend {
  FileFixture() { run(kInstances); }
  InstanceStore store{database(), clock, {}};

  Instance find(const std::string& hostname, std::uint16_t port) {
    auto found = store.find({hostname, port});
    REQUIRE(found);
    REQUIRE(found->has_value());
    return **std::move(found);
  }
};

}  // namespace

TEST_SUITE("storage/fixture") {
  TEST_CASE_FIXTURE(FileFixture,
                    "a fixture of 64 columns loads unchanged and reads as an instance") {
    const Instance read = find("db-1.test", 22293);
    CHECK(read.server.version == "5.7.26-log");
    CHECK(read.server.binlog == BinlogCoordinates{"mysql-bin.000167", 137086726});
    CHECK(read.location.data_center == "dc1");
    CHECK(read.freshness.is_last_check_valid);
    CHECK_FALSE(read.freshness.is_recently_checked);
    CHECK_FALSE(read.replication.seconds_behind.has_value());
    // Escaped quotes stay in SQLite: no JSON, hence an empty list, and no error.
    CHECK(read.replicas.empty());
    CHECK(value("select num_slave_hosts from database_instance where port = 22293") == "2");
    // Left out by the fixture: their defaults.
    CHECK(read.replication.io_state == ThreadState::Stopped);
    CHECK(read.group.single_primary);
  }

  TEST_CASE_FIXTURE(FileFixture, "a replica's record keeps its own words") {
    const Instance read = find("db-2.test", 22294);
    CHECK(read.replication.source == InstanceKey{"db-1.test", 22293});
    CHECK(read.replication.io_running);
    CHECK(read.replication.last_io_error == "error reconnecting to master 'repl'");
    CHECK(read.alias == "spare");
    CHECK(read.last_discovery_latency == std::chrono::milliseconds(5));
    CHECK(read.freshness.last_checked.has_value());
    CHECK(read.freshness.last_seen.has_value());
    CHECK_FALSE(read.freshness.is_last_check_valid);
  }

  TEST_CASE_FIXTURE(FileFixture, "times with T and Z, dates alone and NULL are read") {
    const Instance read = find("db-3.test", 22295);
    CHECK(format_time(*read.freshness.last_checked) == "2017-02-02 08:30:02");
    CHECK(format_time(*read.freshness.last_seen) == "2017-02-02 08:30:05");
    CHECK(read.freshness.is_last_check_valid);
    CHECK(read.replicas.empty());
    const Instance other = find("db-4.test", 22296);
    CHECK(format_time(*other.freshness.last_checked) == "2017-02-02 00:00:00");
    CHECK(format_time(*other.freshness.last_attempted_check) == "2017-02-02 08:30:00");
    CHECK_FALSE(other.freshness.last_seen.has_value());
    CHECK_FALSE(other.freshness.is_last_check_valid);
    CHECK_FALSE(other.replication.configured);
  }

  TEST_CASE_FIXTURE(FileFixture, "reading repairs nothing") {
    const std::string sum =
        "select group_concat(slave_hosts || num_slave_hosts || last_checked) "
        "from database_instance where port <> 22294";
    const std::string before = value(sum);
    REQUIRE(store.list({}));
    CHECK(value(sum) == before);
  }

  TEST_CASE_FIXTURE(FileFixture, "a generated id is larger than an explicit one") {
    run(R"sql(
      INSERT INTO topology_recovery (recovery_id, hostname, port, in_active_period,
        start_active_period, end_active_period_unixtime, processing_node_hostname,
        processcing_node_token, uid, slave_hosts)
      VALUES (41, 'db-1.test', 22293, 1, '2017-02-02 08:30:00', 0, 'node', 'token', 'u-41',
        'db-2.test:22294,2001:db8::7:3306');
    )sql");
    RecoveryStore recoveries(database(), clock, {"me", "mine"});
    const auto old = recoveries.find(41);
    REQUIRE(old);
    REQUIRE(old->has_value());
    CHECK((*old)->affected_replicas ==
          std::vector<InstanceKey>{{"db-2.test", 22294}, {"2001:db8::7", 3306}});
    CHECK_FALSE((*old)->ended.has_value());
    CHECK((*old)->successor.hostname == "");
    RecoveryRecord recovery;
    recovery.uid = "u-42";
    recovery.failed = {"db-2.test", 22294};
    const auto id = recoveries.claim(recovery);
    REQUIRE(id);
    CHECK(id->value_or(0) == 42);
  }

  TEST_CASE_FIXTURE(FileFixture, "downtimes, candidates and tags of a fixture join the instance") {
    run(R"sql(
      INSERT INTO candidate_database_instance (hostname, port, last_suggested, promotion_rule)
        VALUES ('db-2.test', 22294, CURRENT_TIMESTAMP, 'prefer');
      INSERT INTO candidate_database_instance (hostname, port) VALUES ('db-3.test', 22295);
      INSERT INTO database_instance_downtime (hostname, port, downtime_active, end_timestamp,
        owner, reason) VALUES
        ('db-2.test', 22294, 1, '2037-01-01T00:00:00Z', 'bob', 'fixture'),
        ('db-3.test', 22295, 1, NULL, 'bob', 'no end'),
        ('db-4.test', 22296, NULL, '2037-01-01 00:00:00', 'bob', 'not active');
      INSERT INTO database_instance_tags (hostname, port, tag_name, tag_value)
        VALUES ('db-2.test', 22294, 'role', 'spare');
    )sql");
    Instance read = find("db-2.test", 22294);
    CHECK(read.is_candidate);
    CHECK(read.downtime.active);
    CHECK(find("db-3.test", 22295).promotion_rule == PromotionRule::Neutral);
    CHECK_FALSE(find("db-3.test", 22295).downtime.active);
    CHECK_FALSE(find("db-4.test", 22296).downtime.active);
    CHECK(find("db-4.test", 22296).downtime.reason == "not active");
    const auto tags = TagStore(database(), clock).list({"db-2.test", 22294});
    REQUIRE(tags);
    CHECK(*tags == std::vector<Tag>{{"role", "spare"}});
  }

  TEST_CASE_FIXTURE(FileFixture, "a cluster named after nobody is a cluster") {
    run("UPDATE database_instance SET cluster_name = 'nobody:1' WHERE port = 22296");
    const auto names = ClusterStore(database(), clock, {}).list_names();
    REQUIRE(names);
    CHECK(*names == std::vector<std::string>{"db-1.test:22293", "nobody:1"});
  }
}

}  // namespace orch::storage
