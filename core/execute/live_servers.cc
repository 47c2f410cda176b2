#include "core/execute/live_servers.h"

#include <optional>
#include <utility>

#include "core/execute/live_read_only.h"
#include "core/execute/write_probe.h"
#include "core/mysql/change_statements.h"
#include "core/mysql/examine.h"

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

LiveServers::LiveServers(Prober& prober, LiveServerSettings settings)
    : prober_(prober), settings_(std::move(settings)) {}

Observation LiveServers::probe(const InstanceKey& key, SteadyPoint deadline) {
  return prober_.probe(key, deadline);
}

Result<> LiveServers::apply(const Instance& as_probed, const Change& change, SteadyPoint deadline) {
  ORCH_ASSIGN(Connection connection, connect_to(as_probed.key, settings_, deadline));
  const auto* read_only = std::get_if<SetReadOnly>(&change);
  if (read_only != nullptr && read_only->on) {
    return make_read_only(connection, as_probed, read_only->strict, settings_, deadline);
  }
  const StatementSettings wording{settings_.connection.use_super_read_only};
  for (const SqlStatement& statement : statements_for(as_probed, change, wording)) {
    if (auto done = connection.query(statement.text.reveal(), deadline); !done) {
      if (statement.optional && connection.usable()) continue;
      return fail(std::move(done).error().within(statement.shown));
    }
  }
  return {};
}

Result<> LiveServers::fence(const Instance& as_probed, SteadyPoint deadline) {
  ORCH_ASSIGN(Connection connection, connect_to(as_probed.key, settings_, deadline));
  return fence_server(connection, as_probed, settings_, deadline);
}

Result<> LiveServers::check_hand_over(const Instance& as_probed, SteadyPoint deadline) {
  ORCH_ASSIGN(Connection connection, connect_to(as_probed.key, settings_, deadline));
  return orch::check_hand_over(connection, as_probed, deadline);
}

Result<ReplicationCredentials> LiveServers::replication_credentials(const Instance& as_probed,
                                                                    SteadyPoint deadline) {
  ORCH_ASSIGN(Connection connection, connect_to(as_probed.key, settings_, deadline));
  const std::string& own = settings_.connection.replication_credentials_query;
  if (!own.empty()) {
    if (auto found = credentials_by(connection, own, deadline)) return found;
  }
  if (!is_mariadb(as_probed)) {
    auto found = credentials_by(
        connection, "SELECT user_name, user_password FROM mysql.slave_master_info LIMIT 1",
        deadline);
    if (found) return found;
  }
  return fail(ErrorKind::NotFound,
              to_string(as_probed.key) +
                  " tells no replication user and password: set ReplicationCredentialsQuery");
}

Result<> LiveServers::try_write(const Instance& as_probed, const std::string& table,
                                SteadyPoint deadline) {
  return probe_write(as_probed, table, settings_, deadline);
}

Result<Examination> LiveServers::examine(const InstanceKey& key, SteadyPoint deadline) {
  ORCH_ASSIGN(Connection connection, connect_to(key, settings_, deadline));
  const SystemClock clock;
  return orch::examine(
      connection, [&clock] { return clock.now(); }, deadline);
}

}  // namespace orch
