#include "core/execute/live_connection.h"

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
  // String literals are read as sql_quoted() writes them, whatever the server's own mode.
  ORCH_TRY(connection.query("SET SESSION sql_mode = ''", deadline));
  return connection;
}

}  // namespace orch
