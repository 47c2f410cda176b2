// What an applier keeps back at a failover: for its delay, or as the rest of it never came.

#include "core/plan/recovery/held_back.h"

#include <algorithm>
#include <optional>

#include <doctest/doctest.h>

#include "core/plan/candidate.h"
#include "core/plan/preview.h"
#include "tests/support/recovery_bench.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

/// It has received up to there, and applies it an hour later.
Instance hour_late(int number, const std::string& position, const std::string& received) {
  Instance instance = following(mariadb(number, position), 1, received);
  instance.replication.sql_delay = std::chrono::hours(1);
  instance.replication.exec = {"bin.000001", 700, BinlogType::Binary};
  instance.replication.relay = {"relay.000002", 400, BinlogType::Relay};
  return instance;
}

/// db1 is dead; db2, delayed, alone has all that any replica received; db3 is below it, db4 beside.
void build_late(FakeServers& servers) {
  servers.add(writable(mariadb(1, "0-1-100")));
  servers.add(hour_late(2, "0-1-80", "0-1-99"));
  servers.add(following(mariadb(3, "0-1-80"), 2));
  servers.add(following(mariadb(4, "0-1-90"), 1));
  servers.kill(db(1));
}

void build_late_mysql(FakeServers& servers) {
  servers.add(writable(mysql(1, gtids("1-100"))));
  Instance late = following(mysql(2, gtids("1-80")), 1, gtids("1-99"));
  late.replication.sql_delay = std::chrono::hours(1);
  servers.add(late);
  servers.add(following(mysql(3, gtids("1-80")), 2));
  servers.add(following(mysql(4, gtids("1-90")), 1));
  servers.kill(db(1));
}

/// Its receiver stopped after the beginning of a transaction, all others of which it has applied.
Instance cut_short(int number, const std::string& executed) {
  Instance instance = following(mysql(number, executed), 1);
  instance.replication.read.log_pos = 1500;
  return instance;
}

/// Without GTID; the master's log goes up to 2000. It has received up to there.
Instance without_gtid(Instance instance, std::int64_t read) {
  instance.gtid.uses_mariadb = instance.gtid.supports_oracle = instance.gtid.uses_oracle = false;
  if (!is_mariadb(instance)) instance.gtid.mode = "OFF";
  instance.server.binlog = {"bin.000001", 2000, BinlogType::Binary};
  instance.replication.gtid_io_pos = instance.replication.retrieved_gtid_set = "";
  instance.replication.relay = {"relay.000002", 400, BinlogType::Relay};
  instance.replication.read.log_pos = read;
  return instance;
}

/// db1 is dead. db2 and db3 have received a part of a transaction that begins at `inside`, and
/// applied all up to 1000; db4 has received none of it.
void build_by_place(FakeServers& servers, bool mariadb_ones, std::int64_t inside = 1000) {
  const auto server = [&](int number) {
    return mariadb_ones ? mariadb(number, "0-1-9") : mysql(number, gtids("1-9"));
  };
  servers.add(writable(without_gtid(server(1), 0)));
  servers.add(without_gtid(following(server(2), 1), 1500));
  servers.add(without_gtid(following(server(3), 1), 1300));
  servers.add(without_gtid(following(server(4), 1), 1000));
  for (const int number : {2, 3})
    servers.ends_inside[db(number)] = {"bin.000001", inside, BinlogType::Binary};
  servers.kill(db(1));
}

/// A failover that ends after so many changes, and how the next one ends; nothing when the first
/// needed no more than these.
std::optional<Outcome> cut_off_and_again(FakeServers& servers, int changes) {
  const Outcome first = fail_over(servers, {}, changes);
  if (!first.error) return std::nullopt;
  RunScope scope;
  scope.earlier = first.facts;
  return run_plan(servers, failover({db(1), {}}, Policy{}), -1, scope);
}

bool notes_that(const Outcome& outcome, const std::string& part) {
  const std::vector<std::string>& notes = outcome.account.notes;
  return std::any_of(notes.begin(), notes.end(),
                     [&](const std::string& note) { return mentions(note, part); });
}

bool rolled_back(const FakeServers& servers, int number) {
  return did(servers,
             to_string(db(number)) + " roll back what it has received in part, if anything");
}

bool waited(const Outcome& outcome, int number) {
  return latest({.steps = outcome.steps}, db(number), waits_for<AppliedReceived>) != nullptr;
}

}  // namespace

TEST_SUITE("core/plan/recovery/held_back") {
  TEST_CASE("a delayed MariaDB replica that alone has all applies it, and is promoted by GTID") {
    FakeServers servers;
    build_late(servers);
    const Outcome outcome = fail_over(servers);
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.account.promoted == db(2));
    CHECK(to_string(executed_position(servers.at(db(2)))) == "0-1-99");
    CHECK_FALSE(mentions(outcome.account.lost_transactions, "has received"));
    CHECK(did(servers, "db2:3306 follow by GTID again"));
    check_below(servers, 4, 2);
    CHECK(servers.at(db(4)).gtid.uses_mariadb);
    CHECK(outcome.left.empty());
  }

  TEST_CASE(
      "what a delayed replica alone has that is not promoted is applied, and fetched from it") {
    for (const bool is_mariadb_case : {false, true}) {
      for (const bool is_designated : {false, true}) {
        FakeServers servers;
        is_mariadb_case ? build_late(servers) : build_late_mysql(servers);
        servers.set(db(2), [&](Instance& i) {
          if (!is_designated) i.promotion_rule = PromotionRule::MustNot;
        });
        const Outcome outcome =
            fail_over(servers, is_designated ? std::optional(db(4)) : std::nullopt);
        CAPTURE(is_mariadb_case);
        CAPTURE(is_designated);
        REQUIRE(said(outcome).empty());
        CHECK(outcome.account.promoted == db(4));
        CHECK(to_string(executed_position(servers.at(db(4)))) ==
              (is_mariadb_case ? "0-1-99" : gtids("1-99")));
        CHECK_FALSE(mentions(outcome.account.lost_transactions, "has received"));
        check_below(servers, 2, 4);
        CHECK(uses_gtid(servers.at(db(2))));
        CHECK(servers.at(db(2)).replication.sql_delay == std::chrono::hours(1));
        CHECK(outcome.left.empty());
      }
    }
  }

  TEST_CASE("a failover that is given up leaves no replica without its delay") {
    for (const bool is_mariadb_case : {false, true}) {
      CAPTURE(is_mariadb_case);
      FakeServers servers;
      is_mariadb_case ? build_late(servers) : build_late_mysql(servers);
      servers.freeze_applier(db(4));
      const Outcome outcome = fail_over(servers, db(4));
      CHECK(mentions(said(outcome), "in vain"));
      CHECK(did(servers, "db4:3306 replicate from db2:3306"));
      CHECK(servers.at(db(2)).replication.sql_delay == std::chrono::hours(1));
      CHECK(uses_gtid(servers.at(db(2))));
      CHECK(runs(servers.at(db(2)).replication.io_state));
      CHECK(runs(servers.at(db(2)).replication.sql_state));
      // What the dead server had sent to it alone is still there.
      CHECK(to_string(executed_position(servers.at(db(2)))) ==
            (is_mariadb_case ? "0-1-99" : gtids("1-99")));
    }
  }

  TEST_CASE("one that does not stop to be delayed again holds nobody else up") {
    FakeServers servers;
    build_late_mysql(servers);
    servers.add(following(mysql(5, gtids("1-90")), 1));
    servers.set(db(2), [](Instance& i) { i.promotion_rule = PromotionRule::MustNot; });
    servers.set(db(5), [](Instance& i) { i.promotion_rule = PromotionRule::MustNot; });
    const Outcome outcome = run_plan(servers, failover({db(1), {}}, Policy{}), -1, {}, [&] {
      if (did(servers, "db4:3306 replicate from db2:3306")) {
        servers.refuse(db(2), Change(StopReplication{}).index(), 1000);
      }
      return false;
    });
    CHECK(said(outcome).empty());
    CHECK(outcome.account.promoted == db(4));
    check_below(servers, 5, 4);
    CHECK(because(outcome, 2) == "the server said no");
    REQUIRE(outcome.left.size() == 2);
    CHECK(outcome.left[0] == "db2:3306 is left with its receiver stopped");
    CHECK(mentions(outcome.left[1], "db2:3306 is left without its delay of 3600s"));
  }

  TEST_CASE("the receiver of a delayed MySQL replica is started to take its delay") {
    FakeServers servers;
    build_late_mysql(servers);
    servers.set(db(2), [](Instance& i) {
      i.replication.io_state = ThreadState::Stopped;
      i.replication.io_running = false;
    });
    const Outcome outcome = fail_over(servers);
    REQUIRE(said(outcome).empty());
    CHECK(did(servers, "db2:3306 start the receiver"));
    CHECK(outcome.account.promoted == db(2));
    CHECK(to_string(executed_position(servers.at(db(2)))) == gtids("1-99"));
  }

  TEST_CASE("a MySQL replica whose delay cannot be taken gives way") {
    for (const bool receives : {true, false}) {
      CAPTURE(receives);
      FakeServers servers;
      build_late_mysql(servers);
      if (receives) {
        servers.refuse(db(2), Change{SetDelay{}}.index(), 99);
      } else {
        servers.set(db(2), [](Instance& i) {
          i.replication.io_state = ThreadState::Stopped;
          i.replication.io_running = false;
        });
        servers.refuse(db(2), Change{StartReplication{}}.index(), 99);
      }
      const Outcome outcome = fail_over(servers);
      REQUIRE(said(outcome).empty());
      CHECK(outcome.account.promoted == db(4));
      CHECK(mentions(outcome.account.lost_transactions, "that db2:3306 has received"));
    }
  }

  TEST_CASE("a delay stays that keeps back nothing the promoted one lacks") {
    FakeServers servers;
    build_late_mysql(servers);
    servers.set(db(2), [](Instance& i) { i.promotion_rule = PromotionRule::MustNot; });
    servers.set(db(4), [](Instance& i) { i.replication.retrieved_gtid_set = gtids("1-99"); });
    const Outcome outcome = fail_over(servers);
    CHECK(outcome.account.promoted == db(4));
    CHECK(servers.at(db(2)).replication.sql_delay == std::chrono::hours(1));
  }

  TEST_CASE("a failover that was cut off while it took a delay away loses nothing") {
    int cut_off = 0;
    for (int changes = 1; changes < 30; ++changes) {
      FakeServers servers;
      build_late(servers);
      const std::optional<Outcome> second = cut_off_and_again(servers, changes);
      if (!second) break;
      ++cut_off;
      CAPTURE(changes);
      CHECK(said(*second).empty());
      CHECK(second->account.promoted == db(2));
      CHECK(to_string(executed_position(servers.at(db(2)))) == "0-1-99");
      check_below(servers, 4, 2);
      CHECK(servers.at(db(4)).gtid.uses_mariadb);
    }
    CHECK(cut_off > 8);
  }

  TEST_CASE("a failover that was cut off while it took a delay away puts it back as it was") {
    int cut_off = 0;
    for (int changes = 1; changes < 40; ++changes) {
      FakeServers servers;
      build_late(servers);
      servers.set(db(2), [](Instance& i) {
        i.promotion_rule = PromotionRule::MustNot;
        i.gtid.mariadb_current = true;
      });
      const std::optional<Outcome> second = cut_off_and_again(servers, changes);
      if (!second) break;
      ++cut_off;
      CAPTURE(changes);
      CHECK(said(*second).empty());
      CHECK(second->account.promoted == db(4));
      CHECK(to_string(executed_position(servers.at(db(4)))) == "0-1-99");
      check_below(servers, 2, 4);
      CHECK(servers.at(db(2)).gtid.mariadb_current);
      CHECK(servers.at(db(2)).replication.sql_delay == std::chrono::hours(1));
    }
    CHECK(cut_off > 12);
  }

  TEST_CASE("what a server taken off GTID still holds is seen without any memory of it") {
    Instance server = hour_late(2, "0-1-80", "0-1-99");
    server.replication.io_state = server.replication.sql_state = ThreadState::Stopped;
    server = simulated(server, {db(2), Change{SetDelay{{}, true}}, "", {}, false, {}}, Topology());
    CHECK_FALSE(uses_gtid(server));
    CHECK_FALSE(has_applied_all(server));
    CHECK(to_string(usable_position(server)) == "0-1-99");
    server.gtid.mariadb_slave_pos = "0-1-99";
    CHECK(has_applied_all(server));
    CHECK(std::holds_alternative<BinlogCoordinates>(executed_position(server)));
  }

  TEST_CASE("a delay is left where the place in the relay log is not that of all domains") {
    Instance server = hour_late(2, "0-1-80,5-1-2", "0-1-99,5-1-2");
    server.replication.io_state = ThreadState::Stopped;
    CHECK_FALSE(can_undelay(server));
    server = hour_late(2, "0-1-80", "0-1-99");
    CHECK_FALSE(can_undelay(server));  // still receives
    server.replication.io_state = ThreadState::Stopped;
    CHECK(can_undelay(server));
    server.replication.filters_domains = true;  // it knows coordinates no more
    CHECK_FALSE(can_undelay(server));
    server.replication.filters_domains = false;
    server.replication.sql_state = ThreadState::Stopped;
    CHECK(to_string(usable_position(server)) == "0-1-99");
    server.replication.exec = server.replication.read;  // CHANGE MASTER has thrown it away
    CHECK_FALSE(can_undelay(server));
    CHECK(to_string(usable_position(server)) == "0-1-80");
  }

  TEST_CASE("one whose delay cannot be changed gives way, and follows the new primary") {
    FakeServers servers;
    build_late(servers);
    servers.refuse(db(2), Change{SetDelay{}}.index(), 9);
    const Outcome outcome = fail_over(servers);
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.account.promoted == db(4));
    CHECK(mentions(outcome.account.lost_transactions, "db2:3306 has received"));
    check_below(servers, 2, 4);
    CHECK(servers.at(db(2)).gtid.uses_mariadb);
  }

  TEST_CASE("one that cannot apply what its delay held back keeps it: nobody else has it") {
    FakeServers servers;
    build_late(servers);
    servers.freeze_applier(db(2));
    servers.set(db(2), [](Instance& i) { i.gtid.mariadb_current = true; });
    const Outcome outcome = fail_over(servers);
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.account.promoted == db(4));
    CHECK(mentions(outcome.account.lost_transactions, "db2:3306 has received"));
    CHECK_FALSE(servers.at(db(2)).gtid.uses_mariadb);  // by GTID its relay logs would go
    CHECK(servers.at(db(2)).replication.source == db(1));
    CHECK(servers.at(db(2)).replication.gtid_io_pos == "0-1-99");
    CHECK(std::ranges::any_of(outcome.left, [](const std::string& left) {
      return mentions(left, "db2:3306 is left without a delay, and following without GTID");
    }));
  }

  TEST_CASE("half a transaction is rolled back before its applier is stopped, and named") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    servers.add(cut_short(2, gtids("1-100")));
    servers.add(cut_short(3, gtids("1-100")));
    servers.add(following(mysql(4, gtids("1-100")), 1));
    servers.freeze_applier(db(2));
    servers.freeze_applier(db(3));
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    REQUIRE_FALSE(outcome.error);
    CHECK(rolled_back(servers, 2));
    CHECK(rolled_back(servers, 3));
    CHECK_FALSE(rolled_back(servers, 4));
    CHECK(
        notes_that(outcome, "the transaction that db2:3306 had received in part was rolled back"));
    CHECK(
        notes_that(outcome, "the transaction that db3:3306 had received in part was rolled back"));
    CHECK(servers.writable() == std::vector<InstanceKey>{*outcome.account.promoted});
    for (const int number : {2, 3, 4}) {
      if (db(number) == outcome.account.promoted) continue;
      CHECK(replica_running(servers.at(db(number))));
    }
  }

  TEST_CASE("without GTID, too, a transaction that came in part holds nobody up, and is told") {
    for (const bool mariadb_ones : {true, false}) {
      FakeServers servers;
      build_by_place(servers, mariadb_ones);
      const Outcome outcome = fail_over(servers);
      REQUIRE(said(outcome).empty());
      CHECK(outcome.account.promoted == db(2));
      CHECK(servers.writable() == std::vector<InstanceKey>{db(2)});
      CHECK(outcome.account.lost.empty());
      for (const int number : {3, 4})
        CHECK(replica_running(servers.at(db(number))));
      for (const int number : {2, 3}) {
        CHECK(notes_that(outcome, "the transaction that " + to_string(db(number)) +
                                      " had received in part was rolled back"));
      }
      CHECK_FALSE(rolled_back(servers, 4));
      CHECK_FALSE(waited(outcome, 2));
    }
  }

  TEST_CASE("without GTID, what was received as a whole is applied before the rest is given up") {
    for (const bool mariadb_ones : {true, false}) {
      FakeServers servers;
      build_by_place(servers, mariadb_ones, 1200);
      servers.freeze_applier(db(2));
      const Outcome outcome = fail_over(servers);
      REQUIRE_FALSE(outcome.error);
      CHECK(outcome.account.promoted == db(3));
      CHECK_FALSE(rolled_back(servers, 2));
      CHECK(servers.at(db(3)).server.read_only == false);
    }
  }

  TEST_CASE("a failover that was cut off gives up without GTID what came in part") {
    for (int changes = 0;; ++changes) {
      FakeServers servers;
      build_by_place(servers, true);
      const auto again = cut_off_and_again(servers, changes);
      if (!again) break;
      INFO("cut off after ", changes);
      REQUIRE(said(*again).empty());
      CHECK(servers.writable() == std::vector<InstanceKey>{db(2)});
      for (const int number : {3, 4})
        CHECK(replica_running(servers.at(db(number))));
    }
  }

  TEST_CASE("an applier that was ended is not stopped while it rolls back") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    for (const int number : {2, 3}) {
      servers.add(cut_short(number, gtids("1-100")));
      servers.freeze_applier(db(number));
      servers.rolling_back[db(number)] = 12;
    }
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    REQUIRE(said(outcome).empty());
    CHECK(rolled_back(servers, 2));
    CHECK(rolled_back(servers, 3));
    CHECK(servers.stopped_too_soon.empty());
    CHECK(outcome.account.lost.empty());
    CHECK(outcome.left.empty());
  }

  TEST_CASE("no applier is ended that may apply a transaction that was received as a whole") {
    const auto ends = [](const std::function<void(Instance&)>& change) {
      Instance server = cut_short(2, gtids("1-100"));
      server.replication.io_state = ThreadState::Stopped;
      change(server);
      return give_up_partial(server.key, {&server}, Progress{}).has_value();
    };
    CHECK(ends([](Instance&) {}));
    CHECK_FALSE(ends([](Instance& i) { i.replication.retrieved_gtid_set = gtids("1-101"); }));
    CHECK_FALSE(ends([](Instance& i) { i.replication.io_state = ThreadState::Running; }));
    CHECK_FALSE(ends([](Instance& i) { i.replication.io_state = ThreadState::Other; }));
    CHECK_FALSE(ends([](Instance& i) { i.replication.sql_state = ThreadState::Stopped; }));
    CHECK_FALSE(ends([](Instance& i) { i.replication.channels = 2; }));
    CHECK_FALSE(ends([](Instance& i) { i.gtid.mode = "ON_PERMISSIVE"; }));
    CHECK_FALSE(ends([](Instance& i) { i.replication.read = i.replication.exec; }));
  }

  TEST_CASE("nobody is said to have given up what was not there") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    servers.add(cut_short(2, gtids("1-100")));
    servers.freeze_applier(db(2));
    servers.no_partial.insert(db(2));
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.account.promoted == db(2));
    CHECK_FALSE(notes_that(outcome, "in part"));
    CHECK(failure_on({.steps = outcome.steps}, db(2)) == nullptr);
  }

  TEST_CASE("what may be rolled back is shown, and not told as done before anybody has looked") {
    std::vector<Instance> all = {unseen(writable(mysql(1, gtids("1-100")))),
                                 cut_off(cut_short(2, gtids("1-100")))};
    Preview plan = preview(failover({db(1), {}}, Policy{}), Topology(all));
    REQUIRE(std::holds_alternative<Done>(plan.end));
    CHECK(std::any_of(plan.steps.begin(), plan.steps.end(), [](const PreviewedStep& shown) {
      return is_change<RollBackPartial>(shown.step.action);
    }));
    CHECK_FALSE(notes_that({.account = std::get<Done>(plan.end).account}, "in part"));
    all[1] = cut_off(without_gtid(following(mysql(2, ""), 1), 1000));
    all[1].replication.io_state = ThreadState::Stopped;
    all[1].replication.partial = {"bin.000001", 1500, BinlogType::Binary};
    plan = preview(failover({db(1), {}}, Policy{}), Topology(all));
    REQUIRE(std::holds_alternative<Done>(plan.end));
    CHECK(notes_that({.account = std::get<Done>(plan.end).account}, "in part was rolled back"));
  }

  TEST_CASE("what may be rolled back behind a wait is shown before anybody has waited") {
    Instance late = cut_off(following(mysql(2, gtids("1-80")), 1, gtids("1-99")));
    late.replication.sql_delay = std::chrono::hours(1);
    late.replication.read.log_pos = 1500;
    const Preview plan = preview(failover({db(1), {}}, Policy{}),
                                 Topology({unseen(writable(mysql(1, gtids("1-100")))), late}));
    REQUIRE(std::holds_alternative<Done>(plan.end));
    std::vector<std::string> shown;
    for (const PreviewedStep& one : plan.steps)
      shown.push_back(describe(one.step.action));
    const auto at = [&](const std::string& text) {
      return std::find_if(shown.begin(), shown.end(),
                          [&](const std::string& one) { return one.starts_with(text); });
    };
    const auto rolls_back = at("roll back what it has received in part, if anything");
    REQUIRE(rolls_back != shown.end());
    CHECK(at("wait (") < rolls_back);
    // There may be nothing, and its applier goes on.
    CHECK(std::find(rolls_back, shown.end(), "stop replication") < at("make writable"));
  }

  TEST_CASE("a MariaDB replica that somebody has stopped applies what it holds, too") {
    FakeServers servers;
    build_late(servers);
    servers.set(db(2), [](Instance& i) {
      i.replication.sql_delay = std::chrono::seconds(0);
      i.replication.io_state = i.replication.sql_state = ThreadState::Stopped;
      i.replication.io_running = i.replication.sql_running = false;
    });
    const Outcome outcome = fail_over(servers);
    REQUIRE_MESSAGE(!outcome.error, said(outcome));
    CHECK(outcome.account.promoted == db(2));
    CHECK(to_string(executed_position(servers.at(db(2)))) == "0-1-99");
    CHECK(mentions(outcome.account.lost_transactions, "at most 1 transaction (up to 0-1-100)"));
    check_below(servers, 4, 2);
    CHECK(servers.at(db(4)).gtid.uses_mariadb);
  }

  TEST_CASE("an applier that may not be ended is waited for, and told") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    servers.add(cut_short(2, gtids("1-100")));
    servers.freeze_applier(db(2));
    servers.kill(db(1));
    servers.refuse(db(2), Change{RollBackPartial{}}.index(), 9);
    const Outcome outcome = fail_over(servers);
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.account.promoted == db(2));
    CHECK(notes_that(outcome, "held up its applier, which could not be ended: "));
  }

  TEST_CASE("appliers that may not be ended are stopped at once, and given the time they need") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    for (const int number : {2, 3}) {
      servers.add(cut_short(number, gtids("1-100")));
      servers.freeze_applier(db(number));
      servers.refuse(db(number), Change{RollBackPartial{}}.index(), 9);
    }
    servers.add(following(mysql(4, gtids("1-90")), 1));
    servers.kill(db(1));
    bool all_at_once = true;
    SUBCASE("the winner's with the others'") {}
    SUBCASE("but nobody who can be promoted without a wait waits for another") {
      servers.set(db(2), [](Instance& i) { i.replication.read = i.replication.exec; });
      all_at_once = false;
    }
    const Outcome outcome = fail_over(servers);
    REQUIRE(said(outcome).empty());
    CHECK(outcome.account.promoted == db(2));
    CHECK(outcome.account.lost.empty());
    std::vector<InstanceKey> stopped;
    for (const StepResult& done : outcome.steps) {
      if (done.step.point_of_no_return) break;
      const auto* stop = change_in<StopReplication>(done.step.action);
      if (stop == nullptr || stop->threads != ReplicationThreads::Both) continue;
      stopped.push_back(done.step.server);
      CHECK_FALSE(done.step.limit);
    }
    CHECK(stopped ==
          (all_at_once ? std::vector<InstanceKey>{db(2), db(3)} : std::vector<InstanceKey>{db(2)}));
  }

  TEST_CASE("who waits for the silent gives a sibling that is held up its time, after all others") {
    for (const bool waits : {true, false}) {
      FakeServers servers;
      servers.add(writable(mysql(1, gtids("1-100"))));
      servers.add(following(mysql(2, gtids("1-100")), 1));
      servers.add(cut_short(3, gtids("1-95")));
      servers.freeze_applier(db(3));
      servers.refuse(db(3), Change{RollBackPartial{}}.index(), 9);
      servers.add(following(mysql(4, gtids("1-100")), 1));
      servers.kill(db(1));
      Policy policy;
      if (!waits) policy.silent_wait = {};
      const Outcome outcome = run_plan(servers, failover({db(1), {}}, policy));
      REQUIRE(said(outcome).empty());
      check_below(servers, 3, 2);
      bool others_are_moved = false;
      for (const StepResult& done : outcome.steps) {
        const auto* stop = change_in<StopReplication>(done.step.action);
        if (done.step.server == db(4) && waits_for<ReplicatesFrom>(done.step.action))
          others_are_moved = true;
        const bool stops = stop != nullptr && stop->threads == ReplicationThreads::Both;
        if (!stops || done.step.server != db(3)) continue;
        CHECK(others_are_moved == waits);
        CHECK(done.step.limit.has_value() != waits);
      }
    }
  }

  TEST_CASE("a promotion that is refused for its loss stops no applier for a minute before") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    for (const int number : {2, 3}) {
      servers.add(cut_short(number, gtids("1-95")));
      servers.freeze_applier(db(number));
      servers.refuse(db(number), Change{RollBackPartial{}}.index(), 9);
    }
    servers.kill(db(1));
    Policy policy;
    policy.refuses_data_loss = true;
    const Outcome outcome = run_plan(servers, failover({db(1), {}}, policy));
    CHECK(said(outcome).starts_with("DataLossPolicy is refuse"));
    CHECK(std::none_of(outcome.steps.begin(), outcome.steps.end(), [](const StepResult& done) {
      const auto* stop = change_in<StopReplication>(done.step.action);
      return stop != nullptr && stop->threads == ReplicationThreads::Both;
    }));
  }
}
