#include "core/execute/live_connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "core/mysql/statements.h"
#include "core/mysql/tls_settings.h"

namespace orch {

Result<Connection> connect_to(const InstanceKey& key, const LiveServerSettings& settings,
                              SteadyPoint deadline) {
  const ConnectionSettings& from = settings.connection;
  ORCH_ASSIGN(Connection connection,
              Connection::connect({.host = key.hostname,
                                   .port = key.port,
                                   .user = from.mysql_topology_user,
                                   .password = from.mysql_topology_password,
                                   .tls = tls_options(from),
                                   .connect_timeout = settings.mysql_connect_timeout,
                                   .max_packet = from.mysql_topology_max_allowed_packet},
                                  deadline));
  const auto limit = static_cast<unsigned>(settings.flight_limit.count());
  ::setsockopt(connection.socket(), IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, sizeof limit);
  // String literals are read as sql_quoted() writes them, whatever the server's own mode.
  auto set = connection.query(std::string(kOwnSession) + ", sql_mode = ''", deadline);
  // MaxScale calls it a syntax error: it has no modes.
  if (!set && !(set.error().by_server && set.error().message.ends_with("(1064)"))) {
    return fail(std::move(set).error());
  }
  return connection;
}

Result<std::string> session_id(Connection& connection, SteadyPoint deadline) {
  ORCH_ASSIGN(const ResultSet answer, connection.query("SELECT CONNECTION_ID() AS id", deadline));
  return answer.empty() ? std::string() : Row(answer, 0).text("id");
}

void end_session(const std::string& id, const InstanceKey& key,
                 const LiveServerSettings& settings) {
  constexpr std::chrono::milliseconds kLimit{1000};
  const SteadyPoint deadline = std::chrono::steady_clock::now() + kLimit;
  auto second = connect_to(key, settings, deadline);
  // The server's own lock_wait_timeout ends the statement too.
  if (second) static_cast<void>(second->query("KILL " + id, deadline));
}

}  // namespace orch
