// Failovers: planner and executor together, on servers that replicate in thought.

#include "core/plan/recovery/dead_primary.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "core/plan/preview.h"
#include "core/plan/recovery/holdings.h"
#include "tests/support/recovery_bench.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

TEST_SUITE("core/plan/recovery/dead_primary") {
  TEST_CASE("a replica whose applier hangs does not hold up the others (REC-26)") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    servers.add(following(mysql(2, gtids("1-100")), 1));
    servers.add(following(mysql(3, gtids("1-90")), 1, gtids("1-100")));
    servers.add(following(mysql(4, gtids("1-100")), 1));
    servers.freeze_applier(db(3));
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    REQUIRE(outcome.account.promoted);
    const InstanceKey heir = *outcome.account.promoted;
    const InstanceKey quick = heir == db(2) ? db(4) : db(2);
    const auto place = [&](const InstanceKey& key, const auto& is_it) {
      const auto found = std::find_if(
          outcome.steps.begin(), outcome.steps.end(),
          [&](const StepResult& r) { return r.step.server == key && is_it(r.step.action); });
      REQUIRE(found != outcome.steps.end());
      return found - outcome.steps.begin();
    };
    CHECK(place(quick, waits_for<ReplicatesFrom>) < place(db(3), waits_for<AppliedReceived>));
  }

  TEST_CASE("nobody outside takes the place of a dead primary whose group lives") {
    FakeServers servers;
    build_group(servers);
    servers.kill(db(1));
    const Outcome refused = fail_over(servers);
    REQUIRE(refused.error);
    CHECK(refused.error->message.find("db2:3306 of it answers") != std::string::npos);
    CHECK(servers.writable().empty());
    servers.kill(db(2));
    servers.kill(db(3));
    REQUIRE_FALSE(fail_over(servers).error);
    CHECK(servers.writable() == std::vector<InstanceKey>{db(4)});
  }

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

  TEST_CASE("a MariaDB replica whose applier stood still keeps what it received (REC-28)") {
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

  TEST_CASE("MySQL: one whose applier was stopped applies what it received first (REC-28)") {
    FakeServers servers;
    build_mysql(servers);
    servers.set(db(3), [](Instance& i) { i.replication.sql_state = ThreadState::Stopped; });
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.account.promoted == db(3));
    CHECK(to_string(executed_position(servers.at(db(3)))) == gtids("1-99"));
  }

  TEST_CASE("a single replica is judged by what it is now, not by its record (REC-16)") {
    for (const bool is_late : {false, true}) {
      FakeServers servers;
      servers.add(writable(mysql(1, gtids("1-100"))));
      servers.add(following(mysql(2, gtids("1-100")), 1));
      const Topology records = servers.records();
      servers.set(db(2), [&](Instance& i) {
        i.server.log_bin = !is_late;
        i.gtid.executed = gtids("1-80");
      });
      servers.kill(db(1));
      const FakeLeadership leadership;
      FakeLocks locks;
      StepObserver observer;
      ExecutorSettings settings;
      settings.pace = quick_pace();
      Executor executor(servers, leadership, locks, observer, settings);
      const Outcome outcome = executor.run(failover({db(1), {}}, Policy{}), records,
                                           RunScope{servers.keys(), "test", true});
      CHECK(mentions(said(outcome), "has no binary log") == is_late);
      CHECK(servers.writable().empty() == is_late);
      if (!is_late) CHECK(servers.at(db(2)).gtid.executed == gtids("1-100"));
    }
  }

  TEST_CASE("who cannot be promoted is named once") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    Instance broken = following(mysql(2, gtids("1-90")), 1, gtids("1-100"));
    broken.replication.sql_state = ThreadState::Stopped;
    broken.replication.last_sql_error = "duplicate entry";
    servers.add(broken);
    servers.kill(db(1));
    CHECK(mentions(said(fail_over(servers)),
                   "can be promoted: db2:3306 its applier stopped: duplicate entry"));
  }

  TEST_CASE("a primary, or a designated server, that nobody knows is an error (REC-21)") {
    FakeServers servers;
    build_mysql(servers);
    servers.kill(db(1));
    CHECK(mentions(said(fail_over(servers, db(9))), "db9:3306"));
    CHECK(mentions(said(run_plan(servers, failover({db(9), {}}, Policy{}))), "db9:3306"));
    CHECK(servers.changes().empty());
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
        if (!complete) {
          const Outcome again = fail_over(servers);
          REQUIRE_MESSAGE(!again.error, (again.error ? again.error->message : ""));
        }
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

  TEST_CASE("a less advanced designated server fetches from the most advanced first (REC-27)") {
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
      if (!complete) {
        const Outcome again = fail_over(servers, db(2));
        REQUIRE_MESSAGE(!again.error, (again.error ? again.error->message : ""));
      }
      REQUIRE(servers.writable() == std::vector<InstanceKey>{db(2)});
      REQUIRE(to_string(executed_position(servers.at(db(2)))) == gtids("1-99"));
      check_below(servers, 3, 2);
      check_below(servers, 4, 2);
      if (complete) break;
    }
  }

  TEST_CASE("the server that is preferred fetches from the most advanced first, and serves") {
    for (const bool is_mariadb_case : {false, true}) {
      for (const PromotionRule rule : {PromotionRule::Must, PromotionRule::Prefer}) {
        FakeServers servers;
        is_mariadb_case ? build_mariadb(servers) : build_mysql(servers);
        servers.set(db(4), [&](Instance& instance) { instance.promotion_rule = rule; });
        servers.kill(db(1));
        const Outcome outcome = fail_over(servers);
        REQUIRE_FALSE(outcome.error);
        CHECK(outcome.account.promoted == db(4));
        CHECK(contains(executed_position(servers.at(db(4))), executed_position(servers.at(db(3)))));
        CHECK_FALSE(mentions(outcome.account.lost_transactions, "has received"));
        check_below(servers, 2, 4);
        check_below(servers, 3, 4);
      }
    }
  }

  TEST_CASE("one that is not preferred serves only when nobody else can soon") {
    FakeServers servers;
    build_mysql(servers);
    servers.set(db(3), [](Instance& i) { i.promotion_rule = PromotionRule::PreferNot; });
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    REQUIRE_MESSAGE(!outcome.error, (outcome.error ? outcome.error->message : ""));
    CHECK(outcome.account.promoted == db(2));

    FakeServers behind;
    build_mysql(behind);
    behind.set(db(3), [](Instance& i) { i.promotion_rule = PromotionRule::PreferNot; });
    for (const int number : {2, 4}) {
      behind.set(db(number), [](Instance& i) { i.replication.sql_delay = std::chrono::hours(1); });
    }
    behind.kill(db(1));
    CHECK(fail_over(behind).account.promoted == db(3));
  }

  TEST_CASE("one that is preferred and cannot fetch the rest gives way: nothing is lost") {
    FakeServers servers;
    build_mysql(servers);
    servers.set(db(4), [](Instance& i) { i.promotion_rule = PromotionRule::Prefer; });
    servers.refuse(db(4), Change{PointTo{}}.index(), 5);
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.account.promoted == db(3));
    CHECK_FALSE(mentions(outcome.account.lost_transactions, "has received"));
  }

  TEST_CASE("a designated server that cannot fetch what others received is refused (REC-27)") {
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
    CHECK(because(outcome, 4) == "does not answer: connection refused");
  }

  TEST_CASE("replicas of an intermediate master that died as well follow the new primary") {
    for (const bool is_mariadb_case : {false, true}) {
      FakeServers servers;
      is_mariadb_case ? build_mariadb(servers) : build_mysql(servers);
      servers.kill(db(1));
      servers.kill(db(4));
      const Outcome outcome = fail_over(servers);
      REQUIRE_FALSE(outcome.error);
      CHECK(outcome.account.promoted == db(3));
      check_below(servers, 2, 3);
      check_below(servers, 5, 3);
      CHECK(outcome.account.moved == std::vector<InstanceKey>{db(2), db(5)});
      CHECK(outcome.account.lost.size() == 1);
    }
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
    const auto given_up = std::find_if(
        outcome.steps.begin(), outcome.steps.end(),
        [](const StepResult& result) { return result.step.server == db(3) && result.error; });
    REQUIRE(given_up != outcome.steps.end());
    CHECK(mentions(given_up->error->message, "waited 300s"));  // it alone holds what was received
  }

  TEST_CASE("one that stands still is given up soon when another holds all that it does") {
    using std::chrono::seconds;
    const auto patience = [](const Instance& server, const Instance& other) {
      const Topology topology(
          {writable(is_mariadb(server) ? mariadb(1, "0-1-100") : mysql(1, gtids("1-100"))), server,
           other});
      return patience_with(server, db(1), Policy{}, topology);
    };
    const Instance best = following(mysql(3, gtids("1-80")), 1, gtids("1-99"));
    CHECK(patience(best, following(mysql(2, gtids("1-60")), 1, gtids("1-99"))) == seconds(3));
    CHECK(patience(best, following(mysql(2, gtids("1-98")), 1)) == seconds(300));
    // MariaDB cannot shorten a delay: there is nothing to wait for.
    Instance delayed = following(mariadb(3, "0-1-80"), 1, "0-1-99");
    delayed.replication.sql_delay = seconds(3600);
    CHECK(patience(delayed, following(mariadb(2, "0-1-80"), 1)) == seconds(10));
  }

  TEST_CASE("who turns us away, and why, is told") {
    FakeServers servers;
    build_mysql(servers);
    for (const InstanceKey& key : servers.keys())
      servers.deny(key);
    const Outcome outcome = fail_over(servers);
    REQUIRE(outcome.error);
    CHECK(outcome.error->kind == ErrorKind::Denied);
    CHECK(mentions(outcome.error->message, "db3:3306 cannot be read: access denied"));
    const Outcome switched = take_over(servers, db(2));
    REQUIRE(switched.error);
    CHECK(switched.error->kind == ErrorKind::Denied);
    CHECK(mentions(switched.error->message, "db1:3306 cannot be read: access denied"));
  }

  TEST_CASE("a sibling that fails to move does not hold up the others (REC-19)") {
    FakeServers servers;
    build_mysql(servers);
    servers.refuse(db(2), Change{PointTo{}}.index(), 1);
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    REQUIRE_FALSE(outcome.error);
    CHECK(because(outcome, 2) == "the server said no");
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

  TEST_CASE("one that cannot be made writable stays a replica; the next one fetches and serves") {
    for (const bool is_mariadb_case : {false, true}) {
      FakeServers servers;
      is_mariadb_case ? build_mariadb(servers) : build_mysql(servers);
      servers.kill(db(1));
      servers.refuse(db(3), Change{SetReadOnly{}}.index(), 5);
      const Outcome outcome = fail_over(servers);
      REQUIRE_FALSE(outcome.error);
      CHECK(outcome.account.promoted == db(2));
      CHECK(servers.writable() == std::vector<InstanceKey>{db(2)});
      CHECK(to_string(executed_position(servers.at(db(2)))) ==
            (is_mariadb_case ? "0-1-99" : gtids("1-99")));
      check_below(servers, 3, 2);
      check_below(servers, 4, 2);
    }
  }

  TEST_CASE("success only after the new primary was seen writable (REC-29)") {
    FakeServers servers;
    build_mysql(servers);
    servers.kill(db(1));
    for (const int number : {2, 3, 4})
      servers.refuse(db(number), Change{SetReadOnly{}}.index(), 5);
    const Outcome outcome = fail_over(servers);
    REQUIRE(outcome.error);
    CHECK(mentions(outcome.error->message, "db3:3306 could not be promoted"));
    CHECK(servers.writable().empty());
    CHECK_FALSE(outcome.account.promoted);
    for (const int number : {2, 3, 4})
      CHECK(is_replica(servers.at(db(number))));
  }

  TEST_CASE("one refusal to be writable is tried again") {
    FakeServers servers;
    build_mysql(servers);
    servers.kill(db(1));
    servers.refuse(db(3), Change{SetReadOnly{}}.index(), 1);
    CHECK(fail_over(servers).account.promoted == db(3));
  }

  TEST_CASE("nobody fit: nothing is changed, and every reason is told (REC-23)") {
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

  TEST_CASE("who is named and does not fit is a refusal, whoever else is silent") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    servers.add(following(mysql(2, gtids("1-90")), 1));
    servers.add(following(mysql(3, gtids("1-90")), 1));
    servers.set(db(2), [](Instance& i) { i.server.log_bin = false; });
    servers.kill(db(1));
    servers.kill(db(3));
    for (const bool named : {true, false}) {
      CAPTURE(named);
      const auto to = named ? std::optional(db(2)) : std::nullopt;
      const Outcome outcome = run_plan(servers, failover({db(1), to}, Policy{}));
      REQUIRE(outcome.error);
      CHECK((outcome.error->kind == ErrorKind::Refused) == named);
    }
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

  TEST_CASE("a preview does not wait longer for a delayed applier than the failover would") {
    for (const int delay : {3600, 200}) {
      FakeServers servers;
      servers.add(writable(mariadb(1, "0-1-100")));
      Instance delayed = following(mariadb(2, "0-1-80"), 1, "0-1-100");
      delayed.replication.sql_delay = std::chrono::seconds(delay);
      servers.add(delayed);
      servers.add(following(mariadb(3, "0-1-90"), 1));
      const Topology records = servers.records();
      std::vector<Instance> all(records.instances().begin(), records.instances().end());
      all.front() = unseen(all.front());
      const Preview plan = preview(failover({db(1), {}}, Policy{}), Topology(all));
      REQUIRE(std::holds_alternative<Done>(plan.end));
      const Account& account = std::get<Done>(plan.end).account;
      CHECK(account.promoted == (delay == 3600 ? db(3) : db(2)));
      CHECK(mentions(account.lost_transactions, "db2:3306 has received") == (delay == 3600));
    }
  }

  TEST_CASE("a passive co-master that lives is not failed over while its partner takes writes") {
    for (const bool partner_lives : {true, false}) {
      FakeServers servers;
      servers.add(following(mysql(1, gtids("1-100")), 2));
      servers.add(writable(following(mysql(2, gtids("1-100")), 1)));
      servers.add(following(mysql(3, gtids("1-100")), 2));
      if (!partner_lives) servers.kill(db(2));
      const InstanceKey failed = partner_lives ? db(1) : db(2);
      const InstanceKey heir = partner_lives ? db(2) : db(1);
      const Outcome outcome = run_plan(
          servers, failover({.failed = failed, .designated = heir, .co_master = true}, {}));
      if (!partner_lives) {
        CHECK_FALSE(outcome.error);
        CHECK(servers.writable() == std::vector<InstanceKey>{db(1)});
        continue;
      }
      REQUIRE(outcome.error);
      CHECK(mentions(outcome.error->message, "nothing to fail over"));
      CHECK(servers.changes().empty());
    }
  }
  TEST_CASE("one that an earlier recovery promoted, and that died, is no co-master") {
    FakeServers servers;
    servers.add(following(mysql(1, gtids("1-100")), 2));
    servers.add(writable(following(mysql(2, gtids("1-100")), 1)));
    servers.add(following(mysql(3, gtids("1-100")), 1));
    servers.kill(db(2));
    run_plan(servers, failover({.failed = db(1), .promoted_before = {db(2)}}, {}));
    CHECK(servers.writable() == std::vector<InstanceKey>{db(3)});
  }
  TEST_CASE("what a MariaDB replica wrote that follows all the same is named") {
    for (const bool is_planned : {false, true}) {
      CAPTURE(is_planned);
      FakeServers servers;
      servers.add(writable(mariadb(1, "0-1-100")));
      servers.add(following(mariadb(2, "0-1-100"), 1));
      Instance stray = following(mariadb(3, "0-1-95"), 1);
      stray.gtid.mariadb_binlog_state = "0-3-50,0-1-95";
      servers.add(stray);
      if (!is_planned) servers.kill(db(1));
      const Outcome outcome = is_planned ? take_over(servers, db(2)) : fail_over(servers);
      REQUIRE_MESSAGE(!outcome.error, said(outcome));
      CHECK(outcome.account.promoted == db(2));
      check_below(servers, 3, 2);
      const std::vector<std::string>& notes = outcome.account.notes;
      CHECK(std::count_if(notes.begin(), notes.end(), [](const std::string& note) {
              return note.starts_with("db3:3306 wrote 0-3-50 itself");
            }) == 1);
      CHECK(std::none_of(notes.begin(), notes.end(), [](const std::string& note) {
        return note.starts_with("db2:3306 wrote") || note.starts_with("db1:3306 wrote");
      }));
    }
  }
}
