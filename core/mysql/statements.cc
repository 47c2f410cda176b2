#include "core/mysql/statements.h"

#include <algorithm>

#include "core/base/text.h"

namespace orch {
namespace {

constexpr ServerVersion kSourceReplicaWords{8, 4, 0};
constexpr ServerVersion kPerformanceSchemaProcessList{8, 0, 22};
constexpr ServerVersion kLinkOptions{8, 0, 19};

bool is_oracle_kind(Flavor flavor) {
  return flavor == Flavor::MySql || flavor == Flavor::Percona;
}

std::string dump_threads_of(std::string_view schema) {
  return "SELECT user, host FROM " + std::string(schema) +
         ".processlist WHERE command IN ('Binlog Dump', 'Binlog Dump GTID')";
}

std::string name_list(const std::vector<std::string>& names) {
  return "('" + join(names, "', '") + "')";
}

}  // namespace

ReadingStatements reading_statements(Flavor flavor, const ServerVersion& version) {
  ReadingStatements statements{.replica_status = "SHOW SLAVE STATUS",
                               .binlog_status = "SHOW MASTER STATUS",
                               .registered_replicas = "SHOW SLAVE HOSTS",
                               .dump_threads = dump_threads_of("information_schema")};
  if (flavor == Flavor::MariaDb) {
    statements.replica_status = "SHOW ALL SLAVES STATUS";
    // SHOW MASTER STATUS waits there as long as two commits wait for a semi-sync replica.
    statements.binlog_status = "SHOW SESSION STATUS LIKE 'Binlog\\_snapshot\\_%'";
    // As would SHOW BINARY LOGS. This reads the beginning of the oldest one.
    statements.purged_gtids = "SELECT IF(@@global.log_bin, BINLOG_GTID_POS('', 4), '') AS purged";
    statements.temporary_tables = "SHOW SESSION STATUS LIKE 'Slave\\_open\\_temp\\_tables'";
  }
  if (!is_oracle_kind(flavor)) return statements;
  if (version >= kSourceReplicaWords) {
    statements.replica_status = "SHOW REPLICA STATUS";
    statements.binlog_status = "SHOW BINARY LOG STATUS";
    statements.registered_replicas = "SHOW REPLICAS";
  }
  if (version >= kPerformanceSchemaProcessList) {
    statements.dump_threads_fallback = statements.dump_threads;
    statements.dump_threads = dump_threads_of("performance_schema");
  }
  const std::string options = version >= kLinkOptions
                                  ? ", tls_ciphersuites AS ciphersuites, compression_algorithm AS "
                                    "compression, zstd_compression_level AS level"
                                  : "";
  statements.heartbeats =
      "SELECT channel_name, count_received_heartbeats AS heartbeats, heartbeat_interval AS period" +
      options +
      " FROM performance_schema.replication_connection_status"
      " JOIN performance_schema.replication_connection_configuration USING (channel_name)";
  statements.replication_user = "SELECT MAX(user_name) AS user_name FROM mysql.slave_master_info";
  return statements;
}

BinlogCoordinates binlog_end(const ResultSet& status) {
  if (status.empty()) return {"", -1};
  const Row first(status, 0);
  if (first.text("variable_name").empty()) {
    return {first.text("file"), first.number("position").value_or(-1), BinlogType::Binary};
  }
  BinlogCoordinates end{"", -1};
  for (std::size_t i = 0; i < status.rows.size(); ++i) {
    const Row row(status, i);
    const std::string name = to_lower(row.text("variable_name"));
    if (name == "binlog_snapshot_file") end.log_file = row.text("value");
    if (name == "binlog_snapshot_position") end.log_pos = row.number("value").value_or(-1);
  }
  return end;
}

std::vector<std::string> wanted_variables(Flavor flavor) {
  std::vector<std::string> names{"hostname",
                                 "report_host",
                                 "server_id",
                                 "version",
                                 "version_comment",
                                 "read_only",
                                 "binlog_format",
                                 "binlog_row_image",
                                 "log_bin",
                                 "log_slave_updates",
                                 "max_connections",
                                 "rpl_semi_sync_master_enabled",
                                 "rpl_semi_sync_master_timeout",
                                 "rpl_semi_sync_master_wait_point",
                                 "rpl_semi_sync_slave_enabled",
                                 "slave_skip_errors",
                                 "transaction_read_only",
                                 "tx_read_only",
                                 "wsrep_on",
                                 "wsrep_provider"};
  if (flavor == Flavor::MariaDb) {
    names.insert(names.end(), {"binlog_do_db", "binlog_ignore_db"});
  }
  if (is_oracle_kind(flavor)) {
    names.insert(
        names.end(),
        {"super_read_only", "offline_mode", "performance_schema", "server_uuid", "gtid_mode",
         "log_replica_updates", "replica_skip_errors", "master_info_repository",
         "rpl_semi_sync_master_wait_for_slave_count", "rpl_semi_sync_source_enabled",
         "rpl_semi_sync_source_timeout", "rpl_semi_sync_source_wait_for_replica_count",
         "rpl_semi_sync_source_wait_point", "rpl_semi_sync_replica_enabled",
         "group_replication_group_name", "group_replication_single_primary_mode"});
  }
  return names;
}

std::vector<std::string> long_variables(Flavor flavor) {
  if (is_oracle_kind(flavor)) return {"gtid_executed", "gtid_purged"};
  if (flavor == Flavor::MariaDb) {
    return {"gtid_slave_pos", "gtid_binlog_state", "gtid_current_pos"};
  }
  return {};
}

std::string show_variables(const std::vector<std::string>& names) {
  return "SHOW GLOBAL VARIABLES WHERE Variable_name IN " + name_list(names);
}

std::string select_variables(const std::vector<std::string>& names) {
  std::string statement;
  for (const std::string& name : names) {
    statement += (statement.empty() ? "SELECT @@global." : ", @@global.") + name + " AS " + name;
  }
  return statement;
}

std::string show_status(bool with_uptime, bool with_semi_sync, bool with_galera) {
  std::vector<std::string> names{"Threads_connected"};
  if (with_uptime) names.emplace_back("Uptime");
  if (with_semi_sync) {
    names.insert(names.end(),
                 {"Rpl_semi_sync_master_status", "Rpl_semi_sync_master_clients",
                  "Rpl_semi_sync_slave_status", "Rpl_semi_sync_source_status",
                  "Rpl_semi_sync_source_clients", "Rpl_semi_sync_replica_status",
                  "Rpl_semi_sync_master_wait_sessions", "Rpl_semi_sync_source_wait_sessions"});
  }
  if (with_galera) {
    names.insert(names.end(),
                 {"wsrep_cluster_size", "wsrep_cluster_state_uuid", "wsrep_cluster_status"});
  }
  return "SHOW GLOBAL STATUS WHERE Variable_name IN " + name_list(names);
}

std::string group_members() {
  return "SELECT member_id, member_host, member_port, member_state, member_role"
         " FROM performance_schema.replication_group_members WHERE member_state <> 'OFFLINE'";
}

std::string_view trimmed_statement(std::string_view statement) {
  for (;;) {
    statement = trim(statement);
    if (!statement.ends_with(';')) return statement;
    statement.remove_suffix(1);
  }
}

namespace {

/// Without the comments and brackets before it, in small letters; "" for a comment that a server
/// may carry out.
std::string first_word(std::string_view statement) {
  for (;;) {
    statement =
        statement.substr(std::min(statement.find_first_not_of(" \t\r\n("), statement.size()));
    std::string_view end = "\n";
    if (statement.starts_with("/*")) {
      if (statement.starts_with("/*!") || statement.starts_with("/*M!")) return {};
      end = "*/";
    } else if (!statement.starts_with('#') && !statement.starts_with("--")) {
      break;
    }
    const std::size_t at = statement.find(end);
    if (at == std::string_view::npos) return {};
    statement.remove_prefix(at + end.size());
  }
  const std::size_t length = statement.find_first_of(" \t\r\n(*'\"`@;/#-+0123456789");
  return to_lower(statement.substr(0, length));
}

bool holds_semicolon(std::string_view statement) {
  char quote = 0;
  const std::string_view text = trimmed_statement(statement);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quote != 0) {
      if (text[i] == '\\' && quote != '`') {
        ++i;
      } else if (text[i] == quote) {
        quote = 0;
      }
    } else if (text[i] == '\'' || text[i] == '"' || text[i] == '`') {
      quote = text[i];
    } else if (text[i] == ';') {
      return true;
    }
  }
  return false;
}

}  // namespace

bool may_answer_often(std::string_view statement) {
  constexpr std::string_view kAnswerOnce[] = {"select", "show", "with", "values", "table"};
  return holds_semicolon(statement) ||
         std::ranges::find(kAnswerOnce, first_word(statement)) == std::end(kAnswerOnce);
}

}  // namespace orch
