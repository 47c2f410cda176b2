#include "core/execute/live_sessions.h"

#include <vector>

#include "core/base/text.h"

namespace orch {

namespace {

/// Who waits for an acknowledgement comes last: it does so for all that commit with it, and on
/// MariaDB they are told that they succeeded when it is ended.
Result<std::vector<std::string>> client_sessions(Connection& connection,
                                                 const LiveServerSettings& settings,
                                                 SteadyPoint deadline) {
  ORCH_ASSIGN(const ResultSet answer,
              connection.query("SELECT id AS id, user AS user, command AS command, state AS state"
                               " FROM information_schema.processlist"
                               " WHERE id <> CONNECTION_ID()",
                               deadline));
  std::vector<std::string> ids;
  std::vector<std::string> leaders;
  for (std::size_t i = 0; i < answer.rows.size(); ++i) {
    const Row row(answer, i);
    const std::string user = row.text("user");
    const std::string command = row.text("command");
    const bool of_server = user == "system user" || user == "event_scheduler" ||
                           command == "Daemon" || command.starts_with("Binlog Dump");
    if (of_server || user == settings.connection.mysql_topology_user) continue;
    const std::string id = row.text("id");
    if (!parse_uint(id)) continue;
    const bool leads = row.text("state").find("semi-sync ACK") != std::string::npos;
    (leads ? leaders : ids).push_back(id);
  }
  ids.insert(ids.end(), leaders.begin(), leaders.end());
  return ids;
}

}  // namespace

Result<std::optional<Error>> end_client_sessions(Connection& connection,
                                                 const LiveServerSettings& settings,
                                                 SteadyPoint deadline) {
  ORCH_ASSIGN(const std::vector<std::string> ids, client_sessions(connection, settings, deadline));
  constexpr unsigned kNoSuchThread = 1094;
  std::optional<Error> stays;
  std::size_t next = 0;
  while (next < ids.size()) {
    std::vector<std::string> kills;
    for (std::size_t i = next; i < ids.size(); ++i)
      kills.push_back("KILL " + ids[i]);
    ORCH_ASSIGN(const Answers answers, connection.query_many(kills, deadline));
    if (answers.refused && answers.refused->code != kNoSuchThread && !stays) {
      stays = answers.refused->error;
    }
    next = answers.refused ? next + answers.refused->index + 1 : ids.size();
  }
  return stays;
}

}  // namespace orch
