#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include "core/execute/executor.h"
#include "core/plan/recovery/dead_primary.h"
#include "core/plan/recovery/takeover.h"
#include "tests/support/fake_servers.h"
#include "tests/support/topology_builder.h"

// Planner and executor together, on servers that replicate in thought.
namespace orch::test {

/// A clock that only waiting moves.
inline Pace quick_pace() {
  auto now = std::make_shared<std::atomic<std::int64_t>>(0);
  Pace pace;
  pace.now = [now] {
    return SteadyPoint(std::chrono::milliseconds(*now));
  };
  pace.pause = [now](std::chrono::milliseconds time) {
    *now += time.count();
    return true;
  };
  return pace;
}

/// `changes`: so many questions about leadership are answered, then it is lost; -1: for ever.
/// `interrupted`: whether somebody wants the run to end.
inline Outcome run_plan(FakeServers& servers, const Planner& planner, int changes = -1,
                        RunScope scope = {}, std::function<bool()> interrupted = {}) {
  const FakeLeadership leadership(changes < 0 ? -1 : changes + 1);
  FakeLocks locks;
  StepObserver observer;
  ExecutorSettings settings;
  settings.pace = quick_pace();
  settings.pace.stop_requested = std::move(interrupted);
  if (auto rules = EntryRules::compile({"`_asc:", true, "asc:", {}})) settings.entries = *rules;
  Executor executor(servers, leadership, locks, observer, settings);
  scope.probe = servers.keys();
  scope.reason = "test";
  const Outcome outcome = executor.run(planner, servers.records(), scope);
  CHECK(locks.held.empty());
  return outcome;
}

inline Outcome fail_over(FakeServers& servers, std::optional<InstanceKey> to = {},
                         int changes = -1) {
  return run_plan(servers, failover({db(1), to}, Policy{}), changes);
}

inline Outcome take_over(FakeServers& servers, std::optional<InstanceKey> to, int changes = -1) {
  return run_plan(servers, takeover({db(1), to, true, true}, Policy{}), changes);
}

/// db1 with db2, db3, db4 below, db5 below db4. db1 dies; db3 has received most.
inline void build_mysql(FakeServers& servers) {
  servers.add(writable(mysql(1, gtids("1-100"))));
  servers.add(following(mysql(2, gtids("1-90")), 1, gtids("1-95")));
  servers.add(following(mysql(3, gtids("1-80")), 1, gtids("1-99")));
  servers.add(following(mysql(4, gtids("1-95")), 1));
  servers.add(following(mysql(5, gtids("1-95")), 4));
}

/// A replication group of db1, the primary (or one of `several`), db2 and db3; db4 is a replica of
/// db1.
inline void build_group(FakeServers& servers, bool several = false) {
  for (const int number : {1, 2, 3}) {
    Instance member = mysql(number, gtids("1-100"));
    member.group.name = "g";
    const bool primary = several || number == 1;
    member.group.single_primary = !several;
    member.group.primary = primary ? member.key : db(1);
    member.group.state = "ONLINE";
    member.group.role = primary ? "PRIMARY" : "SECONDARY";
    member.server.read_only = !primary;
    for (const int other : {1, 2, 3}) {
      if (other != number) member.group.others.push_back(db(other));
    }
    servers.add(member);
  }
  servers.add(following(mysql(4, gtids("1-100")), 1));
}

inline void build_mariadb(FakeServers& servers) {
  servers.add(writable(mariadb(1, "0-1-100")));
  servers.add(following(mariadb(2, "0-1-90"), 1, "0-1-95"));
  servers.add(following(mariadb(3, "0-1-80"), 1, "0-1-99"));
  servers.add(following(mariadb(4, "0-1-95"), 1));
  servers.add(following(mariadb(5, "0-1-95"), 4));
}

inline void check_below(const FakeServers& servers, int number, int source) {
  CHECK(servers.at(db(number)).replication.source == db(source));
  CHECK(replica_running(servers.at(db(number))));
}

inline std::string because(const Outcome& outcome, int number) {
  for (const LostReplica& lost : outcome.account.lost) {
    if (lost.key == db(number)) return lost.because;
  }
  return "not lost";
}

inline bool did(const FakeServers& servers, const std::string& change) {
  const std::vector<std::string> all = servers.changes();
  return std::find(all.begin(), all.end(), change) != all.end();
}

/// Why it failed; "" when it went well.
inline std::string said(const Outcome& outcome) {
  return outcome.error ? outcome.error->message : "";
}

/// Somebody interrupts the run as soon as that was done.
inline Outcome run_until(FakeServers& servers, const Planner& planner, const std::string& change) {
  return run_plan(servers, planner, -1, {}, [&] { return did(servers, change); });
}

inline bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace orch::test
