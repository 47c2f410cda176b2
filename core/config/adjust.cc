#include <algorithm>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/config/check.h"

namespace orch {

namespace {

using Problems = std::vector<ConfigProblem>;

void refuse(Problems& problems, std::string key, std::string message) {
  problems.push_back({.key = std::move(key), .message = std::move(message)});
}

void adjust_lag_query(ClassificationSettings& settings, Problems& problems) {
  std::string& query = settings.replication_lag_query;
  std::string& old = settings.slave_lag_query;
  if (!query.empty() && !old.empty() && query != old) {
    refuse(
        problems, "SlaveLagQuery",
        "config's ReplicationLagQuery and SlaveLagQuery are synonyms and cannot both be defined");
  }
  if (query.empty()) query = old;
  old.clear();
}

void adjust_recovery(RecoverySettings& recovery, bool has_lag_query, Problems& problems) {
  if (recovery.detach_lost_slaves_after_master_failover) {
    recovery.detach_lost_replicas_after_master_failover = true;
  }
  if (recovery.master_failover_detach_slave_master_host) {
    recovery.master_failover_detach_replica_master_host = true;
  }
  if (recovery.fail_master_promotion_if_sql_thread_not_up_to_date &&
      recovery.delay_master_promotion_if_sql_thread_not_up_to_date) {
    refuse(problems, "DelayMasterPromotionIfSQLThreadNotUpToDate",
           "Cannot have both FailMasterPromotionIfSQLThreadNotUpToDate and "
           "DelayMasterPromotionIfSQLThreadNotUpToDate enabled");
  }
  if (recovery.fail_master_promotion_on_lag_minutes.count() > 0 && !has_lag_query) {
    refuse(problems, "FailMasterPromotionOnLagMinutes",
           "nonzero FailMasterPromotionOnLagMinutes requires ReplicationLagQuery to be set");
  }
  auto& postpone = recovery.postpone_replica_recovery_on_lag_minutes;
  const auto old = recovery.postpone_slave_recovery_on_lag_minutes;
  if (postpone.count() != 0 && old.count() != 0 && postpone != old) {
    refuse(problems, "PostponeSlaveRecoveryOnLagMinutes",
           "config's PostponeReplicaRecoveryOnLagMinutes and PostponeSlaveRecoveryOnLagMinutes are "
           "synonyms and cannot both be defined");
  }
  if (old.count() != 0) postpone = old;
}

/// Exactly one slash in front and none behind; nothing but slashes is no prefix.
void adjust_url_prefix(std::string& prefix) {
  const std::size_t begin = prefix.find_first_not_of('/');
  if (begin == std::string::npos) {
    prefix.clear();
    return;
  }
  prefix = "/" + prefix.substr(begin, prefix.find_last_not_of('/') - begin + 1);
}

void adjust_raft(RaftSettings& raft, Problems& problems) {
  if (raft.raft_enabled && raft.raft_data_dir.empty()) {
    refuse(problems, "RaftDataDir",
           "RaftDataDir must be defined since raft is enabled (RaftEnabled)");
  }
  if (raft.raft_enabled && raft.raft_bind.empty()) {
    refuse(problems, "RaftBind", "RaftBind must be defined since raft is enabled (RaftEnabled)");
  }
  if (raft.raft_advertise.empty()) raft.raft_advertise = raft.raft_bind;
}

void adjust_pseudo_gtid(PseudoGtidSettings& pseudo_gtid) {
  if (!pseudo_gtid.auto_pseudo_gtid) return;
  pseudo_gtid.pseudo_gtid_pattern = "drop view if exists `_pseudo_gtid_`";
  pseudo_gtid.pseudo_gtid_pattern_is_fixed_substring = true;
  pseudo_gtid.pseudo_gtid_monotonic_hint = "asc:";
  pseudo_gtid.detect_pseudo_gtid_query = "select 1";
}

/// What is wrong with a URL that must be "scheme://host:port" and no more.
std::optional<std::string> fault_of_url(std::string_view url) {
  const std::size_t scheme_end = url.find("://");
  const std::string scheme = to_lower(url.substr(0, scheme_end));
  if (scheme_end == std::string_view::npos || (scheme != "http" && scheme != "https")) {
    return "If specified, HTTPAdvertise must include scheme (http:// or https://)";
  }
  std::string_view host = url.substr(scheme_end + 3);
  const std::size_t host_end = host.find_first_of("/?#");
  const bool has_path = host_end != std::string_view::npos;
  host = host.substr(0, host_end);
  const std::size_t bracket = host.starts_with('[') ? host.find(']') : 0;
  if (bracket == std::string_view::npos) return "Failed parsing HTTPAdvertise: missing ']' in host";
  const std::size_t colon = host.find(':', bracket);
  const std::string_view port = colon == std::string_view::npos ? "" : host.substr(colon + 1);
  host = host.substr(0, colon);
  if (host.empty() || host == "[]") return "If specified, HTTPAdvertise must include host name";
  if (host.find_first_of(" \t@\"'<>\\^`{}|") != std::string_view::npos) {
    return "Failed parsing HTTPAdvertise: invalid character in host name";
  }
  if (port.empty()) return "If specified, HTTPAdvertise must include port number";
  const std::optional<std::uint64_t> number = parse_uint(port);
  if (!number || *number == 0 || *number > 65535) {
    return "Failed parsing HTTPAdvertise: invalid port";
  }
  if (has_path) return "If specified, HTTPAdvertise must not specify a path";
  return std::nullopt;
}

void check_dead_instance_polls(const DiscoverySettings& discovery, Problems& problems) {
  if (discovery.dead_instance_poll_seconds_multiply_factor < 1) {
    refuse(problems, "DeadInstancePollSecondsMultiplyFactor",
           "DeadInstancePollSecondsMultiplyFactor can not be smaller than 1");
  }
  if (discovery.dead_instance_poll_seconds_max < discovery.instance_poll_seconds) {
    refuse(problems, "DeadInstancePollSecondsMax",
           "DeadInstancePollSecondsMax can not be smaller than InstancePollSeconds");
  }
}

/// A timeout of 0 is none in orchestrator, whose driver then waits for as long as it takes.
void bound_waits(Config& config, Problems& problems) {
  const BackendSettings backend;
  const ConnectionSettings connection;
  const std::tuple<std::string_view, std::chrono::seconds&, std::chrono::seconds> timeouts[] = {
      {"MySQLOrchestratorReadTimeoutSeconds",
       config.backend.mysql_orchestrator_read_timeout_seconds,
       backend.mysql_orchestrator_read_timeout_seconds},
      {"MySQLConnectTimeoutSeconds", config.backend.mysql_connect_timeout_seconds,
       backend.mysql_connect_timeout_seconds},
      {"MySQLDiscoveryReadTimeoutSeconds", config.connection.mysql_discovery_read_timeout_seconds,
       connection.mysql_discovery_read_timeout_seconds},
      {"MySQLTopologyReadTimeoutSeconds", config.connection.mysql_topology_read_timeout_seconds,
       connection.mysql_topology_read_timeout_seconds}};
  for (const auto& [key, timeout, usual] : timeouts) {
    if (timeout.count() > 0) continue;
    timeout = usual;
    problems.push_back({.severity = Severity::Warning,
                        .key = std::string(key),
                        .message = fmt::format("orch waits for nothing without end: 0 is taken as "
                                               "{} seconds",
                                               usual.count())});
  }
}

}  // namespace

bool is_sqlite(const BackendSettings& backend) {
  return backend.backend_db.find("sqlite") != std::string::npos;
}

// The order is that of the contract: later rules see what earlier ones changed.
std::vector<ConfigProblem> adjust_config(Config& config) {
  Problems problems;
  RecoverySettings& recovery = config.recovery;
  if (recovery.recovery_period_block_seconds.count() == 0 &&
      recovery.recovery_period_block_minutes.count() > 0) {
    recovery.recovery_period_block_seconds = recovery.recovery_period_block_minutes;
  }
  adjust_lag_query(config.classification, problems);
  adjust_recovery(recovery, !config.classification.replication_lag_query.empty(), problems);
  adjust_url_prefix(config.http.url_prefix);
  if (is_sqlite(config.backend) && config.backend.sqlite3_data_file.empty()) {
    refuse(problems, "SQLite3DataFile", "SQLite3DataFile must be set when BackendDB is sqlite3");
  }
  adjust_raft(config.raft, problems);
  std::string& prefix = config.kv.kv_cluster_master_prefix;
  if (prefix != "/") prefix = prefix.substr(0, prefix.find_last_not_of('/') + 1) + "/";
  adjust_pseudo_gtid(config.pseudo_gtid);
  if (!config.raft.http_advertise.empty()) {
    if (std::optional<std::string> fault = fault_of_url(config.raft.http_advertise)) {
      refuse(problems, "HTTPAdvertise", *std::move(fault));
    }
  }
  if (config.backend.instance_write_buffer_size <= 0) {
    config.backend.buffer_instance_writes = false;
  }
  auto& per_transaction = config.kv.consul_max_kvs_per_transaction;
  per_transaction = std::clamp<std::int64_t>(per_transaction, 5, 64);
  OperationSettings& operation = config.operation;
  if (operation.reasonable_locked_semi_sync_master_seconds.count() == 0) {
    operation.reasonable_locked_semi_sync_master_seconds =
        operation.reasonable_replication_lag_seconds;
  }
  check_dead_instance_polls(config.discovery, problems);
  bound_waits(config, problems);
  return problems;
}

}  // namespace orch
