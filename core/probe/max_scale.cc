#include "core/probe/max_scale.h"

#include <utility>

#include "core/base/text.h"
#include "core/probe/replica_status.h"
#include "core/probe/variables.h"

namespace orch {
namespace {

constexpr std::string_view kUnreliable = "1.1.0";

/// The answer, or nothing when the server refuses.
Result<ResultSet> ask_optional(SqlSession& session, const std::string& sql, SteadyPoint deadline) {
  ORCH_ASSIGN(Answers answers, session.query_many(std::span(&sql, 1), deadline));
  if (answers.refused || answers.results.empty()) return ResultSet{};
  return std::move(answers.results.front());
}

}  // namespace

Result<std::optional<std::string>> max_scale_version(SqlSession& session, SteadyPoint deadline) {
  ORCH_ASSIGN(const ResultSet set,
              ask_optional(session, "SHOW VARIABLES LIKE 'maxscale%'", deadline));
  Variables variables;
  variables.add_rows(set);
  if (!variables.has("maxscale_version")) return std::optional<std::string>();
  const std::string version = variables.text("maxscale_version");
  return std::optional<std::string>((version.empty() ? "0.0.0" : version) + "-maxscale");
}

Result<std::vector<ReportedReplica>> read_max_scale(SqlSession& session, const std::string& version,
                                                    Instance& instance, SteadyPoint deadline) {
  const bool unreliable = version.starts_with(kUnreliable);
  instance.server.version = version;
  instance.server.binlog_server = true;
  instance.server.read_only = true;
  instance.server.log_bin = true;
  instance.server.log_replica_updates = true;
  instance.server.binlog_format = "INHERIT";

  ORCH_ASSIGN(const ResultSet facts,
              ask_optional(session,
                           unreliable ? "SELECT @@global.server_id AS server_id"
                                      : "SELECT @@global.server_id AS server_id,"
                                        " @@global.server_uuid AS server_uuid",
                           deadline));
  if (!facts.empty()) {
    Variables variables;
    variables.add_columns(facts);
    instance.server.id = static_cast<std::uint32_t>(variables.number("server_id"));
    instance.server.uuid = variables.text("server_uuid");
  }
  ORCH_ASSIGN(const ResultSet status, query(session, "SHOW SLAVE STATUS", deadline));
  read_replica_status(status, instance);
  if (!instance.replication.configured) {
    return fail(ErrorKind::Broken, "MaxScale answers no replica status");
  }
  if (unreliable) {
    ORCH_ASSIGN(const ResultSet host,
                query(session, "SELECT @@global.hostname AS hostname", deadline));
    if (!host.empty()) instance.replication.source.hostname = Row(host, 0).text("hostname");
    instance.replication.source_name.clear();
    const bool dumping = !status.empty() && Row(status, 0).text("slave_io_state") == "Binlog Dump";
    instance.replication.io_state = dumping ? ThreadState::Running : ThreadState::Stopped;
    instance.replication.io_running = dumping;
  }
  ORCH_ASSIGN(const ResultSet replicas, ask_optional(session, "SHOW SLAVE HOSTS", deadline));
  return read_registered_replicas(replicas);
}

}  // namespace orch
