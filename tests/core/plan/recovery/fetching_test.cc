// What the server to be promoted fetches from others.

#include "core/plan/recovery/fetching.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "tests/support/recovery_bench.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

/// Its applier stopped at an error.
Instance broken(Instance instance) {
  instance.replication.sql_state = ThreadState::Stopped;
  instance.replication.sql_running = false;
  instance.replication.last_sql_error = "duplicate entry";
  return instance;
}

/// db1 is dead; db2, whose applier is broken, has applied and received more than db3 has.
void build_broken(FakeServers& servers, bool is_mariadb_case) {
  if (is_mariadb_case) {
    servers.add(writable(mariadb(1, "0-1-100")));
    servers.add(broken(following(mariadb(2, "0-1-95"), 1, "0-1-99")));
    servers.add(following(mariadb(3, "0-1-90"), 1));
  } else {
    servers.add(writable(mysql(1, gtids("1-100"))));
    servers.add(broken(following(mysql(2, gtids("1-95")), 1, gtids("1-99"))));
    servers.add(following(mysql(3, gtids("1-90")), 1));
  }
  servers.kill(db(1));
}

/// All up to there, below db<source>.
Instance up_to(int end, int number, int source, bool is_mariadb_case) {
  const std::string last = std::to_string(end);
  return is_mariadb_case ? following(mariadb(number, "0-1-" + last), source)
                         : following(mysql(number, gtids("1-" + last)), source);
}

/// db1 and db2 below it are dead; db3, below db2, may not be promoted; db4 has all up to 40.
void build_below_dead(FakeServers& servers, Instance third, bool is_mariadb_case) {
  servers.add(writable(is_mariadb_case ? mariadb(1, "0-1-100") : mysql(1, gtids("1-100"))));
  servers.add(up_to(100, 2, 1, is_mariadb_case));
  third.promotion_rule = PromotionRule::MustNot;
  servers.add(third);
  servers.add(up_to(40, 4, 1, is_mariadb_case));
  servers.kill(db(1));
  servers.kill(db(2));
}

void check_fourth_has_99(FakeServers& servers, bool is_mariadb_case) {
  const Outcome outcome = fail_over(servers);
  REQUIRE(said(outcome).empty());
  CHECK(outcome.account.promoted == db(4));
  CHECK(to_string(executed_position(servers.at(db(4)))) ==
        (is_mariadb_case ? "0-1-99" : gtids("1-99")));
}

}  // namespace

TEST_SUITE("core/plan/recovery/fetching") {
  TEST_CASE("what a broken applier did apply is fetched, and what it keeps back is told") {
    for (const bool is_mariadb_case : {false, true}) {
      CAPTURE(is_mariadb_case);
      FakeServers servers;
      build_broken(servers, is_mariadb_case);
      const Outcome outcome = fail_over(servers);
      REQUIRE(said(outcome).empty());
      CHECK(outcome.account.promoted == db(3));
      CHECK(to_string(executed_position(servers.at(db(3)))) ==
            (is_mariadb_case ? "0-1-95" : gtids("1-95")));
      CHECK(mentions(outcome.account.lost_transactions,
                     is_mariadb_case ? "0-1-99) that db2:3306 has received"
                                     : gtids("96-99") + ") that db2:3306 has received"));
    }
  }

  TEST_CASE("who can give less than another received, but more than that one applied, is asked") {
    FakeServers servers;
    build_broken(servers, false);
    servers.add(following(mysql(4, gtids("1-96")), 1, gtids("1-97")));
    servers.set(db(4), [](Instance& i) { i.promotion_rule = PromotionRule::MustNot; });
    const Outcome outcome = fail_over(servers);
    REQUIRE(said(outcome).empty());
    CHECK(outcome.account.promoted == db(3));
    CHECK(to_string(executed_position(servers.at(db(3)))) == gtids("1-97"));
  }

  TEST_CASE("who is named is not promoted without what a broken applier keeps back") {
    FakeServers servers;
    build_broken(servers, false);
    const Outcome outcome = fail_over(servers, db(3));
    CHECK(mentions(said(outcome), "that it lacks and cannot fetch: its applier stopped"));
    CHECK(servers.writable().empty());
  }

  TEST_CASE("errant transactions of whom the winner fetches from are named") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    servers.add(following(mysql(2, gtids("1-95")), 1, gtids("1-95")));
    Instance ahead = following(mysql(3, gtids("1-99")), 1, gtids("1-99"));
    const std::string own = ahead.server.uuid + ":1-2";
    ahead.gtid.executed += "," + own;
    ahead.promotion_rule = PromotionRule::MustNot;
    servers.add(ahead);
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    REQUIRE(said(outcome).empty());
    CHECK(outcome.account.promoted == db(2));
    const std::vector<std::string>& notes = outcome.account.notes;
    CHECK(std::find(notes.begin(), notes.end(),
                    "db3:3306 had errant transactions, and db2:3306, which fetched from it, has "
                    "them now: " +
                        own) != notes.end());
  }

  TEST_CASE("nothing is fetched from a replica of several sources, nor counted what is not ours") {
    for (const bool is_mariadb_case : {false, true}) {
      for (const bool is_ahead : {false, true}) {
        CAPTURE(is_mariadb_case);
        CAPTURE(is_ahead);
        const std::string other = "0b000000-0000-0000-0000-000000000009:1-7";
        FakeServers servers;
        Instance several;
        if (is_mariadb_case) {
          servers.add(writable(mariadb(1, "0-1-100")));
          servers.add(following(mariadb(2, "0-1-95"), 1));
          several = following(mariadb(3, is_ahead ? "0-1-99,9-77-7" : "0-1-95,9-77-7"), 1);
        } else {
          servers.add(writable(mysql(1, gtids("1-100"))));
          servers.add(following(mysql(2, gtids("1-95")), 1));
          several = following(mysql(3, gtids(is_ahead ? "1-99" : "1-95") + "," + other), 1);
        }
        several.replication.channels = 2;
        servers.add(several);
        servers.kill(db(1));
        const Outcome outcome = fail_over(servers);
        REQUIRE(said(outcome).empty());
        CHECK(outcome.account.promoted == db(2));
        CHECK(to_string(executed_position(servers.at(db(2)))) ==
              (is_mariadb_case ? "0-1-95" : gtids("1-95")));
        const std::string& lost = outcome.account.lost_transactions;
        CHECK(mentions(lost, "that db3:3306 has received") == is_ahead);
        CHECK_FALSE(mentions(lost, is_mariadb_case ? "9-77-7" : other));
      }
    }
  }

  TEST_CASE("rows are fetched from a server that logs rows by one that logs them when it must") {
    for (const bool mixed : {true, false}) {
      FakeServers servers;
      servers.add(writable(mysql(1, gtids("1-100"))));
      for (const int number : {2, 3, 4})
        servers.add(following(mysql(number, gtids(number == 2 ? "1-99" : "1-95")), 1));
      for (const int number : {1, 3, 4}) {
        servers.set(db(number),
                    [&](Instance& i) { i.server.binlog_format = mixed ? "MIXED" : "STATEMENT"; });
      }
      servers.kill(db(1));
      const Outcome outcome = fail_over(servers);
      REQUIRE(said(outcome).empty());
      CHECK(outcome.account.promoted == db(3));
      CHECK(to_string(executed_position(servers.at(db(3)))) == gtids(mixed ? "1-99" : "1-95"));
      if (mixed) check_below(servers, 2, 3);
      CHECK(mentions(outcome.account.lost_transactions, "that db2:3306 has received") != mixed);
    }
  }

  TEST_CASE("what only a replica of a dead intermediate master holds is fetched from it") {
    for (const bool is_mariadb_case : {false, true}) {
      CAPTURE(is_mariadb_case);
      FakeServers servers;
      build_below_dead(servers, up_to(99, 3, 2, is_mariadb_case), is_mariadb_case);
      check_fourth_has_99(servers, is_mariadb_case);
      check_below(servers, 3, 4);
    }
  }

  TEST_CASE("one that cannot apply what it fetched is promoted without it, and that is named") {
    for (const bool is_designated : {false, true}) {
      CAPTURE(is_designated);
      FakeServers servers;
      servers.add(writable(mysql(1, gtids("1-100"))));
      for (const int number : {2, 3, 4})
        servers.add(following(mysql(number, gtids(number == 4 ? "1-99" : "1-95")), 1));
      servers.set(db(4), [](Instance& i) {
        i.promotion_rule = PromotionRule::MustNot;
        i.gtid.executed += "," + i.server.uuid + ":1";
      });
      servers.stops_at = [](const InstanceKey&, const InstanceKey& source) {
        return source == db(4) ? "table exists" : "";
      };
      servers.kill(db(1));
      const Outcome outcome = is_designated ? fail_over(servers, db(3)) : fail_over(servers);
      CHECK(servers.at(db(2)).replication.last_sql_error.empty());
      CHECK(servers.at(db(3)).replication.last_sql_error.empty());
      if (is_designated) {
        CHECK(mentions(said(outcome), "its applier stopped: table exists"));
        CHECK(servers.at(db(3)).replication.source == db(1));
        CHECK(runs(servers.at(db(3)).replication.sql_state));
        CHECK(servers.writable().empty());
        continue;
      }
      REQUIRE(said(outcome).empty());
      CHECK(outcome.account.promoted == db(3));
      check_below(servers, 2, 3);
      CHECK(mentions(outcome.account.lost_transactions, gtids("96-99")));
      CHECK(mentions(outcome.account.lost_transactions, "that db4:3306 has received"));
      for (const std::string& note : outcome.account.notes)
        CHECK_FALSE(mentions(note, "errant"));
    }
  }

  TEST_CASE("one that cannot fetch gives way to one that can, and asks those who have less, too") {
    const auto build = [](FakeServers& servers) {
      servers.add(writable(mysql(1, gtids("1-100"))));
      for (const auto& [number, set] :
           {std::pair(2, "1-95"), {3, "1-95"}, {4, "1-99"}, {5, "1-97"}})
        servers.add(following(mysql(number, gtids(set)), 1));
      for (const int number : {4, 5})
        servers.set(db(number), [](Instance& i) { i.promotion_rule = PromotionRule::MustNot; });
      servers.kill(db(1));
    };
    FakeServers drifted;  // db2 alone cannot apply what comes
    build(drifted);
    drifted.stops_at = [](const InstanceKey& server, const InstanceKey& source) {
      return server == db(2) && source != db(3) ? "duplicate key" : "";
    };
    Outcome outcome = fail_over(drifted);
    REQUIRE(said(outcome).empty());
    CHECK(outcome.account.promoted == db(3));
    CHECK(to_string(executed_position(drifted.at(db(3)))) == gtids("1-99"));
    CHECK(drifted.at(db(2)).replication.last_sql_error.empty());

    FakeServers filtering;  // of db4 nothing is taken
    build(filtering);
    filtering.set(db(4), [](Instance& i) { i.replication.has_filters = true; });
    outcome = fail_over(filtering);
    REQUIRE(said(outcome).empty());
    CHECK(outcome.account.promoted == db(2));
    CHECK(to_string(executed_position(filtering.at(db(2)))) == gtids("1-97"));
    CHECK(mentions(outcome.account.lost_transactions, gtids("98-99") + ") that db4:3306"));

    for (const bool all : {false, true}) {  // of db4 only if db2 is no better
      FakeServers skipping;
      build(skipping);
      for (const int number : {2, 3, 4, 5}) {
        skipping.set(db(number), [&](Instance& i) { i.server.skips_errors = all || number == 4; });
      }
      outcome = fail_over(skipping);
      REQUIRE(said(outcome).empty());
      CHECK(outcome.account.promoted == db(2));
      CHECK(to_string(executed_position(skipping.at(db(2)))) == gtids(all ? "1-99" : "1-97"));
      CHECK(mentions(outcome.account.lost_transactions, "skips errors") == all);
    }

    FakeServers logs_part;  // from db4 the transactions would come, and not their rows
    build(logs_part);
    logs_part.set(db(4), [](Instance& i) { i.server.filters_binlog = true; });
    outcome = fail_over(logs_part);
    REQUIRE(said(outcome).empty());
    CHECK(to_string(executed_position(logs_part.at(db(2)))) == gtids("1-97"));
    CHECK(mentions(outcome.account.lost_transactions, gtids("98-99") + ") that db4:3306"));
  }

  TEST_CASE("a link that was there before is not taken for a fetch") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    servers.add(following(mysql(2, gtids("1-99")), 1));
    servers.add(following(mysql(3, gtids("1-90")), 2));
    servers.freeze_applier(db(3));  // what it follows from the start comes to nothing
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers, db(3));
    CHECK_FALSE(said(outcome).empty());
    CHECK(servers.at(db(3)).replication.source == db(2));
  }

  TEST_CASE("a fetch that was cut off and cannot be applied is undone by the next run") {
    for (int changes = 1; changes < 12; ++changes) {
      CAPTURE(changes);
      FakeServers servers;
      servers.add(writable(mysql(1, gtids("1-100"))));
      servers.add(following(mysql(2, gtids("1-95")), 1));
      servers.add(following(mysql(3, gtids("1-99")), 1));
      servers.set(db(3), [](Instance& i) { i.promotion_rule = PromotionRule::MustNot; });
      servers.stops_at = [](const InstanceKey&, const InstanceKey& source) {
        return source == db(3) ? "duplicate key" : "";
      };
      servers.kill(db(1));
      const Outcome cut = fail_over(servers, {}, changes);
      RunScope scope;
      scope.earlier = cut.facts;
      const Outcome outcome = run_plan(servers, failover({db(1), {}}, Policy{}), -1, scope);
      REQUIRE(said(outcome).empty());
      CHECK(servers.writable() == std::vector<InstanceKey>{db(2)});
    }
  }

  TEST_CASE("one that cannot be stopped after a fetch in vain gives way to another") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    for (const int number : {2, 3, 4})
      servers.add(following(mysql(number, gtids(number == 4 ? "1-99" : "1-95")), 1));
    servers.set(db(4), [](Instance& i) { i.promotion_rule = PromotionRule::MustNot; });
    servers.stops_at = [](const InstanceKey& server, const InstanceKey& source) {
      return server == db(2) && source == db(4) ? "locked" : "";
    };
    servers.cannot_stop_broken = {db(2)};
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    REQUIRE(said(outcome).empty());
    CHECK(outcome.account.promoted == db(3));
    CHECK(to_string(executed_position(servers.at(db(3)))) == gtids("1-99"));
  }

  TEST_CASE("what a delay holds back below a dead intermediate master is fetched, too") {
    for (const bool is_mariadb_case : {false, true}) {
      CAPTURE(is_mariadb_case);
      FakeServers servers;
      Instance late = is_mariadb_case ? following(mariadb(3, "0-1-40"), 2, "0-1-99")
                                      : following(mysql(3, gtids("1-40")), 2, gtids("1-99"));
      late.replication.sql_delay = std::chrono::seconds(600);
      late.replication.exec = {"bin.000001", 1000, BinlogType::Binary};
      late.replication.read = {"bin.000001", 2000, BinlogType::Binary};
      late.replication.relay = {"relay.000002", 300, BinlogType::Relay};
      build_below_dead(servers, late, is_mariadb_case);
      check_fourth_has_99(servers, is_mariadb_case);
      CHECK(servers.at(db(3)).replication.sql_delay == std::chrono::seconds(600));
    }
  }

  TEST_CASE("one that is at work on what it fetched is not put back") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    servers.add(following(mysql(2, gtids("1-95")), 1));
    servers.add(following(mysql(3, gtids("1-99")), 1));
    servers.set(db(3), [](Instance& i) { i.promotion_rule = PromotionRule::MustNot; });
    servers.freeze_applier(db(2));
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    CHECK_FALSE(said(outcome).empty());
    CHECK(did(servers, "db2:3306 replicate from db3:3306"));
    CHECK_FALSE(did(servers, "db2:3306 replicate from db1:3306"));
    const auto& steps = outcome.steps;
    CHECK(std::any_of(steps.begin(), steps.end(), [](const StepResult& result) {
      return result.step.server == db(2) && waits_for<AppliedReceived>(result.step.action);
    }));
  }

  TEST_CASE("whom the winner follows applies all that it received before the winner is promoted") {
    for (const bool is_mariadb_case : {false, true}) {
      for (const bool named : {false, true}) {
        for (const bool delayed : {false, true}) {
          CAPTURE(is_mariadb_case);
          CAPTURE(named);
          CAPTURE(delayed);
          FakeServers servers;
          servers.add(writable(is_mariadb_case ? mariadb(1, "0-1-100") : mysql(1, gtids("1-100"))));
          Instance slow = is_mariadb_case ? following(mariadb(2, "0-1-40"), 1, "0-1-99")
                                          : following(mysql(2, gtids("1-40")), 1, gtids("1-99"));
          if (!named) slow.promotion_rule = PromotionRule::MustNot;
          if (delayed) slow.replication.sql_delay = std::chrono::hours(1);
          slow.replication.exec = {"bin.000001", 1000, BinlogType::Binary};
          slow.replication.read = {"bin.000001", 2000, BinlogType::Binary};
          slow.replication.relay = {"relay.000002", 300, BinlogType::Relay};
          servers.add(slow);
          if (named) servers.add(up_to(40, 3, 2, is_mariadb_case));
          servers.add(up_to(40, 4, named ? 3 : 2, is_mariadb_case));
          servers.kill(db(1));
          const Outcome outcome = named ? fail_over(servers, db(4)) : fail_over(servers);
          REQUIRE(said(outcome) == "");
          CHECK(outcome.account.promoted == db(4));
          CHECK(to_string(executed_position(servers.at(db(4)))) ==
                (is_mariadb_case ? "0-1-99" : gtids("1-99")));
          CHECK(outcome.account.lost_transactions.find("db2") == std::string::npos);
        }
      }
    }
  }

  TEST_CASE("what a failed server that lives has comes to the winner by way of others, too") {
    for (const bool is_mariadb_case : {false, true}) {
      CAPTURE(is_mariadb_case);
      FakeServers servers;
      servers.add(writable(is_mariadb_case ? mariadb(1, "0-1-100") : mysql(1, gtids("1-100"))));
      servers.add(up_to(40, 2, 1, is_mariadb_case));
      servers.add(up_to(40, 3, 2, is_mariadb_case));
      servers.add(up_to(40, 4, 2, is_mariadb_case));
      servers.set(db(2), [](Instance& i) {
        i.replication.io_state = ThreadState::Stopped;
        i.replication.io_running = false;
      });
      const Outcome outcome = fail_over(servers, db(4));
      REQUIRE(said(outcome) == "");
      CHECK(outcome.account.promoted == db(4));
      CHECK(to_string(executed_position(servers.at(db(4)))) ==
            (is_mariadb_case ? "0-1-100" : gtids("1-100")));
    }
  }

  TEST_CASE("who is named does not leave behind what a broken applier above it keeps back") {
    for (const bool is_mariadb_case : {false, true}) {
      FakeServers servers;
      build_broken(servers, is_mariadb_case);
      servers.set(db(3), [](Instance& i) { i.replication.source = db(2); });
      const Outcome outcome = fail_over(servers, db(3));
      CHECK(mentions(said(outcome), "db2:3306, by way of whom it replicates, has not applied"));
      CHECK(servers.writable().empty());
    }
  }

  TEST_CASE("who names a server wants all, also of a co-master; the settings do not") {
    for (const bool by_settings : {false, true}) {
      CAPTURE(by_settings);
      FakeServers servers;
      servers.add(following(writable(mysql(1, gtids("1-100"))), 2));
      servers.add(following(mysql(2, gtids("1-95")), 1));
      servers.add(following(mysql(3, gtids("1-99")), 1));
      servers.set(db(3), [](Instance& i) {
        i.promotion_rule = PromotionRule::MustNot;
        i.replication.has_filters = true;
      });
      servers.kill(db(1));
      FailoverRequest request{.failed = db(1), .designated = db(2), .co_master = true};
      if (by_settings) request.designated_by = "it is set so";
      const Outcome outcome = run_plan(servers, failover(request, Policy{}));
      CHECK(said(outcome).empty() == by_settings);
      CHECK(servers.writable().empty() != by_settings);
    }
  }

  TEST_CASE("a refused wish changes nobody's place before") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    for (const auto& [number, set] : {std::pair(2, "1-95"), {3, "1-97"}, {4, "1-99"}})
      servers.add(following(mysql(number, gtids(set)), 1));
    servers.set(db(4), [](Instance& i) { i.replication.has_filters = true; });
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers, db(2));
    CHECK(mentions(said(outcome), "db4:3306 has received"));
    CHECK_FALSE(did(servers, "db2:3306 replicate from db3:3306"));
  }

  TEST_CASE("what a replica below a living one wrote itself is not fetched") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    servers.add(following(mysql(2, gtids("1-95")), 1));
    servers.add(following(mysql(3, gtids("1-99")), 1));
    servers.set(db(3), [](Instance& i) { i.promotion_rule = PromotionRule::MustNot; });
    Instance leaf = following(mysql(4, gtids("1-99")), 3);
    leaf.gtid.executed += "," + leaf.server.uuid + ":1";
    leaf.promotion_rule = PromotionRule::MustNot;
    servers.add(leaf);
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    REQUIRE(said(outcome).empty());
    CHECK(did(servers, "db2:3306 replicate from db3:3306"));
    CHECK_FALSE(did(servers, "db2:3306 replicate from db4:3306"));
  }
}
