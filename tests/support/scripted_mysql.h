#pragma once

#include <map>
#include <string>

#include "core/model/instance_key.h"
#include "tests/support/scripted_session.h"

/// A MySQL replica, db2:3306 below db1:3306, as it answers a probe.
namespace orch::test {

using Values = std::map<std::string, std::string>;

inline const InstanceKey kKey{"db2", 3306};
inline constexpr const char* kUuid = "00000000-0000-0000-0000-000000000002";

inline Values mysql_variables(const std::string& version) {
  return {{"hostname", "db2"},      {"report_host", ""},
          {"server_id", "2"},       {"server_uuid", kUuid},
          {"version", version},     {"version_comment", "MySQL Community Server - GPL"},
          {"read_only", "ON"},      {"super_read_only", "OFF"},
          {"binlog_format", "ROW"}, {"binlog_row_image", "FULL"},
          {"log_bin", "ON"},        {"log_slave_updates", "ON"},
          {"gtid_mode", "ON"},      {"gtid_executed", std::string(kUuid) + ":1-5"},
          {"gtid_purged", ""}};
}

inline ResultSet old_status() {
  return vertical(R"(
    Slave_IO_State: Waiting for source to send event
    Master_Host: db1
    Master_User: repl
    Master_Port: 3306
    Connect_Retry: 60
    Master_Log_File: bin.000002
    Read_Master_Log_Pos: 500
    Relay_Log_File: relay.000003
    Relay_Log_Pos: 123
    Relay_Master_Log_File: bin.000002
    Slave_IO_Running: Yes
    Slave_SQL_Running: Yes
    Exec_Master_Log_Pos: 400
    Master_SSL_Allowed: No
    Seconds_Behind_Master: 3
    Replicate_Ignore_Server_Ids: 2
    Master_UUID: 00000000-0000-0000-0000-000000000001
    SQL_Delay: 0
    Retrieved_Gtid_Set: 00000000-0000-0000-0000-000000000001:1-9
    Auto_Position: 1
    Channel_Name:
  )");
}

inline ResultSet new_status() {
  ResultSet set = old_status();
  for (std::string& column : set.columns) {
    for (const auto& [from, to] :
         {std::pair<std::string, std::string>{"Slave_", "Replica_"}, {"Master_", "Source_"}}) {
      if (const auto at = column.find(from); at != std::string::npos) {
        column.replace(at, from.size(), to);
      }
    }
  }
  return set;
}

/// A MySQL replica that knows the words of its version and no others.
inline ScriptedSession mysql_server(const std::string& version, bool new_words,
                                    bool has_pfs_processlist) {
  ScriptedSession session(version);
  session.variables(mysql_variables(version));
  session.answer(new_words ? "SHOW REPLICA STATUS" : "SHOW SLAVE STATUS",
                 new_words ? new_status() : old_status());
  session.answer(new_words ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS",
                 table({"File", "Position"}, {{"bin.000007", "777"}}));
  session.answer(new_words ? "SHOW REPLICAS" : "SHOW SLAVE HOSTS",
                 table({"Server_id", "Host", "Port"}, {}));
  session.answer("SHOW GLOBAL STATUS", table({"Variable_name", "Value"}, {{"Uptime", "90"}}));
  session.answer("SELECT channel_name",
                 table({"channel_name", "heartbeats", "period"}, {{"", "12", "1.000"}}));
  session.answer("SELECT MAX(user_name)", table({"user_name"}, {{"repl"}}));
  const ResultSet threads = table({"USER", "HOST"}, {{"repl", "db3:51234"}});
  session.answer("SELECT user, host FROM information_schema", threads);
  if (has_pfs_processlist) session.answer("SELECT user, host FROM performance_schema", threads);
  return session;
}

}  // namespace orch::test
