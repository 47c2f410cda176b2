// Failovers and takeovers: planner and executor together, on servers that replicate in thought.

#include "core/plan/recovery/dead_primary.h"

#include <algorithm>
#include <atomic>
#include <memory>

#include <doctest/doctest.h>

#include "core/execute/executor.h"
#include "core/plan/preview.h"
#include "core/plan/recovery/takeover.h"
#include "tests/support/fake_servers.h"
#include "tests/support/topology_builder.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

/// A clock that only waiting moves.
Pace quick_pace() {
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

Outcome run_plan(FakeServers& servers, const Planner& planner, int changes = -1) {
  const FakeLeadership leadership(changes < 0 ? -1 : changes + 1);
  FakeLocks locks;
  StepObserver observer;
  ExecutorSettings settings;
  settings.pace = quick_pace();
  Executor executor(servers, leadership, locks, observer, settings);
  const Outcome outcome =
      executor.run(planner, servers.records(), RunScope{servers.keys(), "test", true});
  CHECK(locks.held.empty());
  return outcome;
}

Outcome fail_over(FakeServers& servers, std::optional<InstanceKey> to = {}, int changes = -1) {
  return run_plan(servers, failover({db(1), to}, Policy{}), changes);
}

Outcome take_over(FakeServers& servers, std::optional<InstanceKey> to, int changes = -1) {
  return run_plan(servers, takeover({db(1), to, true, true}, Policy{}), changes);
}

/// db1 with db2, db3, db4 below, db5 below db4. db1 dies; db3 has received most.
void build_mysql(FakeServers& servers) {
  servers.add(writable(mysql(1, gtids("1-100"))));
  servers.add(following(mysql(2, gtids("1-90")), 1, gtids("1-95")));
  servers.add(following(mysql(3, gtids("1-80")), 1, gtids("1-99")));
  servers.add(following(mysql(4, gtids("1-95")), 1));
  servers.add(following(mysql(5, gtids("1-95")), 4));
}

void build_mariadb(FakeServers& servers) {
  servers.add(writable(mariadb(1, "0-1-100")));
  servers.add(following(mariadb(2, "0-1-90"), 1, "0-1-95"));
  servers.add(following(mariadb(3, "0-1-80"), 1, "0-1-99"));
  servers.add(following(mariadb(4, "0-1-95"), 1));
  servers.add(following(mariadb(5, "0-1-95"), 4));
}

void check_below(const FakeServers& servers, int number, int source) {
  CHECK(servers.at(db(number)).replication.source == db(source));
  CHECK(replica_running(servers.at(db(number))));
}

std::string because(const Outcome& outcome, int number) {
  for (const LostReplica& lost : outcome.account.lost) {
    if (lost.key == db(number)) return lost.because;
  }
  return "not lost";
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_SUITE("core/plan/recovery/dead_primary") {
  TEST_CASE("the replica that received most is drained, promoted, and followed by the others") {
    for (const bool is_mariadb_case : {false, true}) {
      FakeServers servers;
      is_mariadb_case ? build_mariadb(servers) : build_mysql(servers);
      servers.kill(db(1));
      const Outcome outcome = fail_over(servers);
      REQUIRE_FALSE(outcome.error);
      CHECK(outcome.account.promoted == db(3));
      CHECK(servers.writable() == std::vector<InstanceKey>{db(3)});
      CHECK_FALSE(is_replica(servers.at(db(3))));
      CHECK(to_string(executed_position(servers.at(db(3)))) ==
            (is_mariadb_case ? "0-1-99" : gtids("1-99")));
      check_below(servers, 2, 3);
      check_below(servers, 4, 3);
      check_below(servers, 5, 4);
      CHECK(outcome.account.moved == std::vector<InstanceKey>{db(2), db(4)});
      CHECK(outcome.account.lost.empty());
      CHECK(outcome.left.empty());
    }
  }

  TEST_CASE("a MariaDB replica whose applier stood still keeps what it received") {
    FakeServers servers;
    build_mariadb(servers);
    Instance stalled = following(mariadb(3, "0-1-80"), 1, "0-1-99");
    stalled.replication.sql_state = ThreadState::Stopped;
    servers.add(stalled);
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.account.promoted == db(3));
    CHECK(to_string(executed_position(servers.at(db(3)))) == "0-1-99");
  }

  TEST_CASE("what the dead primary is known to have had and nobody received is told") {
    FakeServers servers;
    build_mysql(servers);
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    CHECK(mentions(outcome.account.lost_transactions, "1 transaction (" + gtids("100") + ")"));
  }

  TEST_CASE("interrupted after any change, a fresh start ends well") {
    for (const bool is_mariadb_case : {false, true}) {
      for (int changes = 0;; ++changes) {
        CAPTURE(changes);
        FakeServers servers;
        is_mariadb_case ? build_mariadb(servers) : build_mysql(servers);
        servers.kill(db(1));
        const bool complete = !fail_over(servers, {}, changes).error;
        if (!complete) REQUIRE_FALSE(fail_over(servers).error);
        REQUIRE(servers.writable().size() == 1);
        const int winner = servers.writable().front() == db(3) ? 3 : 0;
        REQUIRE(winner == 3);
        check_below(servers, 2, 3);
        check_below(servers, 4, 3);
        check_below(servers, 5, 4);
        if (complete) break;
      }
    }
  }

  TEST_CASE("a less advanced designated server fetches from the most advanced first") {
    for (const bool is_mariadb_case : {false, true}) {
      FakeServers servers;
      is_mariadb_case ? build_mariadb(servers) : build_mysql(servers);
      servers.kill(db(1));
      const Outcome outcome = fail_over(servers, db(2));
      REQUIRE_FALSE(outcome.error);
      CHECK(outcome.account.promoted == db(2));
      CHECK(contains(executed_position(servers.at(db(2))), executed_position(servers.at(db(3)))));
      check_below(servers, 3, 2);
      check_below(servers, 4, 2);
    }
  }

  TEST_CASE("interrupted while the designated server fetches, a fresh start ends well") {
    for (int changes = 0;; ++changes) {
      CAPTURE(changes);
      FakeServers servers;
      build_mysql(servers);
      servers.kill(db(1));
      const bool complete = !fail_over(servers, db(2), changes).error;
      if (!complete) REQUIRE_FALSE(fail_over(servers, db(2)).error);
      REQUIRE(servers.writable() == std::vector<InstanceKey>{db(2)});
      REQUIRE(to_string(executed_position(servers.at(db(2)))) == gtids("1-99"));
      check_below(servers, 3, 2);
      check_below(servers, 4, 2);
      if (complete) break;
    }
  }

  TEST_CASE("a designated server that cannot fetch what others received is refused") {
    FakeServers servers;
    build_mysql(servers);
    servers.set(db(3), [](Instance& i) { i.server.log_replica_updates = false; });
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers, db(2));
    REQUIRE(outcome.error);
    CHECK(mentions(outcome.error->message, "db3:3306 has received 4 transactions"));
    CHECK(servers.writable().empty());
  }

  TEST_CASE("one that must not be promoted and received most is fetched from") {
    FakeServers servers;
    build_mysql(servers);
    servers.set(db(3), [](Instance& i) { i.promotion_rule = PromotionRule::MustNot; });
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.account.promoted == db(2));
    CHECK(to_string(executed_position(servers.at(db(2)))) == gtids("1-99"));
  }

  TEST_CASE("a sibling with transactions of its own is refused and named (REF-11)") {
    FakeServers servers;
    build_mysql(servers);
    servers.set(db(2), [](Instance& i) { i.gtid.executed += "," + gtids("1-2", 2); });
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.account.promoted == db(3));
    CHECK(mentions(because(outcome, 2), "2 transactions (" + gtids("1-2", 2) + ")"));
    check_below(servers, 4, 3);
  }

  TEST_CASE("a sibling that is gone is lost with a reason, not forgotten (REC-15)") {
    FakeServers servers;
    build_mysql(servers);
    servers.kill(db(1));
    servers.kill(db(4));
    const Outcome outcome = fail_over(servers);
    REQUIRE_FALSE(outcome.error);
    CHECK(because(outcome, 4) == "does not answer");
  }

  TEST_CASE("a multi-source sibling is shown and not moved (DISC-8)") {
    FakeServers servers;
    build_mysql(servers);
    servers.set(db(2), [](Instance& i) { i.replication.channels = 2; });
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    REQUIRE_FALSE(outcome.error);
    CHECK(because(outcome, 2) == "replicates from 2 sources");
    CHECK(servers.at(db(2)).replication.source == db(1));
  }

  TEST_CASE("a delayed sibling follows without waiting for its delay") {
    FakeServers servers;
    build_mysql(servers);
    servers.set(db(2), [](Instance& i) { i.replication.sql_delay = std::chrono::hours(1); });
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    REQUIRE_FALSE(outcome.error);
    check_below(servers, 2, 3);
    CHECK(servers.at(db(2)).replication.sql_delay == std::chrono::hours(1));
  }

  TEST_CASE("a MySQL winner that is delayed loses its delay and not its relay logs") {
    FakeServers servers;
    build_mysql(servers);
    servers.set(db(3), [](Instance& i) { i.replication.sql_delay = std::chrono::hours(1); });
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.account.promoted == db(3));
    CHECK(to_string(executed_position(servers.at(db(3)))) == gtids("1-99"));
  }

  TEST_CASE("a winner whose applier hangs is given up within a bound; the next one serves") {
    FakeServers servers;
    build_mysql(servers);
    servers.freeze_applier(db(3));
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.account.promoted == db(2));
    CHECK(mentions(outcome.account.lost_transactions, "db3:3306 has received"));
    CHECK(mentions(because(outcome, 3), "lacks"));
  }

  TEST_CASE("a sibling that fails to move does not hold up the others") {
    FakeServers servers;
    build_mysql(servers);
    servers.refuse(db(2), Change{PointTo{}}.index(), 1);
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    REQUIRE_FALSE(outcome.error);
    CHECK(because(outcome, 2) == "db2:3306: the server said no");
    check_below(servers, 4, 3);
  }

  TEST_CASE("a primary that still answers is made read-only first and sends what it has") {
    FakeServers servers;
    build_mysql(servers);
    const Outcome outcome = fail_over(servers);
    REQUIRE_FALSE(outcome.error);
    CHECK(servers.changes().front() == "db1:3306 make read-only");
    CHECK(servers.writable().size() == 1);
    CHECK(mentions(outcome.account.lost_transactions, "nothing"));
  }

  TEST_CASE("a primary that answers and cannot be made read-only is not replaced (REC-30)") {
    FakeServers servers;
    build_mysql(servers);
    servers.refuse(db(1), Change{SetReadOnly{}}.index(), 5);
    const Outcome outcome = fail_over(servers);
    REQUIRE(outcome.error);
    CHECK(servers.writable() == std::vector<InstanceKey>{db(1)});
    CHECK(outcome.left.empty());
  }

  TEST_CASE("success only after the new primary was seen writable; else all is undone (REC-29)") {
    FakeServers servers;
    build_mysql(servers);
    servers.kill(db(1));
    servers.refuse(db(3), Change{SetReadOnly{}}.index(), 5);
    const Outcome outcome = fail_over(servers);
    REQUIRE(outcome.error);
    CHECK(mentions(outcome.error->message, "db3:3306 could not be promoted"));
    CHECK(servers.writable().empty());
    CHECK_FALSE(outcome.account.promoted);
    REQUIRE(outcome.left.size() >= 1);
    CHECK(mentions(outcome.left.front(), "db3:3306 is left without a source"));
  }

  TEST_CASE("one refusal to be writable is tried again") {
    FakeServers servers;
    build_mysql(servers);
    servers.kill(db(1));
    servers.refuse(db(3), Change{SetReadOnly{}}.index(), 1);
    CHECK(fail_over(servers).account.promoted == db(3));
  }

  TEST_CASE("nobody fit: nothing is changed, and every reason is told") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    servers.add(following(mysql(2, gtids("1-90")), 1));
    servers.set(db(2), [](Instance& i) { i.server.log_bin = false; });
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    REQUIRE(outcome.error);
    CHECK(mentions(outcome.error->message, "db2:3306 has no binary log"));
    CHECK(servers.changes().empty());
  }

  TEST_CASE("a replica is no primary, and co-masters are refused") {
    FakeServers servers;
    servers.add(following(mysql(1, gtids("1-100")), 2));
    servers.add(following(mysql(2, gtids("1-90")), 1));
    const Outcome outcome = fail_over(servers);
    REQUIRE(outcome.error);
    CHECK(mentions(outcome.error->message, "co-master"));
    CHECK(servers.changes().empty());
  }

  TEST_CASE("the preview shows the whole plan and touches nothing") {
    FakeServers servers;
    build_mysql(servers);
    servers.kill(db(1));
    const Topology records = servers.records();
    std::vector<Instance> all(records.instances().begin(), records.instances().end());
    all.front() = unseen(all.front());
    const Preview plan = preview(failover({db(1), {}}, Policy{}), Topology(all));
    REQUIRE(std::holds_alternative<Done>(plan.end));
    CHECK(std::get<Done>(plan.end).account.promoted == db(3));
    std::vector<std::string> lines;
    for (const PreviewedStep& step : plan.steps)
      lines.push_back(describe(step.step));
    CHECK(std::find(lines.begin(), lines.end(), "db3:3306: make writable") != lines.end());
    CHECK(std::find(lines.begin(), lines.end(), "db2:3306: replicate from db3:3306") !=
          lines.end());
    CHECK(servers.changes().empty());
  }
}

TEST_SUITE("core/plan/recovery/takeover") {
  TEST_CASE("the designated server gets everything, takes the writes, and the others follow") {
    for (const bool is_mariadb_case : {false, true}) {
      FakeServers servers;
      is_mariadb_case ? build_mariadb(servers) : build_mysql(servers);
      const Outcome outcome = take_over(servers, db(2));
      REQUIRE_FALSE(outcome.error);
      CHECK(outcome.account.promoted == db(2));
      CHECK(to_string(outcome.account.coordinates) == "bin.000001:1000");
      CHECK(servers.writable() == std::vector<InstanceKey>{db(2)});
      CHECK(to_string(executed_position(servers.at(db(2)))) ==
            (is_mariadb_case ? "0-1-100" : gtids("1-100")));
      check_below(servers, 1, 2);
      check_below(servers, 3, 2);
      check_below(servers, 4, 2);
      CHECK(outcome.left.empty());
    }
  }

  TEST_CASE("without -auto the old primary's replication stays stopped") {
    FakeServers servers;
    build_mysql(servers);
    const Outcome outcome = run_plan(servers, takeover({db(1), db(2), false, false}, Policy{}));
    REQUIRE_FALSE(outcome.error);
    CHECK(servers.at(db(1)).replication.source == db(2));
    CHECK(replication_threads_stopped(servers.at(db(1))));
  }

  TEST_CASE("interrupted after any change, a fresh start ends well") {
    for (const bool is_mariadb_case : {false, true}) {
      for (int changes = 0;; ++changes) {
        CAPTURE(changes);
        FakeServers servers;
        is_mariadb_case ? build_mariadb(servers) : build_mysql(servers);
        const bool complete = !take_over(servers, db(2), changes).error;
        if (!complete) {
          const Outcome again = take_over(servers, db(2));
          REQUIRE_MESSAGE(!again.error, (again.error ? again.error->message : ""));
        }
        REQUIRE(servers.writable() == std::vector<InstanceKey>{db(2)});
        check_below(servers, 1, 2);
        check_below(servers, 3, 2);
        check_below(servers, 4, 2);
        if (complete) break;
      }
    }
  }

  TEST_CASE("a designated server that does not catch up: the primary is writable again (REC-33)") {
    FakeServers servers;
    build_mysql(servers);
    servers.freeze_applier(db(2));
    const Outcome outcome = take_over(servers, db(2));
    REQUIRE(outcome.error);
    CHECK(mentions(outcome.error->message, "did not catch up"));
    CHECK(servers.writable() == std::vector<InstanceKey>{db(1)});
    CHECK(outcome.left.empty());
    check_below(servers, 2, 1);
  }

  TEST_CASE("a promotion that fails is undone: all as before (REC-33)") {
    FakeServers servers;
    build_mysql(servers);
    servers.refuse(db(2), Change{SetReadOnly{}}.index(), 5);
    const Outcome outcome = take_over(servers, db(2));
    REQUIRE(outcome.error);
    CHECK(servers.writable() == std::vector<InstanceKey>{db(1)});
    check_below(servers, 2, 1);
    CHECK(outcome.left.empty());
  }

  TEST_CASE("the old primary gets the replicas' TLS options and their user (REC-42)") {
    FakeServers servers;
    build_mysql(servers);
    servers.set(db(2), [](Instance& i) {
      i.replication.allow_tls = true;
      i.replication.tls.ca_file = "/ca.pem";
    });
    const Preview plan = preview(takeover({db(1), db(2), true, true}, Policy{}), servers.records());
    bool found = false;
    for (const PreviewedStep& step : plan.steps) {
      const auto* target = change_in<PointTo>(step.step.action);
      if (target == nullptr || step.step.server != db(1)) continue;
      found = true;
      REQUIRE(target->tls);
      CHECK(target->use_tls);
      CHECK(target->tls->ca_file == "/ca.pem");
      CHECK(step.step.credentials_from == db(2));
    }
    CHECK(found);
  }

  TEST_CASE("refusals come before anything is changed, with the contract's texts") {
    struct Case {
      const char* text;
      void (*spoil)(FakeServers&);
    };
    const Case cases[] = {
        {"seems to be lagging too much",
         [](FakeServers& s) {
           s.set(db(2), [](Instance& i) { i.replication.seconds_behind = std::chrono::hours(1); });
         }},
        {"cannot be promoted due to promotion rule",
         [](FakeServers& s) {
           s.set(db(2), [](Instance& i) { i.promotion_rule = PromotionRule::MustNot; });
         }},
        {"must be directly replicating from the master db1:3306",
         [](FakeServers& s) {
           s.set(db(2), [](Instance& i) { i.replication.source = db(3); });
         }},
        {"cannot take over all of its siblings",
         [](FakeServers& s) {
           s.set(db(3), [](Instance& i) { i.gtid.uses_oracle = false; });
         }},
        {"this is a case for a failover",
         [](FakeServers& s) {
           s.kill(db(1));
         }},
    };
    for (const Case& one : cases) {
      FakeServers servers;
      build_mysql(servers);
      one.spoil(servers);
      const Outcome outcome = take_over(servers, db(2));
      REQUIRE(outcome.error);
      CHECK_MESSAGE(mentions(outcome.error->message, one.text), outcome.error->message);
      CHECK(servers.changes().empty());
    }
  }

  TEST_CASE("several replicas, none named, not automatic: refused with the contract's text") {
    FakeServers servers;
    build_mysql(servers);
    const Outcome outcome = run_plan(servers, takeover({db(1), {}, false, false}, Policy{}));
    REQUIRE(outcome.error);
    CHECK(mentions(outcome.error->message, "auto=false, and master db1:3306 has 3 replicas"));
  }
}
