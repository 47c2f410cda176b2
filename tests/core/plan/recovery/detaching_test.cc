// Replicas that a failover leaves behind, and those that it moves late.

#include "core/plan/recovery/detaching.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "core/plan/preview.h"
#include "core/plan/refactor/relocate.h"
#include "tests/support/recovery_bench.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

Outcome fail_over_by(FakeServers& servers, const Policy& policy, int changes = -1,
                     RunScope scope = {}, std::optional<InstanceKey> to = {}) {
  return run_plan(servers, failover({db(1), to}, policy), changes, std::move(scope));
}

/// Cut off after so many changes, and carried on with what was known; true: it had come to its end.
bool fail_over_in_two(FakeServers& servers, const Policy& policy, int changes, Outcome& outcome) {
  outcome = fail_over_by(servers, policy, changes);
  if (!outcome.error) return true;
  RunScope scope;
  scope.earlier = outcome.facts;
  outcome = fail_over_by(servers, policy, -1, scope);
  REQUIRE_MESSAGE(!outcome.error, said(outcome));
  return false;
}

/// db2 has transactions of its own, so that nobody can take it.
void build_with_errant(FakeServers& servers, bool mariadb) {
  mariadb ? build_mariadb(servers) : build_mysql(servers);
  servers.set(db(2), [&](Instance& i) {
    if (mariadb) {
      i.gtid.mariadb_binlog_state = i.gtid.mariadb_slave_pos = "0-1-90,1-2-7";
      i.replication.gtid_io_pos = "0-1-95,1-2-7";
    } else {
      i.gtid.executed += "," + gtids("1-2", 2);
    }
  });
  servers.kill(db(1));
}

bool has_note(const Outcome& outcome, const std::string& part) {
  const auto& notes = outcome.account.notes;
  return std::any_of(notes.begin(), notes.end(),
                     [&](const std::string& note) { return mentions(note, part); });
}

/// When the change was made, among all changes; -1 = never.
std::ptrdiff_t when(const FakeServers& servers, const std::string& change) {
  const std::vector<std::string> all = servers.changes();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const std::string& one) { return one.starts_with(change); });
  return found == all.end() ? -1 : found - all.begin();
}

std::ptrdiff_t times(const FakeServers& servers, const std::string& change) {
  const std::vector<std::string> all = servers.changes();
  return std::count_if(all.begin(), all.end(),
                       [&](const std::string& one) { return one.starts_with(change); });
}

constexpr const char* kDetach2 = "db2:3306 replicate from //db1:3306";

}  // namespace

TEST_SUITE("core/plan/recovery/detaching") {
  TEST_CASE("a lost replica is detached from the dead primary when all others follow the new one") {
    for (const bool is_mariadb_case : {false, true}) {
      FakeServers servers;
      build_with_errant(servers, is_mariadb_case);
      const Outcome outcome = fail_over_by(servers, {});
      REQUIRE_FALSE(outcome.error);
      CHECK(outcome.account.promoted == db(3));
      CHECK(mentions(because(outcome, 2), "lacks"));
      CHECK(servers.at(db(2)).replication.source == detached(db(1)));
      CHECK(runs(servers.at(db(2)).replication.sql_state));
      CHECK(has_note(outcome, "db2:3306 is detached from db1:3306"));
      CHECK(outcome.left.empty());
      check_below(servers, 4, 3);
      CHECK(when(servers, "db3:3306 make writable") < when(servers, "db4:3306 replicate from db3"));
      CHECK(when(servers, "db4:3306 replicate from db3") < when(servers, kDetach2));
      CHECK(times(servers, kDetach2) == 1);
    }
  }

  TEST_CASE("operators who do not want lost replicas detached are heard") {
    FakeServers servers;
    build_with_errant(servers, false);
    Policy policy;
    policy.detach_lost_replicas = false;
    const Outcome outcome = fail_over_by(servers, policy);
    REQUIRE_FALSE(outcome.error);
    CHECK(because(outcome, 2) != "not lost");
    CHECK(servers.at(db(2)).replication.source == db(1));
    CHECK_FALSE(has_note(outcome, "detached"));
  }

  TEST_CASE("a preview shows the steps that detach") {
    FakeServers servers;
    build_with_errant(servers, false);
    Topology records = servers.records();
    std::vector<Instance> all(records.instances().begin(), records.instances().end());
    all.front() = unseen(all.front());
    const Preview plan = preview(failover({db(1), {}}, Policy{}), Topology(all));
    CHECK(std::any_of(plan.steps.begin(), plan.steps.end(), [](const PreviewedStep& step) {
      return describe(step.step) == "db2:3306: replicate from //db1:3306";
    }));
    REQUIRE(std::holds_alternative<Done>(plan.end));
    const auto& notes = std::get<Done>(plan.end).account.notes;
    CHECK(std::find(notes.begin(), notes.end(), "db2:3306 is detached from db1:3306") !=
          notes.end());
  }

  TEST_CASE("one that holds what it has not applied is left as it is, and this is said") {
    for (const bool is_mariadb_case : {false, true}) {
      for (const bool is_delayed : {false, true}) {
        FakeServers servers;
        build_with_errant(servers, is_mariadb_case);
        if (is_delayed) {
          servers.set(db(2), [](Instance& i) { i.replication.sql_delay = std::chrono::hours(1); });
        } else {
          servers.freeze_applier(db(2));
        }
        const Outcome outcome = fail_over_by(servers, {});
        REQUIRE_FALSE(outcome.error);
        const Instance left = servers.at(db(2));
        CHECK(left.replication.source == db(1));
        CHECK(has_note(outcome,
                       "db2:3306 is not detached from db1:3306: would lose what it has "
                       "received: it has not executed"));
        const std::string received =
            is_mariadb_case ? left.replication.gtid_io_pos : left.replication.retrieved_gtid_set;
        CHECK(mentions(received, is_mariadb_case ? "0-1-95" : gtids("1-95")));
        CHECK(runs(left.replication.sql_state));
        check_below(servers, 4, 3);
      }
    }
  }

  TEST_CASE("one that does not answer is not detached, and named") {
    FakeServers servers;
    build_mysql(servers);
    servers.kill(db(1));
    servers.kill(db(2));
    const Outcome outcome = fail_over_by(servers, {});
    REQUIRE_FALSE(outcome.error);
    CHECK(because(outcome, 2) == "does not answer: connection refused");
    CHECK(has_note(outcome, "db2:3306 is not detached from db1:3306: does not answer"));
    CHECK_FALSE(outcome.facts.detached);  // the next run may find it alive, and move it
  }

  TEST_CASE("one that refuses to be detached is tried once, and named") {
    FakeServers servers;
    build_with_errant(servers, false);
    servers.refuse(db(2), Change{PointTo{}}.index(), 1);
    const Outcome outcome = fail_over_by(servers, {});
    REQUIRE_FALSE(outcome.error);
    CHECK(servers.at(db(2)).replication.source == db(1));
    // What the dead one had not sent to anybody must not come to this one alone.
    CHECK_FALSE(runs(servers.at(db(2)).replication.io_state));
    CHECK(runs(servers.at(db(2)).replication.sql_state));
    CHECK(has_note(outcome, "db2:3306 is not detached from db1:3306: the server said no"));
    REQUIRE(outcome.left.size() == 1);
    CHECK(outcome.left[0] == "db2:3306 is left with its receiver stopped");
  }

  TEST_CASE("who follows another server than the failed one keeps it") {
    FakeServers servers;
    build_mysql(servers);
    servers.kill(db(4));
    const Outcome outcome = fail_over_by(servers, {});  // db1 lives: db4 is a matter of its own
    REQUIRE_FALSE(outcome.error);
    CHECK(mentions(because(outcome, 5), "follows db4:3306, which does not answer"));
    CHECK(servers.at(db(5)).replication.source == db(4));
    CHECK_FALSE(has_note(outcome, "db5"));
  }

  TEST_CASE("a takeover detaches nobody: the old primary lives, and follows the new one") {
    FakeServers servers;
    build_mysql(servers);
    servers.set(db(4), [](Instance& i) { i.gtid.executed += "," + gtids("1-2", 4); });
    const Outcome outcome = take_over(servers, db(3));
    REQUIRE_FALSE(outcome.error);
    CHECK(because(outcome, 4) != "not lost");
    CHECK(servers.at(db(4)).replication.source == db(1));
  }

  TEST_CASE("cut off at any change, the next run detaches whom the first one gave up, once") {
    for (const bool is_mariadb_case : {false, true}) {
      for (int changes = 0;; ++changes) {
        CAPTURE(changes);
        FakeServers servers;
        build_with_errant(servers, is_mariadb_case);
        Outcome outcome;
        const bool complete = fail_over_in_two(servers, {}, changes, outcome);
        CHECK(servers.writable() == std::vector<InstanceKey>{db(3)});
        check_below(servers, 4, 3);
        CHECK(mentions(because(outcome, 2), "lacks"));
        CHECK(servers.at(db(2)).replication.source == detached(db(1)));
        CHECK(runs(servers.at(db(2)).replication.sql_state));
        CHECK(times(servers, kDetach2) == 1);
        if (complete) break;
      }
    }
  }

  TEST_CASE("a replica that is delayed by more than N minutes is moved after all else") {
    for (const bool is_mariadb_case : {false, true}) {
      for (const int delay : {3600, 60}) {
        CAPTURE(delay);
        FakeServers servers;
        build_with_errant(servers, is_mariadb_case);
        servers.set(db(4),
                    [&](Instance& i) { i.replication.sql_delay = std::chrono::seconds(delay); });
        servers.add(is_mariadb_case ? following(mariadb(6, "0-1-70"), 1)
                                    : following(mysql(6, gtids("1-70")), 1));
        Policy policy;
        policy.postpone_replica_recovery_on_lag = std::chrono::minutes(1);
        const Outcome outcome = fail_over_by(servers, policy);
        REQUIRE_FALSE(outcome.error);
        check_below(servers, 4, 3);
        check_below(servers, 6, 3);
        CHECK(servers.at(db(4)).replication.sql_delay == std::chrono::seconds(delay));
        const auto moved = when(servers, "db4:3306 replicate from db3:3306");
        CHECK((moved > when(servers, kDetach2)) == (delay == 3600));
        // Else the two are moved beside each other, whichever is the first.
        if (delay == 3600) CHECK(moved > when(servers, "db6:3306 start replication"));
      }
    }
  }

  TEST_CASE("a late replica that is lost is detached, too") {
    FakeServers servers;
    build_with_errant(servers, false);
    servers.set(db(2), [](Instance& i) {
      i.replication.sql_delay = std::chrono::hours(1);
      i.replication.retrieved_gtid_set = i.gtid.executed;
    });
    Policy policy;
    policy.postpone_replica_recovery_on_lag = std::chrono::minutes(1);
    const Outcome outcome = fail_over_by(servers, policy);
    REQUIRE_FALSE(outcome.error);
    CHECK(because(outcome, 2) != "not lost");
    CHECK(servers.at(db(2)).replication.source == detached(db(1)));
  }

  TEST_CASE("cut off at any change, a late replica still follows the new primary") {
    for (int changes = 0;; ++changes) {
      CAPTURE(changes);
      FakeServers servers;
      build_with_errant(servers, false);
      servers.set(db(4), [](Instance& i) { i.replication.sql_delay = std::chrono::hours(1); });
      Policy policy;
      policy.postpone_replica_recovery_on_lag = std::chrono::minutes(1);
      Outcome outcome;
      const bool complete = fail_over_in_two(servers, policy, changes, outcome);
      check_below(servers, 4, 3);
      CHECK(servers.at(db(2)).replication.source == detached(db(1)));
      if (complete) break;
    }
  }

  TEST_CASE("a takeover moves delayed replicas last, too") {
    FakeServers servers;
    build_mysql(servers);
    servers.set(db(2), [](Instance& i) { i.replication.sql_delay = std::chrono::hours(1); });
    Policy policy;
    policy.postpone_replica_recovery_on_lag = std::chrono::minutes(1);
    const Outcome outcome = run_plan(servers, takeover({db(1), db(3), true, true}, policy), -1, {});
    REQUIRE_FALSE(outcome.error);
    check_below(servers, 2, 3);
    check_below(servers, 4, 3);
    check_below(servers, 1, 3);
    CHECK(when(servers, "db2:3306 replicate from db3") >
          when(servers, "db1:3306 start replication"));
  }
}

TEST_SUITE("core/plan/recovery/detaching of the promoted server") {
  TEST_CASE("where the promotion is not applied, its source is detached if operators want it") {
    for (const bool is_mariadb_case : {false, true}) {
      for (const bool wanted : {true, false}) {
        FakeServers servers;
        is_mariadb_case ? build_mariadb(servers) : build_mysql(servers);
        servers.kill(db(1));
        Policy policy;
        policy.apply_promotion = false;
        policy.detach_promoted = wanted;
        const Outcome outcome = fail_over_by(servers, policy);
        REQUIRE_MESSAGE(!outcome.error, said(outcome));
        CHECK(outcome.account.promoted == db(3));
        CHECK(mentions(outcome.account.lost_transactions, "1 transaction"));
        const Instance winner = servers.at(db(3));
        CHECK(winner.server.read_only);
        CHECK(winner.replication.source == (wanted ? detached(db(1)) : db(1)));
        CHECK(replication_threads_stopped(winner) == wanted);
        CHECK(has_note(outcome, "db3:3306 is detached from db1:3306") == wanted);
        check_below(servers, 2, 3);
        check_below(servers, 4, 3);
      }
    }
  }

  TEST_CASE("it has no meaning where the promotion is applied") {
    FakeServers servers;
    build_mysql(servers);
    servers.kill(db(1));
    Policy policy;
    policy.detach_promoted = true;
    REQUIRE_FALSE(fail_over_by(servers, policy).error);
    CHECK_FALSE(servers.at(db(3)).replication.configured);
    CHECK(when(servers, "db3:3306 replicate from") == -1);
  }

  TEST_CASE("one that fetched from a sibling does not go on following it, in a circle") {
    for (const bool wanted : {true, false}) {
      FakeServers servers;
      build_mysql(servers);
      servers.kill(db(1));
      Policy policy;
      policy.apply_promotion = false;
      policy.detach_promoted = wanted;
      const Outcome outcome = fail_over_by(servers, policy, -1, {}, db(2));
      REQUIRE_MESSAGE(!outcome.error, said(outcome));
      CHECK(outcome.account.promoted == db(2));
      CHECK(servers.at(db(2)).gtid.executed == gtids("1-99"));
      CHECK(servers.at(db(2)).replication.source == (wanted ? detached(db(1)) : db(1)));
      check_below(servers, 3, 2);
    }
  }

  TEST_CASE("cut off at any change, the next run ends with the same promoted server, detached") {
    for (const bool is_mariadb_case : {false, true}) {
      for (int changes = 0;; ++changes) {
        CAPTURE(changes);
        FakeServers servers;
        is_mariadb_case ? build_mariadb(servers) : build_mysql(servers);
        servers.kill(db(1));
        Policy policy;
        policy.apply_promotion = false;
        policy.detach_promoted = true;
        Outcome outcome;
        const bool complete = fail_over_in_two(servers, policy, changes, outcome);
        CHECK(outcome.account.promoted == db(3));
        CHECK(servers.at(db(3)).replication.source == detached(db(1)));
        CHECK(servers.writable().empty());
        check_below(servers, 2, 3);
        check_below(servers, 4, 3);
        if (complete) break;
      }
    }
  }

  TEST_CASE("a master that was promoted by being detached is replaced like any other") {
    for (const bool dies : {true, false}) {
      FakeServers servers;
      build_mysql(servers);
      servers.set(db(1), [](Instance& i) {
        i = writable(following(std::move(i), 9));
        i.replication.source = detached(db(9));
        i.replication.io_state = i.replication.sql_state = ThreadState::Stopped;
      });
      if (dies) servers.kill(db(1));
      const Outcome outcome = dies ? fail_over(servers) : take_over(servers, db(3));
      REQUIRE_MESSAGE(!outcome.error, said(outcome));
      CHECK(servers.writable() == std::vector<InstanceKey>{db(3)});
      check_below(servers, 2, 3);
      check_below(servers, 4, 3);
      if (!dies) check_below(servers, 1, 3);
    }
  }

  TEST_CASE("a detached server that takes writes is one that takes writes") {
    FakeServers servers;
    build_mysql(servers);
    servers.add(writable(following(mysql(7, gtids("1-50")), 1)));
    servers.set(db(7), [](Instance& i) { i.replication.source = detached(db(1)); });
    servers.kill(db(1));
    CHECK(mentions(said(fail_over(servers)), "db7:3306 takes writes already"));
    CHECK(servers.writable() == std::vector<InstanceKey>{db(7)});
  }

  TEST_CASE("to detach by hand what its dead source could not give again is refused") {
    for (const bool is_mariadb_case : {false, true}) {
      FakeServers servers;
      is_mariadb_case ? build_mariadb(servers) : build_mysql(servers);
      servers.freeze_applier(db(3));
      servers.kill(db(1));
      const Outcome outcome = run_plan(servers, detach(db(3), {}));
      CHECK(mentions(said(outcome), "would lose what it has received"));
      CHECK(servers.at(db(3)).replication.source == db(1));
      CHECK(runs(servers.at(db(3)).replication.sql_state));
      servers.revive(db(1));
      CHECK_FALSE(run_plan(servers, detach(db(3), {})).error);
    }
  }
}
