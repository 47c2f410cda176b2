#include "core/execute/live_read_only.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/execute/live_sessions.h"
#include "core/execute/live_waiting_commits.h"
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
  const auto set = [&](SteadyPoint limit) -> Result<> {
    ORCH_TRY(limit_lock_waits(connection, limit));
    return set_or_leave(connection, own, instance, settings, true, limit);
  };
  if (instance.semi_sync.source_enabled) {
    ORCH_TRY(set_while_commits_wait(set, own, instance, settings, deadline));
  } else {
    // Whoever stays must not keep the server from being made read-only.
    ORCH_TRY(end_client_sessions(connection, settings, deadline));
    ORCH_TRY(set(deadline));
  }
  // Those who came back before it was read-only.
  ORCH_ASSIGN(std::optional<Error> stays, end_client_sessions(connection, settings, deadline));
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
