// Fencing, stray writers, data loss: failovers that must not go on as if nothing were.

#include <algorithm>
#include <utility>

#include <doctest/doctest.h>

#include "core/plan/preview.h"
#include "core/plan/recovery/dead_primary.h"
#include "tests/support/recovery_bench.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

Outcome fail_over_with(FakeServers& servers, const Policy& policy, RunScope scope = {}) {
  return run_plan(servers, failover({db(1), {}, false}, policy), -1, std::move(scope));
}

std::string error_text(const Outcome& outcome) {
  return outcome.error ? outcome.error->message : "no error";
}

}  // namespace

TEST_SUITE("core/plan/recovery/promotion") {
  TEST_CASE("errant transactions of whoever is promoted are told: all others get them now") {
    for (const bool is_mariadb_case : {false, true}) {
      for (const bool errant : {false, true}) {
        for (const bool dead : {false, true}) {
          FakeServers servers;
          is_mariadb_case ? build_mariadb(servers) : build_mysql(servers);
          const std::string own = is_mariadb_case ? "1-2-7" : gtids("1-2", 2);
          if (errant) {
            servers.set(db(2), [&](Instance& i) {
              i.gtid.executed += is_mariadb_case ? "" : "," + own;
              if (!is_mariadb_case) return;
              i.gtid.mariadb_binlog_state = i.gtid.mariadb_slave_pos = "0-1-90," + own;
              i.replication.gtid_io_pos = "0-1-95," + own;
            });
          }
          if (dead) servers.kill(db(1));
          const Outcome outcome = dead ? fail_over(servers, db(2)) : take_over(servers, db(2));
          REQUIRE_MESSAGE(!outcome.error, said(outcome));
          const auto& notes = outcome.account.notes;
          const bool told = std::any_of(notes.begin(), notes.end(), [&](const std::string& note) {
            return mentions(note, "db2:3306 had errant transactions") && note.ends_with(own);
          });
          CHECK(told == errant);
        }
      }
    }
  }

  TEST_CASE("a primary that only says no is up: nobody takes its place") {
    FakeServers servers;
    build_mysql(servers);
    servers.shut_out(db(1));
    const Outcome outcome = fail_over_with(servers, {});
    CHECK(mentions(error_text(outcome), "db1:3306 is up, and could not be made read-only"));
    CHECK(mentions(error_text(outcome), "too many connections"));
    CHECK(servers.writable() == std::vector<InstanceKey>{db(1)});
    check_below(servers, 2, 1);
    check_below(servers, 3, 1);
  }

  TEST_CASE("required: without a fence or a hook that vouches nobody is promoted") {
    Policy policy;
    policy.fencing = Fencing::Required;
    FakeServers servers;
    build_mysql(servers);
    servers.kill(db(1));
    const Outcome outcome = fail_over_with(servers, policy);
    CHECK(mentions(error_text(outcome), "FencingPolicy is required"));
    CHECK(servers.writable().empty());

    policy.has_fence_hooks = true;
    for (const bool vouches : {false, true}) {
      FakeServers hooked;
      build_mysql(hooked);
      hooked.kill(db(1));
      int runs = 0;
      RunScope scope;
      scope.fence_hooks = [&]() -> Result<> {
        ++runs;
        CHECK(hooked.writable().empty());
        if (vouches) return {};
        return fail(ErrorKind::Refused, "the power switch does not answer");
      };
      const Outcome ended = fail_over_with(hooked, policy, scope);
      CHECK(runs == 1);
      CHECK(ended.error.has_value() != vouches);
      CHECK(hooked.writable().size() == (vouches ? 1 : 0));
      if (!vouches) CHECK(mentions(error_text(ended), "the power switch does not answer"));
    }
  }

  TEST_CASE("best effort: a hook that fails is told, and the promotion goes on") {
    Policy policy;
    policy.has_fence_hooks = true;
    FakeServers servers;
    build_mysql(servers);
    servers.kill(db(1));
    RunScope scope;
    scope.fence_hooks = []() -> Result<> {
      return fail(ErrorKind::Refused, "no such switch");
    };
    const Outcome outcome = fail_over_with(servers, policy, scope);
    REQUIRE_FALSE(outcome.error);
    const auto& notes = outcome.account.notes;
    CHECK(std::any_of(notes.begin(), notes.end(),
                      [](const std::string& note) { return mentions(note, "no such switch"); }));
  }

  TEST_CASE("a stray server that takes writes is not taken for the new primary") {
    for (const char* has : {"1-50", "1-100"}) {
      FakeServers servers;
      build_mysql(servers);
      servers.add(writable(mysql(7, gtids(has))));
      servers.kill(db(1));
      const Outcome outcome = fail_over_with(servers, {});
      const bool has_all = std::string(has) == "1-100";
      CHECK(outcome.error.has_value() != has_all);
      if (!has_all) {
        CHECK(mentions(error_text(outcome), "db7:3306 takes writes already"));
        CHECK(mentions(error_text(outcome), "orch forget db7:3306"));
      }
      CHECK(servers.writable() == std::vector<InstanceKey>{db(7)});
    }
  }

  TEST_CASE("refuse: more than so many lost transactions are not accepted") {
    for (const std::uint64_t accepted : {0U, 1U}) {
      Policy policy;
      policy.refuses_data_loss = true;
      policy.data_loss_max = accepted;
      FakeServers servers;
      build_mysql(servers);  // db1 is known to have had one more than anybody received
      servers.kill(db(1));
      const Outcome outcome = fail_over_with(servers, policy);
      CHECK(outcome.error.has_value() == (accepted == 0));
      if (accepted == 0) {
        CHECK(mentions(error_text(outcome), "would lose 1 transaction (" + gtids("100") + ")"));
        CHECK(servers.writable().empty());
        CHECK(is_replica(servers.at(db(3))));
      }
    }
  }

  TEST_CASE("what silent replicas alone may have acknowledged is a loss that is not known") {
    struct Case {
      unsigned needed;
      std::vector<int> silent;
      bool acknowledging;
      int gone_for;  // seconds, when the primary was seen last
      bool known;
    };
    const TimePoint seen{std::chrono::hours(1000)};
    for (const Case& one : {Case{1, {2}, true, 0, false}, Case{1, {2}, true, 3600, true},
                            Case{1, {2}, false, 0, true}, Case{1, {}, true, 0, true},
                            Case{2, {2}, true, 0, true}, Case{2, {2, 4}, true, 0, false}}) {
      for (const bool refuses : {false, true}) {
        FakeServers servers;
        for (const int number : {1, 2, 3, 4}) {
          Instance server = mysql(number, gtids("1-100"));
          server.semi_sync.available = true;
          server.semi_sync.source_enabled = number == 1;
          server.semi_sync.source_wait_for_replica_count = one.needed;
          server.semi_sync.replica_enabled = number > 1 && one.acknowledging;
          server.freshness.last_seen = seen;
          if (number > 1) server.freshness.last_seen = seen - std::chrono::seconds(one.gone_for);
          servers.add(number == 1 ? writable(server) : following(server, 1));
        }
        servers.kill(db(1));
        for (const int number : one.silent)
          servers.kill(db(number));
        Policy policy;
        policy.refuses_data_loss = refuses;
        const Outcome outcome = fail_over_with(servers, policy);
        CHECK(outcome.error.has_value() == (refuses && !one.known));
        const std::string text =
            outcome.error ? error_text(outcome) : outcome.account.lost_transactions;
        CAPTURE(text);
        CHECK(servers.writable().size() == (outcome.error ? 0 : 1));
        CHECK(mentions(text, "unknown: db2:3306") != one.known);
        CHECK(mentions(text, one.silent.size() > 1
                                 ? "db2:3306, db4:3306 acknowledge commits and are silent"
                                 : "db2:3306 acknowledges commits and is silent: what it alone "
                                   "has received is unknown") != one.known);
      }
    }
  }

  TEST_CASE(
      "MariaDB: own later writes neither hide unapplied rows nor make a replica advanced "
      "(REF-20)") {
    FakeServers servers;
    servers.add(writable(mariadb(1, "0-1-100")));
    servers.add(following(mariadb(2, "0-1-90"), 1, "0-1-100"));
    servers.add(following(mariadb(3, "0-1-95"), 1));
    servers.set(db(3), [](Instance& i) { i.gtid.mariadb_binlog_state = "0-1-95,0-3-200"; });
    servers.set(db(2), [](Instance& i) { i.gtid.mariadb_binlog_state = "0-1-90,0-2-150"; });
    servers.kill(db(1));
    const Outcome outcome = fail_over_with(servers, {});
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.account.promoted == db(2));
    CHECK(mentions(to_string(executed_position(servers.at(db(2)))), "0-1-100"));
    CHECK(because(outcome, 3) != "not lost");
  }

  TEST_CASE("MariaDB: what both stopped threads would discard is named as lost") {
    FakeServers servers;
    build_mariadb(servers);
    servers.set(db(3), [](Instance& i) {
      i.replication.io_state = i.replication.sql_state = ThreadState::Stopped;
    });
    servers.kill(db(1));
    const Outcome outcome = fail_over_with(servers, {});
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.account.promoted == db(2));
    CHECK(mentions(outcome.account.lost_transactions, "0-1-99) that db3:3306 has received"));
    CHECK(is_replica(servers.at(db(3))));
  }

  TEST_CASE("MariaDB: a broken applier's receiver is left alone, so that nothing is discarded") {
    FakeServers servers;
    servers.add(writable(mariadb(1, "0-1-100")));
    servers.add(following(mariadb(2, "0-1-90"), 1, "0-1-100"));
    servers.set(db(2), [](Instance& i) {
      i.replication.sql_state = ThreadState::Stopped;
      i.replication.last_sql_error = "duplicate entry";
    });
    servers.kill(db(1));
    Policy policy;
    policy.refuses_data_loss = true;
    CHECK(fail_over_with(servers, policy).error);
    CHECK(servers.changes().empty());
    CHECK(servers.at(db(2)).replication.io_state != ThreadState::Stopped);
    CHECK(servers.at(db(2)).replication.gtid_io_pos == "0-1-100");
  }

  TEST_CASE("MariaDB: the best replica, given up as its applier hangs, is left as it is") {
    FakeServers servers;
    build_mariadb(servers);
    servers.freeze_applier(db(3));
    servers.kill(db(1));
    const Outcome outcome = fail_over_with(servers, {});
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.account.promoted == db(2));
    CHECK(mentions(because(outcome, 3), "0-1-99"));
    CHECK(servers.at(db(3)).replication.sql_state == ThreadState::Running);
    CHECK(servers.at(db(3)).replication.gtid_io_pos == "0-1-99");
  }

  TEST_CASE("a replica that takes writes is made read-only: one server takes writes") {
    for (const bool dies : {true, false}) {
      FakeServers servers;
      build_mysql(servers);
      servers.set(db(4), [](Instance& i) { i.server.read_only = false; });
      if (dies) servers.kill(db(1));
      const Outcome outcome =
          dies ? fail_over_with(servers, {})
               : run_plan(servers, takeover({db(1), db(3), true, true}, Policy{}), -1, {});
      REQUIRE_FALSE(outcome.error);
      CHECK(servers.writable() == std::vector<InstanceKey>{db(3)});
      check_below(servers, 4, 3);
    }
  }

  TEST_CASE("a preview of a living primary's failover shows the whole plan") {
    FakeServers servers;
    build_mysql(servers);
    const Preview plan = preview(failover({db(1), {}, false}, Policy{}), servers.records());
    REQUIRE(std::holds_alternative<Done>(plan.end));
    CHECK(std::get<Done>(plan.end).account.promoted.has_value());
    CHECK(std::get<Done>(plan.end).account.lost_transactions == "nothing");
  }

  TEST_CASE("what the old primary wrote past its fence is named") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    servers.add(following(mysql(2, gtids("1-100")), 1));
    servers.write_on_promotion(db(1), gtids("1-103"));
    const Outcome outcome =
        run_plan(servers, takeover({db(1), db(2), true, true}, Policy{}), -1, {});
    REQUIRE_FALSE(outcome.error);
    CHECK(mentions(outcome.account.lost_transactions, gtids("101-103")));
    CHECK(outcome.account.two_took_writes);
  }

  TEST_CASE("whom somebody else promotes meanwhile is seen: before, and at the latest after") {
    for (const bool before : {true, false}) {
      FakeServers servers;
      build_mysql(servers);
      servers.kill(db(1));
      const std::string_view when =
          before ? "see that nobody else takes writes" : "see that one server takes writes";
      const Planner plan = failover({db(1), {}}, Policy{});
      const Planner watched = [&](const Progress& so_far, const Topology& fresh) {
        Decision decision = plan(so_far, fresh);
        const Run* run = std::get_if<Run>(&decision);
        if (run != nullptr && run->steps.front().why == when) {
          servers.set(db(5), [](Instance& instance) { instance.replication = {}; });
          servers.set(db(5), [](Instance& instance) { instance.server.read_only = false; });
        }
        return decision;
      };
      const Outcome outcome = run_plan(servers, watched);
      CHECK(outcome.error.has_value() == before);
      if (before) {
        CHECK(mentions(outcome.error->message, "db5:3306 takes writes already"));
        CHECK(servers.writable() == std::vector<InstanceKey>{db(5)});
      } else {
        CHECK(outcome.account.two_took_writes);
        REQUIRE_FALSE(outcome.account.notes.empty());
        CHECK(mentions(outcome.account.notes.front(), "db5:3306 takes writes as well as db3:3306"));
      }
    }
  }

  TEST_CASE("one that hangs before the promotion is not waited for, and follows when it is back") {
    for (const bool dies : {true, false}) {
      CAPTURE(dies);
      FakeServers servers;
      build_mysql(servers);
      if (dies) servers.kill(db(1));
      const Planner plan =
          dies ? failover({db(1), {}}, Policy{}) : takeover({db(1), db(3), true, true}, Policy{});
      bool looked = false;
      const Planner watched = [&](const Progress& so_far, const Topology& fresh) {
        Decision decision = plan(so_far, fresh);
        const Run* run = std::get_if<Run>(&decision);
        if (run == nullptr) return decision;
        const std::string& why = run->steps.front().why;
        if (why == "it did not answer at once") servers.revive(db(4));
        if (why != "see that nobody else takes writes") return decision;
        servers.kill(db(4));
        for (const Step& step : run->steps) {
          const bool waits = step.server == db(1) || step.server == db(3);
          CHECK(step.limit.has_value() != waits);
        }
        looked = true;
        return decision;
      };
      const Outcome outcome = run_plan(servers, watched);
      REQUIRE_FALSE(outcome.error);
      CHECK(looked);
      CHECK(outcome.account.lost.empty());
      check_below(servers, 2, 3);
      check_below(servers, 4, 3);
      check_below(servers, 5, 4);
    }
  }

  TEST_CASE("one that hangs from the beginning follows as soon as it answers, with all it holds") {
    for (const bool is_mariadb_case : {false, true}) {
      CAPTURE(is_mariadb_case);
      for (const int silent : {2, 4}) {
        CAPTURE(silent);
        FakeServers servers;
        is_mariadb_case ? build_mariadb(servers) : build_mysql(servers);
        servers.kill(db(1));
        servers.hang(db(silent), 4);
        const Outcome outcome = fail_over(servers);
        REQUIRE_FALSE(outcome.error);
        CHECK(outcome.account.promoted == db(3));
        CHECK(outcome.account.lost.empty());
        check_below(servers, 2, 3);
        check_below(servers, 4, 3);
        check_below(servers, 5, silent == 4 ? 3 : 4);
        CHECK(to_string(executed_position(servers.at(db(silent)))) ==
              (is_mariadb_case ? "0-1-99" : gtids("1-99")));
        CHECK(servers.writable() == std::vector<InstanceKey>{db(3)});
      }
    }
  }

  TEST_CASE("one that answers late is not moved when it has what the new primary lacks") {
    FakeServers servers;
    build_mysql(servers);
    servers.add(following(mysql(4, gtids("1-90") + "," + gtids("1-2", 4)), 1, gtids("1-100")));
    servers.add(following(mysql(2, gtids("1-90")), 1, gtids("1-100")));
    servers.kill(db(1));
    servers.hang(db(2), 4);
    servers.hang(db(4), 4);
    const Outcome outcome = fail_over(servers);
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.account.promoted == db(3));
    CHECK(mentions(because(outcome, 4), "that db3:3306 lacks"));
    CHECK(mentions(because(outcome, 2), "that db3:3306 lacks"));
    CHECK(servers.at(db(2)).gtid.executed == gtids("1-100"));
  }

  TEST_CASE("who hangs on is waited for once and not long; who is gone, not at all") {
    for (const bool hangs : {false, true}) {
      CAPTURE(hangs);
      FakeServers servers;
      build_mysql(servers);
      servers.kill(db(1));
      hangs ? servers.hang(db(4)) : servers.kill(db(4));
      std::int64_t waited = 0;
      const Planner plan = failover({db(1), {}}, Policy{});
      const Outcome outcome = run_plan(servers, plan);
      REQUIRE_FALSE(outcome.error);
      for (const StepResult& result : outcome.steps) {
        if (result.step.server != db(4)) continue;
        REQUIRE(waits_for<CanBeRead>(result.step.action));
        CHECK(mentions(result.error.value_or(Error{}).message, hangs ? "waited 3s" : "refused"));
        ++waited;
      }
      CHECK(waited == 1);
      CHECK(because(outcome, 4) != "not lost");
      check_below(servers, 2, 3);
      check_below(servers, 5, 3);
    }
  }

  TEST_CASE("where somebody gathers it later, nothing waits for one that hangs") {
    FakeServers servers;
    build_mysql(servers);
    servers.kill(db(1));
    servers.hang(db(4));
    Policy policy;
    policy.silent_wait = {};
    const Outcome outcome = run_plan(servers, failover({db(1), {}}, policy));
    REQUIRE_FALSE(outcome.error);
    for (const StepResult& result : outcome.steps)
      CHECK_FALSE(waits_for<CanBeRead>(result.step.action));
    CHECK(because(outcome, 4) != "not lost");
  }

  TEST_CASE("a new primary that hangs for a moment is waited for") {
    for (const bool dies : {true, false}) {
      CAPTURE(dies);
      FakeServers servers;
      build_mysql(servers);
      if (dies) servers.kill(db(1));
      const Planner plan =
          dies ? failover({db(1), {}}, Policy{}) : takeover({db(1), db(3), true, true}, Policy{});
      bool hung = false;
      const Planner watched = [&](const Progress& so_far, const Topology& fresh) {
        if (is_past_return(so_far) && !so_far.steps.empty() && !std::exchange(hung, true)) {
          servers.hang(db(3), 3);
          return Decision{
              Run{{{db(3), Reprobe{}, "as the network loses packets", {}, false, {}}}, {}}};
        }
        return plan(so_far, fresh);
      };
      const Outcome outcome = run_plan(servers, watched);
      REQUIRE_FALSE(outcome.error);
      CHECK(outcome.account.promoted == db(3));
      check_below(servers, 2, 3);
      check_below(servers, 4, 3);
    }
  }

  TEST_CASE("a replica that is slow at the last look still counts as one that acknowledges") {
    FakeServers servers;
    build_mysql(servers);
    servers.set(db(1), [](Instance& i) {
      i.semi_sync.source_enabled = true;
      i.semi_sync.source_wait_for_replica_count = 1;
    });
    for (const int number : {3, 4}) {
      servers.set(db(number), [](Instance& i) {
        i.semi_sync.available = true;
        i.semi_sync.replica_enabled = true;
        i.semi_sync.source_wait_for_replica_count = 1;
      });
    }
    servers.kill(db(1));
    const Planner plan = failover({db(1), {}}, Policy{});
    const Planner watched = [&](const Progress& so_far, const Topology& fresh) {
      Decision decision = plan(so_far, fresh);
      const Run* run = std::get_if<Run>(&decision);
      if (run == nullptr) return decision;
      if (run->steps.front().why == "see that nobody else takes writes") servers.kill(db(4));
      if (run->steps.front().why == "it did not answer at once") servers.revive(db(4));
      return decision;
    };
    REQUIRE_FALSE(run_plan(servers, watched).error);
    CHECK(servers.at(db(3)).semi_sync.source_enabled);
  }

  TEST_CASE("a sibling that does not stop is given up soon: hooks wait until all are moved") {
    FakeServers servers;
    build_mysql(servers);
    servers.kill(db(1));
    const Outcome outcome = run_plan(servers, failover({db(1), {}}, Policy{}));
    REQUIRE_FALSE(outcome.error);
    for (const StepResult& result : outcome.steps) {
      const Step& step = result.step;
      if (step.server == db(3) || !is_change<StopReplication>(step.action)) continue;
      CHECK(step.limit.value_or(std::chrono::minutes(1)) <= std::chrono::seconds(10));
    }
  }

  TEST_CASE("an old primary that comes back meanwhile is made read-only: before, and after") {
    for (const bool before : {true, false}) {
      FakeServers servers;
      build_mysql(servers);
      // It is waited for, and the old primary has the time to come back.
      servers.set(db(3), [](Instance& i) { i.replication.sql_state = ThreadState::Stopped; });
      servers.kill(db(1));
      const std::string_view when =
          before ? "see that nobody else takes writes" : "see that one server takes writes";
      const Planner plan = failover({db(1), {}}, Policy{});
      const Planner watched = [&](const Progress& so_far, const Topology& fresh) {
        Decision decision = plan(so_far, fresh);
        const Run* run = std::get_if<Run>(&decision);
        if (run != nullptr && run->steps.front().why == when) servers.revive(db(1));
        return decision;
      };
      const Outcome outcome = run_plan(servers, watched);
      REQUIRE_MESSAGE(!outcome.error, error_text(outcome));
      CHECK(servers.writable() == std::vector<InstanceKey>{db(3)});
      const auto& notes = outcome.account.notes;
      CHECK(std::find(notes.begin(), notes.end(), "db1:3306 is left read-only") != notes.end());
      // One that is fenced in time hands over all that it has.
      const bool has_all = servers.at(db(3)).gtid.executed == servers.at(db(1)).gtid.executed;
      CHECK(has_all == before);
    }
  }

  TEST_CASE("a replica with filters is promoted last, and nothing is fetched from it") {
    FakeServers servers;
    build_mysql(servers);
    servers.set(db(3), [](Instance& i) { i.replication.has_filters = true; });
    servers.kill(db(1));
    const Outcome outcome = fail_over_with(servers, {});
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.account.promoted == db(2));
    CHECK(mentions(outcome.account.lost_transactions, "db3:3306 has received"));
  }

  TEST_CASE("cut off between writable and forgetting the source, the next run finishes it") {
    FakeServers servers;
    build_mysql(servers);
    servers.kill(db(1));
    servers.refuse(db(3), Change{ResetReplication{}}.index(), 5);
    Outcome outcome = fail_over_with(servers, {});
    REQUIRE_MESSAGE(!outcome.error, error_text(outcome));
    CHECK(outcome.account.promoted == db(3));
    const auto& notes = outcome.account.notes;
    CHECK(std::any_of(notes.begin(), notes.end(), [](const std::string& note) {
      return mentions(note, "still knows db1:3306 as its source");
    }));
    check_below(servers, 2, 3);

    servers.refuse(db(3), Change{ResetReplication{}}.index(), 0);
    RunScope scope;
    scope.earlier = outcome.facts;
    outcome = fail_over_with(servers, {}, scope);
    REQUIRE_FALSE(outcome.error);
    CHECK_FALSE(is_replica(servers.at(db(3))));
    CHECK(servers.writable() == std::vector<InstanceKey>{db(3)});
  }

  TEST_CASE("a dead co-master's partner takes its place and follows nobody (REC-32)") {
    FakeServers servers;
    servers.add(writable(following(mysql(1, gtids("1-100")), 2)));
    servers.add(following(mysql(2, gtids("1-90")), 1, gtids("1-95")));
    servers.add(following(mysql(3, gtids("1-99")), 1));
    servers.add(following(mysql(4, gtids("1-90")), 2));
    servers.kill(db(1));
    const Outcome outcome =
        run_plan(servers, failover({db(1), db(2), true}, Policy{}), -1, RunScope{});
    REQUIRE_MESSAGE(!outcome.error, error_text(outcome));
    CHECK(servers.writable() == std::vector<InstanceKey>{db(2)});
    CHECK_FALSE(is_replica(servers.at(db(2))));
    CHECK(to_string(executed_position(servers.at(db(2)))) == gtids("1-99"));
    check_below(servers, 3, 2);
    check_below(servers, 4, 2);
  }

  TEST_CASE("what a living co-master wrote is nothing errant when the other one dies") {
    FakeServers servers;
    servers.add(writable(following(mysql(1, gtids("1-95")), 2)));
    servers.add(following(mysql(2, gtids("1-90")), 1));
    servers.kill(db(2));
    const Outcome outcome = run_plan(servers, failover({db(2), db(1), true}, Policy{}));
    for (const std::string& note : outcome.account.notes)
      CHECK_FALSE(mentions(note, "errant"));
  }

  TEST_CASE("an old primary that follows the promoted one already keeps nobody from being moved") {
    FakeServers servers;
    build_mysql(servers);
    Outcome outcome = take_over(servers, db(2));
    REQUIRE_FALSE(outcome.error);
    servers.set(db(3), [](Instance& i) { i.replication.source = db(1); });
    RunScope scope;
    scope.earlier = outcome.facts;
    outcome = fail_over_with(servers, {}, scope);
    REQUIRE_MESSAGE(!outcome.error, error_text(outcome));
    check_below(servers, 3, 2);
    check_below(servers, 1, 2);
  }
}
