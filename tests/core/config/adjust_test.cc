#include <doctest/doctest.h>

#include "core/config/check.h"

namespace orch {

namespace {

/// The one problem's message, or "".
std::string fault(Config config) {
  const std::vector<ConfigProblem> problems = adjust_config(config);
  CHECK(problems.size() <= 1);
  if (problems.empty()) return "";
  CHECK(problems[0].severity == Severity::Error);
  CHECK_FALSE(problems[0].key.empty());
  return problems[0].message;
}

Config adjusted(Config config) {
  CHECK(adjust_config(config).empty());
  return config;
}

std::string url_fault(const std::string& url) {
  Config config;
  config.raft.http_advertise = url;
  return fault(config);
}

std::string prefix_of(const std::string& prefix) {
  Config config;
  config.http.url_prefix = prefix;
  return adjusted(config).http.url_prefix;
}

std::string kv_prefix_of(const std::string& prefix) {
  Config config;
  config.kv.kv_cluster_master_prefix = prefix;
  return adjusted(config).kv.kv_cluster_master_prefix;
}

}  // namespace

TEST_SUITE("core/config/adjust") {
  TEST_CASE("the defaults hold, and those derived from others are settled") {
    const Config config = adjusted({});
    CHECK(config.recovery.detach_lost_replicas_after_master_failover);
    CHECK(config.raft.raft_advertise == "127.0.0.1:10008");
    CHECK(config.kv.kv_cluster_master_prefix == "mysql/master/");
    CHECK(config.operation.reasonable_locked_semi_sync_master_seconds == std::chrono::seconds(10));
    CHECK(config.recovery.recovery_period_block_seconds == std::chrono::seconds(3600));
  }

  TEST_CASE("the block period in minutes counts only when the seconds are 0 (REC-2)") {
    Config config;
    config.recovery.recovery_period_block_minutes = std::chrono::minutes(5);
    CHECK(adjusted(config).recovery.recovery_period_block_seconds == std::chrono::seconds(3600));
    config.recovery.recovery_period_block_seconds = std::chrono::seconds(0);
    CHECK(adjusted(config).recovery.recovery_period_block_seconds == std::chrono::seconds(300));
    config.recovery.recovery_period_block_minutes = std::chrono::minutes(0);
    CHECK(adjusted(config).recovery.recovery_period_block_seconds == std::chrono::seconds(0));
  }

  TEST_CASE("the lag query has an old name") {
    Config config;
    config.classification.slave_lag_query = "select 1";
    const Config copied = adjusted(config);
    CHECK(copied.classification.replication_lag_query == "select 1");
    CHECK(copied.classification.slave_lag_query.empty());
    config.classification.replication_lag_query = "select 1";
    CHECK(fault(config) == "");
    config.classification.replication_lag_query = "select 2";
    CHECK(fault(config) ==
          "config's ReplicationLagQuery and SlaveLagQuery are synonyms and cannot both be defined");
  }

  TEST_CASE("detaching lost replicas is switched off by the old name alone (REC-20)") {
    Config config;
    config.recovery.detach_lost_slaves_after_master_failover = false;
    CHECK_FALSE(adjusted(config).recovery.detach_lost_replicas_after_master_failover);
    config.recovery.detach_lost_replicas_after_master_failover = true;
    CHECK(adjusted(config).recovery.detach_lost_replicas_after_master_failover);
  }

  TEST_CASE("detaching the new master's source has an old name") {
    Config config;
    CHECK_FALSE(adjusted(config).recovery.master_failover_detach_replica_master_host);
    config.recovery.master_failover_detach_slave_master_host = true;
    CHECK(adjusted(config).recovery.master_failover_detach_replica_master_host);
  }

  TEST_CASE("a late SQL thread either fails or delays a promotion, not both") {
    Config config;
    config.recovery.fail_master_promotion_if_sql_thread_not_up_to_date = true;
    CHECK(fault(config) == "");
    config.recovery.delay_master_promotion_if_sql_thread_not_up_to_date = true;
    CHECK(fault(config) ==
          "Cannot have both FailMasterPromotionIfSQLThreadNotUpToDate and "
          "DelayMasterPromotionIfSQLThreadNotUpToDate enabled");
  }

  TEST_CASE("failing on lag needs a lag query, by either name") {
    Config config;
    config.recovery.fail_master_promotion_on_lag_minutes = std::chrono::minutes(1);
    CHECK(fault(config) ==
          "nonzero FailMasterPromotionOnLagMinutes requires ReplicationLagQuery to be set");
    config.classification.slave_lag_query = "select 1";
    CHECK(fault(config) == "");
  }

  TEST_CASE("postponing recoveries has an old name") {
    Config config;
    config.recovery.postpone_slave_recovery_on_lag_minutes = std::chrono::minutes(3);
    CHECK(adjusted(config).recovery.postpone_replica_recovery_on_lag_minutes ==
          std::chrono::minutes(3));
    config.recovery.postpone_replica_recovery_on_lag_minutes = std::chrono::minutes(3);
    CHECK(fault(config) == "");
    config.recovery.postpone_replica_recovery_on_lag_minutes = std::chrono::minutes(4);
    CHECK(fault(config) ==
          "config's PostponeReplicaRecoveryOnLagMinutes and PostponeSlaveRecoveryOnLagMinutes are "
          "synonyms and cannot both be defined");
  }

  TEST_CASE("a URL prefix has one slash in front and none behind") {
    CHECK(prefix_of("") == "");
    CHECK(prefix_of("orc") == "/orc");
    CHECK(prefix_of("//orc/x//") == "/orc/x");
    CHECK(prefix_of("/") == "");
  }

  TEST_CASE("SQLite needs a file") {
    Config config;
    config.backend.backend_db = "sqlite";
    CHECK(fault(config) == "SQLite3DataFile must be set when BackendDB is sqlite3");
    config.backend.sqlite3_data_file = "/tmp/x.db";
    CHECK(fault(config) == "");
    CHECK(is_sqlite(config.backend));
    CHECK_FALSE(is_sqlite(BackendSettings{}));
  }

  TEST_CASE("raft needs a directory and an address") {
    Config config;
    config.raft.raft_enabled = true;
    CHECK(fault(config) == "RaftDataDir must be defined since raft is enabled (RaftEnabled)");
    config.raft.raft_data_dir = "/tmp";
    CHECK(fault(config) == "");
    config.raft.raft_bind = "";
    CHECK(fault(config) == "RaftBind must be defined since raft is enabled (RaftEnabled)");
    config.raft.raft_data_dir = "";
    CHECK(adjust_config(config).size() == 2);
  }

  TEST_CASE("the address told to raft's peers stays when it is given") {
    Config config;
    config.raft.raft_advertise = "10.0.0.1";
    CHECK(adjusted(config).raft.raft_advertise == "10.0.0.1");
  }

  TEST_CASE("the prefix of key-value entries ends in one slash") {
    CHECK(kv_prefix_of("mysql/master") == "mysql/master/");
    CHECK(kv_prefix_of("mysql/master//") == "mysql/master/");
    CHECK(kv_prefix_of("/") == "/");
    CHECK(kv_prefix_of("") == "/");
  }

  TEST_CASE("automatic Pseudo-GTID sets four keys") {
    Config config;
    config.pseudo_gtid.pseudo_gtid_pattern = "mine";
    CHECK(adjusted(config).pseudo_gtid.pseudo_gtid_pattern == "mine");
    config.pseudo_gtid.auto_pseudo_gtid = true;
    const PseudoGtidSettings settings = adjusted(config).pseudo_gtid;
    CHECK(settings.pseudo_gtid_pattern == "drop view if exists `_pseudo_gtid_`");
    CHECK(settings.pseudo_gtid_pattern_is_fixed_substring);
    CHECK(settings.pseudo_gtid_monotonic_hint == "asc:");
    CHECK(settings.detect_pseudo_gtid_query == "select 1");
  }

  TEST_CASE("the advertised URL has scheme, host and port, and no path") {
    CHECK(url_fault("http://node1:3000") == "");
    CHECK(url_fault("https://[2001:db8::1]:3000") == "");
    const std::string must = "If specified, HTTPAdvertise must ";
    CHECK(url_fault("node1:3000") == must + "include scheme (http:// or https://)");
    CHECK(url_fault("ftp://node1:3000") == must + "include scheme (http:// or https://)");
    CHECK(url_fault("http://:3000") == must + "include host name");
    CHECK(url_fault("http://") == must + "include host name");
    CHECK(url_fault("http://node1") == must + "include port number");
    CHECK(url_fault("http://node1:") == must + "include port number");
    CHECK(url_fault("http://[2001:db8::1]") == must + "include port number");
    CHECK(url_fault("http://node1:3000/") == must + "not specify a path");
    CHECK(url_fault("http://node1:3000/api") == must + "not specify a path");
    CHECK(url_fault("http://node1:99999") == "Failed parsing HTTPAdvertise: invalid port");
    CHECK(url_fault("http://node1:x") == "Failed parsing HTTPAdvertise: invalid port");
    CHECK(url_fault("http://[::1:3000") == "Failed parsing HTTPAdvertise: missing ']' in host");
    CHECK(url_fault("http://a b:3000") ==
          "Failed parsing HTTPAdvertise: invalid character in host name");
  }

  TEST_CASE("without a write buffer nothing is buffered, advertised URL or not (DISC-20)") {
    Config config;
    config.backend.buffer_instance_writes = true;
    CHECK(adjusted(config).backend.buffer_instance_writes);
    config.backend.instance_write_buffer_size = 0;
    CHECK_FALSE(adjusted(config).backend.buffer_instance_writes);
  }

  TEST_CASE("a timeout of 0 is not over at once, and not endless") {
    Config config;
    config.backend.mysql_orchestrator_read_timeout_seconds = std::chrono::seconds(0);
    config.backend.mysql_connect_timeout_seconds = std::chrono::seconds(0);
    config.connection.mysql_discovery_read_timeout_seconds = std::chrono::seconds(0);
    config.connection.mysql_topology_read_timeout_seconds = std::chrono::seconds(0);
    const std::vector<ConfigProblem> problems = adjust_config(config);
    CHECK(problems.size() == 4);
    CHECK_FALSE(has_errors(problems));
    CHECK(config.backend.mysql_orchestrator_read_timeout_seconds == std::chrono::seconds(30));
    CHECK(config.backend.mysql_connect_timeout_seconds == std::chrono::seconds(2));
    CHECK(config.connection.mysql_discovery_read_timeout_seconds == std::chrono::seconds(10));
    CHECK(config.connection.mysql_topology_read_timeout_seconds == std::chrono::seconds(600));
  }

  TEST_CASE("Consul transactions have 5 to 64 entries") {
    Config config;
    const auto clamped = [&](std::int64_t size) {
      config.kv.consul_max_kvs_per_transaction = size;
      return adjusted(config).kv.consul_max_kvs_per_transaction;
    };
    CHECK(clamped(-3) == 5);
    CHECK(clamped(30) == 30);
    CHECK(clamped(100) == 64);
  }

  TEST_CASE("a semi-sync lock is confirmed after the reasonable lag, unless told otherwise") {
    Config config;
    config.operation.reasonable_replication_lag_seconds = std::chrono::seconds(17);
    CHECK(adjusted(config).operation.reasonable_locked_semi_sync_master_seconds ==
          std::chrono::seconds(17));
    config.operation.reasonable_locked_semi_sync_master_seconds = std::chrono::seconds(4);
    CHECK(adjusted(config).operation.reasonable_locked_semi_sync_master_seconds ==
          std::chrono::seconds(4));
  }

  TEST_CASE("dead instances are not probed more often than living ones") {
    Config config;
    config.discovery.dead_instance_poll_seconds_multiply_factor = 0.9F;
    CHECK(fault(config) == "DeadInstancePollSecondsMultiplyFactor can not be smaller than 1");
    config = {};
    config.discovery.instance_poll_seconds = std::chrono::seconds(301);
    CHECK(fault(config) ==
          "DeadInstancePollSecondsMax can not be smaller than InstancePollSeconds");
  }

  TEST_CASE("all contradictions are reported, not only the first") {
    Config config;
    config.backend.backend_db = "sqlite3";
    config.raft.raft_enabled = true;
    config.raft.http_advertise = "x";
    config.discovery.dead_instance_poll_seconds_multiply_factor = 0;
    CHECK(adjust_config(config).size() == 4);
  }

  TEST_CASE("adjusting twice changes nothing more") {
    Config config;
    config.http.url_prefix = "orc/";
    config.pseudo_gtid.auto_pseudo_gtid = true;
    Config once = adjusted(config);
    const Config twice = adjusted(once);
    CHECK(once.http.url_prefix == twice.http.url_prefix);
    CHECK(once.kv.kv_cluster_master_prefix == twice.kv.kv_cluster_master_prefix);
  }
}

}  // namespace orch
