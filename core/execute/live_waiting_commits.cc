#include "core/execute/live_waiting_commits.h"

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "core/execute/live_sessions.h"
#include "core/mysql/change_statements.h"

namespace orch {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kBetweenLooks{3};
/// To switch semi-sync on again, and to end what waits.
constexpr milliseconds kPuttingBack{3000};

Result<> switch_semi_sync(Connection& connection, const Instance& instance, bool on,
                          SteadyPoint deadline) {
  for (const SqlStatement& statement : statements_for(instance, SetSemiSyncSource{on}, {})) {
    ORCH_TRY(connection.query(statement.text.reveal(), deadline));
  }
  return {};
}

class Release {
 public:
  Release(Connection& connection, const std::string& own, const Instance& instance,
          const LiveServerSettings& settings, const std::atomic<bool>& is_set, SteadyPoint deadline)
      : connection_(connection),
        own_(own),
        instance_(instance),
        settings_(settings),
        is_set_(is_set),
        deadline_(deadline) {}

  /// Lets the commits end, and waits until the other session has set what it sets.
  Result<> run() {
    ORCH_ASSIGN(const bool waits, await_lock());
    if (!waits) return {};
    ORCH_ASSIGN(const std::optional<Error> stays,
                end_client_sessions(connection_, settings_, deadline_));
    ORCH_ASSIGN(const bool commits_wait, have_waiting_commits());
    if (commits_wait) {
      if (stays) ORCH_TRY(nobody_is_told());
      switched_ = true;
      ORCH_TRY(switch_semi_sync(connection_, instance_, false, deadline_));
    }
    while (!is_set_) {
      if (steady_clock::now() >= deadline_) return fail(held_up());
      std::this_thread::sleep_for(kBetweenLooks);
    }
    return {};
  }

  [[nodiscard]] bool has_switched() const { return switched_; }

 private:
  static Error held_up() {
    return {ErrorKind::Conflict, "locked tables or commits under way hold it up"};
  }

  /// Whether the other session waits for the lock that keeps new writes out; false: it has no need.
  Result<bool> await_lock() {
    while (!is_set_) {
      ORCH_ASSIGN(const ResultSet found,
                  connection_.query("SELECT state AS state FROM information_schema.processlist"
                                    " WHERE id = " +
                                        own_ + " AND state LIKE 'Waiting for%lock%'",
                                    deadline_));
      if (!found.empty()) return true;
      if (steady_clock::now() >= deadline_) return fail(held_up());
      std::this_thread::sleep_for(kBetweenLooks);
    }
    return false;
  }

  Result<bool> have_waiting_commits() {
    ORCH_ASSIGN(
        const ResultSet counts,
        connection_.query("SHOW GLOBAL STATUS LIKE 'Rpl\\_semi\\_sync\\_%\\_wait\\_sessions'",
                          deadline_));
    return !counts.empty() && Row(counts, 0).number("Value").value_or(0) > 0;
  }

  /// Those that were ended are shown as Killed.
  Result<> nobody_is_told() {
    ORCH_ASSIGN(const ResultSet found,
                connection_.query("SELECT id AS id, user AS user FROM"
                                  " information_schema.processlist WHERE command <> 'Killed'"
                                  " AND user <> 'system user'"
                                  " AND (state LIKE '%semi-sync ACK%' OR state LIKE '%commit')",
                                  deadline_));
    if (found.empty()) return {};
    const Row row(found, 0);
    return fail(ErrorKind::Conflict,
                "session " + row.text("id") + " of " + row.text("user") +
                    " waits in its commit for an acknowledgement and may not be ended: it would be "
                    "told that it succeeded");
  }

  Connection& connection_;
  const std::string& own_;
  const Instance& instance_;
  const LiveServerSettings& settings_;
  const std::atomic<bool>& is_set_;
  SteadyPoint deadline_;
  bool switched_{false};
};

Result<> put_back(const Instance& instance, const LiveServerSettings& settings) {
  const SteadyPoint end = steady_clock::now() + kPuttingBack;
  ORCH_ASSIGN(Connection connection, connect_to(instance.key, settings, end));
  return switch_semi_sync(connection, instance, true, end);
}

}  // namespace

Result<> set_while_commits_wait(const std::function<Result<>(SteadyPoint)>& set,
                                const std::string& own, const Instance& instance,
                                const LiveServerSettings& settings, SteadyPoint deadline) {
  ORCH_ASSIGN(Connection second, connect_to(instance.key, settings, deadline));
  std::atomic<bool> is_set = false;
  Result<> done;
  std::thread setter([&] {
    done = set(deadline + 2 * kPuttingBack);
    is_set = true;
  });
  Release release(second, own, instance, settings, is_set, deadline);
  std::optional<Error> failed;
  if (auto released = release.run(); !released) failed = std::move(released).error();
  // As long as the other session waits no commit gets through: it gives up last.
  if (!failed && is_set && !done) failed = done.error();
  if (failed && release.has_switched()) {
    if (auto back = put_back(instance, settings); !back) {
      failed->message += "; semi-sync could not be switched on again: " + back.error().message;
    }
  }
  if (failed) end_session(own, instance.key, settings);
  setter.join();
  // It may have been set at the last moment.
  if (done || !failed) return done;
  return fail(std::move(*failed));
}

}  // namespace orch
