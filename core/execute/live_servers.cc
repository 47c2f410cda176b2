#include "core/execute/live_servers.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "core/execute/live_read_only.h"
#include "core/execute/write_probe.h"
#include "core/mysql/change_statements.h"
#include "core/mysql/examine.h"
#include "core/mysql/server_logs.h"

namespace orch {

namespace {

/// User and password in the first two columns of the first row.
Result<ReplicationCredentials> credentials_by(Connection& connection, const std::string& question,
                                              SteadyPoint deadline) {
  ORCH_ASSIGN(const ResultSet answer, connection.query(question, deadline));
  if (answer.empty() || answer.rows.front().size() < 2 ||
      answer.rows.front()[0].value_or("").empty()) {
    return fail(ErrorKind::NotFound, "no replication user");
  }
  return ReplicationCredentials{*answer.rows.front()[0],
                                Secret(answer.rows.front()[1].value_or(""))};
}

}  // namespace

namespace {

/// MaxScale says it when it is told to stop and does not run.
bool is_stopped_already(const Instance& instance, const Change& change, const Error& error) {
  return instance.server.binlog_server && std::holds_alternative<StopReplication>(change) &&
         error.by_server && error.message.ends_with("(1199)");
}

/// Unknown thread id: 0 (1094).
bool has_no_partial(const Change& change, const Error& error) {
  return std::holds_alternative<RollBackPartial>(change) && error.by_server &&
         error.message.ends_with("(1094)");
}

}  // namespace

LiveServers::LiveServers(Prober& prober, LiveServerSettings settings)
    : prober_(prober), settings_(std::make_shared<const LiveServerSettings>(std::move(settings))) {}

void LiveServers::reconfigure(LiveServerSettings settings) {
  auto fresh = std::make_shared<const LiveServerSettings>(std::move(settings));
  const MutexLock lock(mutex_);
  settings_.swap(fresh);
}

std::shared_ptr<const LiveServerSettings> LiveServers::settings() const {
  const MutexLock lock(mutex_);
  return settings_;
}

Observation LiveServers::probe(const InstanceKey& key, SteadyPoint deadline) {
  return prober_.probe(key, deadline);
}

Result<> LiveServers::apply(const Instance& as_probed, const Change& change, SteadyPoint deadline) {
  ORCH_ASSIGN(Connection connection, connect(as_probed.key, deadline));
  const auto* read_only = std::get_if<SetReadOnly>(&change);
  if (read_only != nullptr && read_only->on) {
    return make_read_only(connection, as_probed, read_only->strict, *settings(), deadline);
  }
  const StatementSettings wording{settings()->connection.use_super_read_only};
  for (const SqlStatement& statement : statements_for(as_probed, change, wording)) {
    if (auto done = connection.query(statement.text.reveal(), deadline); !done) {
      if (statement.optional && connection.usable()) continue;
      if (is_stopped_already(as_probed, change, done.error())) continue;
      if (has_no_partial(change, done.error())) {
        return fail(ErrorKind::NotFound, "it applies no transaction that it received in part");
      }
      return fail(std::move(done).error().within(statement.shown));
    }
  }
  return {};
}

Result<> LiveServers::fence(const Instance& as_probed, SteadyPoint deadline) {
  ORCH_ASSIGN(Connection connection, connect(as_probed.key, deadline));
  return fence_server(connection, as_probed, *settings(), deadline);
}

Result<> LiveServers::check_hand_over(const Instance& as_probed, SteadyPoint deadline) {
  ORCH_ASSIGN(Connection connection, connect(as_probed.key, deadline));
  return orch::check_hand_over(connection, as_probed, deadline);
}

Result<ReplicationCredentials> LiveServers::replication_credentials(const Instance& as_probed,
                                                                    SteadyPoint deadline) {
  ORCH_ASSIGN(Connection connection, connect(as_probed.key, deadline));
  const std::string own = settings()->connection.replication_credentials_query;
  std::optional<Error> failed;
  if (!own.empty()) {
    auto found = credentials_by(connection, own, deadline);
    if (found) return found;
    const Error& error = found.error();
    if (error.kind != ErrorKind::NotFound || error.by_server) failed = error;
  }
  if (!is_mariadb(as_probed)) {
    auto found = credentials_by(
        connection, "SELECT user_name, user_password FROM mysql.slave_master_info LIMIT 1",
        deadline);
    if (found) return found;
  }
  if (failed) return fail(std::move(*failed).within("ReplicationCredentialsQuery"));
  const std::string key = to_string(as_probed.key);
  const std::string_view why =
      is_mariadb(as_probed) ? "" : "; Empty username found in mysql.slave_master_info";
  return fail(ErrorKind::NotFound,
              fmt::format("{} tells no replication user and password (Empty user in "
                          "ChangeMasterCredentials() for {}{}): set ReplicationCredentialsQuery",
                          key, key, why));
}

Result<> LiveServers::try_write(const Instance& as_probed, const std::string& table,
                                SteadyPoint deadline) {
  return probe_write(as_probed, table, *settings(), deadline);
}

Result<Examination> LiveServers::examine(const InstanceKey& key, SteadyPoint deadline) {
  ORCH_ASSIGN(Connection connection, connect(key, deadline));
  const SystemClock clock;
  ORCH_ASSIGN(Examination seen, orch::examine(
                                    connection, [&clock] { return clock.now(); }, deadline));
  const std::string query = settings()->connection.replication_credentials_query;
  if (query.empty()) return seen;
  if (const auto told = credentials_by(connection, query, deadline); !told) {
    seen.credentials_trouble = told.error().message;
  }
  return seen;
}

Result<std::string> LiveServers::failed_transaction(const Instance& as_probed,
                                                    SteadyPoint deadline) {
  ORCH_ASSIGN(Connection connection, connect(as_probed.key, deadline));
  const bool old = parse_server_version(as_probed.server.version) < ServerVersion{8, 0, 0};
  const std::string column = old ? "LAST_SEEN_TRANSACTION" : "APPLYING_TRANSACTION";
  ORCH_ASSIGN(const ResultSet answer,
              connection.query("SELECT " + column +
                                   " AS gtid"
                                   " FROM performance_schema.replication_applier_status_by_worker"
                                   " WHERE LAST_ERROR_NUMBER <> 0 AND CHANNEL_NAME = " +
                                   sql_quoted(as_probed.replication.channel),
                               deadline));
  std::string gtid = answer.empty() ? "" : Row(answer, 0).text("gtid");
  if (answer.rows.size() == 1 && gtid.find(':') != std::string::npos) return gtid;
  return fail(ErrorKind::NotFound, to_string(as_probed.key) +
                                       " does not tell one transaction at "
                                       "which its applier stopped");
}

Result<bool> LiveServers::write_entry(const Instance& as_probed, const std::string& name,
                                      SteadyPoint deadline) {
  ORCH_ASSIGN(Connection connection, connect(as_probed.key, deadline));
  // Our account may write to read-only servers: it must not.
  ORCH_ASSIGN(const ResultSet now,
              connection.query("SELECT @@global.read_only AS read_only", deadline));
  if (now.empty() || Row(now, 0).number("read_only") != 0) return false;
  ORCH_TRY(connection.query("drop view if exists `_pseudo_gtid_`.`_" + name + "`", deadline));
  return true;
}

Result<std::unique_ptr<EventLogs>> LiveServers::open_logs(const Instance& as_probed,
                                                          BinlogType type, SteadyPoint deadline) {
  ORCH_ASSIGN(Connection connection, connect(as_probed.key, deadline));
  auto logs = open_server_logs(std::make_unique<Connection>(std::move(connection)), as_probed, type,
                               settings()->binlog_events_chunk_size, deadline);
  if (logs) return logs;
  return fail(std::move(logs).error().within(to_string(as_probed.key)));
}

}  // namespace orch
