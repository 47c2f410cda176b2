#include "core/execute/live_read_only.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/text.h"
#include "core/mysql/change_statements.h"
#include "core/mysql/examine.h"
#include "core/mysql/prepared_transactions.h"

namespace orch {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// For transactions that are prepared and about to be committed.
constexpr milliseconds kPreparedLimit{3000};

milliseconds time_left(SteadyPoint deadline) {
  return std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now());
}

/// The sessions of clients: not ours, not replicas', not the server's own.
Result<std::vector<std::string>> client_sessions(Connection& connection, const std::string& own,
                                                 const LiveServerSettings& settings,
                                                 SteadyPoint deadline) {
  ORCH_ASSIGN(const ResultSet answer,
              connection.query("SELECT id AS id, user AS user, command AS command"
                               " FROM information_schema.processlist",
                               deadline));
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < answer.rows.size(); ++i) {
    const Row row(answer, i);
    const std::string user = row.text("user");
    const std::string command = row.text("command");
    const bool of_server = user == "system user" || user == "event_scheduler" ||
                           command == "Daemon" || command.starts_with("Binlog Dump");
    if (of_server || user == settings.connection.mysql_topology_user) continue;
    const std::string id = row.text("id");
    if (id != own && parse_uint(id)) ids.push_back(id);
  }
  return ids;
}

/// Why the first of those stays that could not be ended (on MySQL an account with SYSTEM_USER is
/// beyond the reach of others); nothing when all are gone. Errors are those of the session.
Result<std::optional<Error>> end_client_sessions(Connection& connection, const std::string& own,
                                                 const LiveServerSettings& settings,
                                                 SteadyPoint deadline) {
  ORCH_ASSIGN(const std::vector<std::string> ids,
              client_sessions(connection, own, settings, deadline));
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

/// Commits that wait for an acknowledgement stay when their sessions are ended, and read_only waits
/// for them. Their clients are gone and will not be told that they succeeded.
Result<> let_commits_end(Connection& connection, const Instance& instance, SteadyPoint deadline) {
  if (!instance.semi_sync.source_enabled) return {};
  for (const SqlStatement& statement : statements_for(instance, SetSemiSyncSource{false}, {})) {
    ORCH_TRY(connection.query(statement.text.reveal(), deadline));
  }
  return {};
}

Result<> limit_lock_waits(Connection& connection, SteadyPoint deadline) {
  // Whole seconds, at least one; a little less than we are ready to wait, so that the answer comes.
  const auto limit = std::max<std::int64_t>(
      1, std::chrono::floor<std::chrono::seconds>(time_left(deadline) - milliseconds(200)).count());
  ORCH_TRY(connection.query("SET SESSION lock_wait_timeout = " + std::to_string(limit), deadline));
  return {};
}

Result<> set_read_only(Connection& connection, const Instance& instance,
                       const LiveServerSettings& settings, bool always_super,
                       SteadyPoint deadline) {
  const StatementSettings words{settings.connection.use_super_read_only};
  const SetReadOnly change{true, always_super};
  for (const SqlStatement& statement : statements_for(instance, change, words)) {
    if (auto done = connection.query(statement.text.reveal(), deadline); !done) {
      if (statement.optional && connection.usable()) continue;
      return fail(std::move(done).error().within(statement.shown));
    }
  }
  return {};
}

/// set_read_only(), and nothing left behind that waits when it fails.
Result<> set_or_leave(Connection& connection, const std::string& own, const Instance& instance,
                      const LiveServerSettings& settings, bool always_super, SteadyPoint deadline) {
  Result<> set = set_read_only(connection, instance, settings, always_super, deadline);
  if (!set && !connection.usable()) end_session(own, instance.key, settings);
  if (!set && set.error().kind == ErrorKind::Conflict) {
    Error error = set.error();
    error.message += ": locked tables or commits under way hold it up";
    return fail(std::move(error));
  }
  return set;
}

}  // namespace

Result<> make_read_only(Connection& connection, const Instance& instance, bool strict,
                        const LiveServerSettings& settings, SteadyPoint deadline) {
  ORCH_ASSIGN(const std::string own, session_id(connection, deadline));
  ORCH_TRY(limit_lock_waits(connection, deadline));
  ORCH_TRY(set_or_leave(connection, own, instance, settings, strict, deadline));
  if (!strict) return {};
  return await_prepared_transactions(connection, true, kPreparedLimit, deadline);
}

Result<> check_hand_over(Connection& connection, const Instance& instance, SteadyPoint deadline) {
  // To the value that it has: needs the privilege and changes nothing. (On MySQL read_only = 0
  // would switch super_read_only off, which is never on beside it.)
  ORCH_TRY(connection.query("SET GLOBAL read_only = @@GLOBAL.read_only", deadline));
  if (is_replica(instance)) return {};
  return await_prepared_transactions(connection, false, kPreparedLimit, deadline);
}

Result<> fence_server(Connection& connection, const Instance& instance,
                      const LiveServerSettings& settings, SteadyPoint deadline) {
  ORCH_ASSIGN(const std::string own, session_id(connection, deadline));
  ORCH_TRY(limit_lock_waits(connection, deadline));
  // Whoever stays must not keep the server from being made read-only.
  ORCH_TRY(end_client_sessions(connection, own, settings, deadline));
  ORCH_TRY(let_commits_end(connection, instance, deadline));
  ORCH_TRY(set_or_leave(connection, own, instance, settings, true, deadline));
  // Those who came back before it was read-only.
  ORCH_ASSIGN(std::optional<Error> stays, end_client_sessions(connection, own, settings, deadline));
  // super_read_only binds all accounts, MariaDB's read_only not those with READ_ONLY ADMIN.
  if (stays && is_mariadb(instance)) {
    return fail(std::move(*stays).within("a client's session could not be ended"));
  }
  ORCH_TRY(await_prepared_transactions(connection, true, milliseconds(0), deadline));
  if (!is_mariadb(instance)) return {};
  // They need no session now to write in a moment.
  ORCH_ASSIGN(std::string unbound, unbound_text(connection, deadline));
  if (unbound.empty()) return {};
  return fail(ErrorKind::Conflict, std::move(unbound));
}

}  // namespace orch
