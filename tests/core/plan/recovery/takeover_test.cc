// Takeovers: planner and executor together, on servers that replicate in thought.

#include "core/plan/recovery/takeover.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "core/plan/preview.h"
#include "tests/support/recovery_bench.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

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

  TEST_CASE("what the new primary wrote, and the old one passed on, keeps nobody from following") {
    for (const bool is_mariadb_case : {false, true}) {
      FakeServers servers;
      is_mariadb_case ? build_mariadb(servers) : build_mysql(servers);
      servers.keep_writing(db(2));
      servers.freeze_applier(db(3));  // the others are moved meanwhile
      const Outcome outcome = take_over(servers, db(2));
      REQUIRE_FALSE(outcome.error);
      CHECK(outcome.account.lost.empty());
      check_below(servers, 1, 2);
      check_below(servers, 3, 2);
      check_below(servers, 4, 2);
    }
  }

  TEST_CASE("nobody outside takes a replication group's writes over") {
    FakeServers servers;
    build_group(servers);
    const Outcome refused = take_over(servers, db(4));
    REQUIRE(refused.error);
    CHECK(refused.error->message.find("is in a replication group") != std::string::npos);
    CHECK(servers.changes().empty());
  }

  TEST_CASE("nobody outside takes the writes of one of several primaries over") {
    FakeServers servers;
    build_group(servers, true);
    const Outcome refused = take_over(servers, db(4));
    REQUIRE(refused.error);
    CHECK(refused.error->message.find("is one of several primaries of a replication group, and "
                                      "db2:3306 of it answers") != std::string::npos);
    CHECK(servers.changes().empty());
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

  TEST_CASE("a designated server that stands still is found out while the primary takes writes") {
    FakeServers servers;
    build_mysql(servers);
    servers.freeze_applier(db(2));
    const Outcome outcome = take_over(servers, db(2));
    REQUIRE(outcome.error);
    CHECK(mentions(outcome.error->message, "does not keep up"));
    CHECK(servers.changes().empty());
  }

  TEST_CASE("a designated server that does not catch up: the primary is writable again (REC-33)") {
    FakeServers servers;
    build_mysql(servers);
    servers.set(db(2), [](Instance& i) { i.gtid.executed = gtids("1-100"); });
    servers.freeze_applier(db(2));
    const Planner plan = takeover({db(1), db(2), true, true}, Policy{});
    const Planner watched = [&](const Progress& so_far, const Topology& fresh) {
      Decision decision = plan(so_far, fresh);
      const Run* run = std::get_if<Run>(&decision);
      if (run != nullptr && is_change<SetReadOnly>(run->steps.front().action)) {
        servers.set(db(1), [](Instance& i) { i.gtid.executed = gtids("1-105"); });
      }
      return decision;
    };
    const Outcome outcome = run_plan(servers, watched);
    REQUIRE(outcome.error);
    CHECK(mentions(outcome.error->message, "did not catch up"));
    CHECK(servers.writable() == std::vector<InstanceKey>{db(1)});
    CHECK(outcome.left.empty());
    check_below(servers, 2, 1);
  }

  TEST_CASE("a server that may not change read_only is found out before anything is changed") {
    for (const int number : {1, 2}) {
      FakeServers servers;
      build_mysql(servers);
      servers.no_right.insert(db(number));
      const Outcome outcome = take_over(servers, db(2));
      REQUIRE(outcome.error);
      CHECK(mentions(outcome.error->message, to_string(db(number))));
      CHECK(mentions(outcome.error->message, "SUPER"));
      CHECK(servers.changes().empty());
    }
  }

  TEST_CASE("one that filters, or stands still, is promoted only when it is named") {
    FakeServers servers;
    build_mysql(servers);
    servers.set(db(3), [](Instance& i) { i.replication.has_filters = true; });
    servers.set(db(2), [](Instance& i) { i.replication.sql_state = ThreadState::Stopped; });
    servers.set(db(2), [](Instance& i) { i.replication.sql_running = false; });
    const Outcome outcome = take_over(servers, {});
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.account.promoted == db(4));
    CHECK(outcome.account.lost_transactions == "nothing");

    FakeServers two;
    two.add(writable(mysql(1, gtids("1-100"))));
    two.add(following(mysql(2, gtids("1-100")), 1));
    two.set(db(2), [](Instance& i) { i.replication.has_filters = true; });
    const Outcome unnamed = take_over(two, {});
    REQUIRE(unnamed.error);
    CHECK(mentions(unnamed.error->message, "filters what it replicates"));
    CHECK(two.changes().empty());
    const Outcome named = take_over(two, db(2));
    REQUIRE_FALSE(named.error);
    CHECK(mentions(named.account.lost_transactions, "db2:3306 filters what it replicates"));
  }

  TEST_CASE("one that does not log all is promoted only when it is named, and that is said") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    servers.add(following(mysql(2, gtids("1-100")), 1));
    servers.set(db(2), [](Instance& i) { i.server.filters_binlog = true; });
    const Outcome unnamed = take_over(servers, {});
    REQUIRE(unnamed.error);
    CHECK(mentions(unnamed.error->message, "leaves databases out of its binary log"));
    const Outcome named = take_over(servers, db(2));
    REQUIRE_FALSE(named.error);
    CHECK(named.account.lost_transactions == "nothing");
    const auto& notes = named.account.notes;
    CHECK(std::any_of(notes.begin(), notes.end(), [](const std::string& note) {
      return mentions(note, "db2:3306 leaves databases out of its binary log");
    }));
  }

  TEST_CASE("without a replication user anywhere nothing is changed; a sibling's will do") {
    FakeServers servers;
    build_mariadb(servers);
    for (const int number : {2, 3, 4})
      servers.keep_credentials(db(number));
    const Outcome outcome = take_over(servers, db(2));
    REQUIRE(outcome.error);
    CHECK(mentions(outcome.error->message, "no replication user"));
    CHECK(servers.changes().empty());

    FakeServers again;
    build_mariadb(again);
    again.keep_credentials(db(2));
    REQUIRE_FALSE(take_over(again, db(2)).error);
    check_below(again, 1, 2);
  }

  TEST_CASE("beside a third server that takes writes there is no takeover") {
    FakeServers servers;
    build_mysql(servers);
    servers.add(writable(mysql(7, gtids("1-100"))));
    const Outcome outcome = take_over(servers, db(2));
    REQUIRE(outcome.error);
    CHECK(mentions(outcome.error->message,
                   "db7:3306 takes writes too. Ask again if it was made the master a "
                   "moment ago; else make it read-only"));
    CHECK(servers.changes().empty());
  }

  TEST_CASE("one that was begun is finished with the same server, and no other") {
    FakeServers servers;
    build_mysql(servers);
    PlanFacts earlier;
    earlier.winner = db(2);
    const Planner other = takeover({db(1), db(3), true, true}, Policy{});
    RunScope scope;
    scope.earlier = earlier;
    const Outcome outcome = run_plan(servers, other, -1, scope);
    REQUIRE(outcome.error);
    CHECK(mentions(outcome.error->message, "finish it with '--to db2:3306'"));
    CHECK(servers.changes().empty());
  }

  TEST_CASE(
      "one cut off when the old primary followed, and whose heir is read-only again, is done") {
    FakeServers servers;
    build_mysql(servers);
    REQUIRE_FALSE(take_over(servers, db(2)).error);
    servers.set(db(2), [](Instance& i) { i.server.read_only = true; });  // it was restarted
    servers.set(db(3), [](Instance& i) { i.replication.source = db(1); });
    PlanFacts earlier;
    earlier.winner = db(2);
    earlier.told_to_write = {db(2)};
    RunScope scope;
    scope.earlier = earlier;
    const Outcome outcome = run_plan(servers, takeover({db(1), db(2), true, true}, {}), -1, scope);
    REQUIRE_MESSAGE(!outcome.error, outcome.error->message);
    CHECK(servers.writable() == std::vector<InstanceKey>{db(2)});
    check_below(servers, 1, 2);
    check_below(servers, 3, 2);
  }

  TEST_CASE("the semi-sync role goes with the writes, when enough would acknowledge") {
    for (const bool enough : {true, false}) {
      FakeServers servers;
      build_mysql(servers);
      for (const int number : {1, 2, 3, 4}) {
        servers.set(db(number), [&](Instance& i) {
          i.semi_sync.available = true;
          i.semi_sync.source_enabled = i.key == db(1);
          i.semi_sync.replica_enabled = enough && i.key != db(1);
          i.semi_sync.source_wait_for_replica_count = 1;
        });
      }
      const Outcome outcome = take_over(servers, db(2));
      REQUIRE_FALSE(outcome.error);
      CHECK(servers.at(db(2)).semi_sync.source_enabled == enough);
      CHECK_FALSE(servers.at(db(1)).semi_sync.source_enabled);
      const auto& notes = outcome.account.notes;
      CHECK(std::any_of(notes.begin(), notes.end(), [](const std::string& note) {
              return mentions(note, "does not wait for replicas");
            }) == !enough);
    }
  }

  TEST_CASE("an heir that waits for less than the old primary did is named") {
    using std::chrono::milliseconds;
    struct Case {
      milliseconds timeout;
      unsigned count;
      std::string point;
      std::string note;  // "": none
    };
    const milliseconds ten_minutes{600000};
    for (const Case& one :
         {Case{ten_minutes, 2, "AFTER_SYNC", ""}, Case{ten_minutes * 2, 2, "", ""},
          Case{milliseconds(100), 2, "AFTER_SYNC", "db2:3306 gives up after 100 ms, not 600 s"},
          Case{ten_minutes, 1, "AFTER_SYNC", "db2:3306 waits for 1 of them, not 2"},
          Case{ten_minutes, 2, "AFTER_COMMIT", "db2:3306 waits after the commit"}}) {
      for (const bool dies : {false, true}) {
        FakeServers servers;
        build_mysql(servers);
        for (const int number : {1, 2, 3, 4}) {
          servers.set(db(number), [&](Instance& i) {
            const bool is_heir = number == 2;
            i.semi_sync.available = i.semi_sync.replica_enabled = true;
            i.semi_sync.source_enabled = number == 1;
            i.semi_sync.source_wait_for_replica_count = is_heir ? one.count : 2;
            i.semi_sync.source_timeout = is_heir ? one.timeout : ten_minutes;
            i.semi_sync.source_wait_point = is_heir ? one.point : "AFTER_SYNC";
          });
        }
        if (dies) servers.kill(db(1));
        const Outcome outcome = dies ? fail_over(servers, db(2)) : take_over(servers, db(2));
        REQUIRE_FALSE(outcome.error);
        std::string found;
        for (const std::string& note : outcome.account.notes) {
          if (mentions(note, "does not wait for replicas as the old one did")) found = note;
        }
        CAPTURE(found);
        CHECK(mentions(found, one.note));
        CHECK(found.empty() == one.note.empty());
      }
    }
  }

  TEST_CASE("a promotion that fails is undone: all as before (REC-33, REC-41)") {
    FakeServers servers;
    build_mysql(servers);
    servers.refuse(db(2), Change{SetReadOnly{}}.index(), 5);
    const Outcome outcome = take_over(servers, db(2));
    REQUIRE(outcome.error);
    CHECK(servers.writable() == std::vector<InstanceKey>{db(1)});
    CHECK_FALSE(is_replica(servers.at(db(1))));
    check_below(servers, 2, 1);
    CHECK(outcome.left.empty());
  }

  TEST_CASE("a server whose replication may not be stopped: the old primary is writable again") {
    for (const int times : {1, 1000}) {
      FakeServers servers;
      build_mysql(servers);
      servers.refuse(db(2), Change{StopReplication{}}.index(), times);
      const Outcome outcome = take_over(servers, db(2));
      CHECK(servers.writable() == std::vector<InstanceKey>{db(times == 1 ? 2 : 1)});
      CHECK(outcome.left.empty());
      if (times == 1) continue;
      REQUIRE(outcome.error);
      CHECK(outcome.error->message.starts_with(to_string(db(2)) + " could not be promoted: "));
      check_below(servers, 2, 1);
    }
  }

  TEST_CASE("the old primary gets the options of the replicas' links and their user (REC-42)") {
    FakeServers servers;
    build_mysql(servers);
    servers.set(db(2), [](Instance& i) {
      i.replication.allow_tls = true;
      i.replication.tls.ca_file = "/ca.pem";
      i.replication.heartbeat = std::chrono::milliseconds(2500);
      i.replication.kept = {std::chrono::seconds(7), 86400, "zstd", 9};
    });
    const Preview plan = preview(takeover({db(1), db(2), true, true}, Policy{}), servers.records());
    bool found = false;
    for (const PreviewedStep& step : plan.steps) {
      const auto* target = change_in<PointTo>(step.step.action);
      if (target == nullptr || step.step.server != db(1)) continue;
      found = true;
      REQUIRE(target->options);
      CHECK(target->options->use_tls);
      CHECK(target->options->tls.ca_file == "/ca.pem");
      CHECK(target->options->heartbeat == std::chrono::milliseconds(2500));
      CHECK(target->options->kept.connect_retry == std::chrono::seconds(7));
      CHECK(target->options->kept.retry_count == 86400);
      CHECK(target->options->kept.compression == "zstd");
      CHECK(target->options->kept.zstd_level == 9);
      CHECK(step.step.credentials_from == db(2));
    }
    CHECK(found);
  }

  TEST_CASE("without GTID, all go on in the new primary's log where it stood") {
    const auto build = [](FakeServers& servers) {
      Instance primary = writable(mysql(1, ""));
      primary.gtid = {};
      primary.gtid.mode = "OFF";
      primary.server.binlog = {"bin.000001", 1000, BinlogType::Binary};
      servers.add(primary);
      for (const int number : {2, 3, 4}) {
        Instance replica = by_coordinates(number, 1, number == 3 ? 900 : 1000);
        replica.replication.read.log_pos = 1000;
        replica.server.binlog = {"bin.000007", 100 * number, BinlogType::Binary};
        servers.add(replica);
      }
    };
    for (const bool sibling_stands_still : {false, true}) {
      FakeServers servers;
      build(servers);
      if (sibling_stands_still) servers.freeze_applier(db(3));
      const Outcome outcome = take_over(servers, db(2));
      REQUIRE_MESSAGE(!outcome.error, said(outcome));
      CHECK(servers.writable() == std::vector<InstanceKey>{db(2)});
      for (const int number : {1, 3, 4}) {
        const Instance now = servers.at(db(number));
        if (number == 3 && sibling_stands_still) {
          CHECK(now.replication.source == db(1));
          CHECK(because(outcome, 3) != "not lost");
          continue;
        }
        check_below(servers, number, 2);
        CHECK(to_string(now.replication.exec) == "bin.000007:200");
      }
      // From when it follows, the old primary's log does not stand still.
      const auto last = std::find_if(
          outcome.steps.rbegin(), outcome.steps.rend(),
          [](const StepResult& result) { return is_change<PointTo>(result.step.action); });
      CHECK(last->step.server == db(1));
    }
    FakeServers servers;
    build(servers);
    servers.set(db(2), [](Instance& i) { i.replication.exec.log_pos = 800; });
    servers.freeze_applier(db(2));
    REQUIRE(take_over(servers, db(2)).error);
    CHECK(servers.changes().empty());
  }

  TEST_CASE("a preview refuses what a server says would be refused") {
    FakeServers servers;
    build_mysql(servers);
    const Foresight prepared = [](const Instance& before, const Step& step) -> Result<> {
      const bool asks = std::holds_alternative<CheckHandOver>(step.action);
      if (!asks || before.key != db(1)) return {};
      return fail(ErrorKind::Conflict, "1 prepared XA transaction");
    };
    const Planner planner = takeover({db(1), db(2), true, true}, Policy{});
    CHECK(std::holds_alternative<Done>(preview(planner, servers.records()).end));
    const Preview plan = preview(planner, servers.records(), prepared);
    REQUIRE(std::holds_alternative<GiveUp>(plan.end));
    CHECK(mentions(std::get<GiveUp>(plan.end).because.message, "1 prepared XA transaction"));
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

  TEST_CASE("nobody takes over who has purged what a delayed MariaDB sibling has yet to apply") {
    FakeServers servers;
    build_mariadb(servers);
    servers.set(db(3), [](Instance& i) { i.replication.sql_delay = std::chrono::hours(1); });
    servers.set(db(2), [](Instance& i) { i.gtid.mariadb_purged = "0-1-85"; });
    const Outcome refused = take_over(servers, db(2));
    CHECK(mentions(said(refused), "purged what the replica lacks: 0-1-85"));
    CHECK(servers.changes().empty());
    servers.set(db(3), [](Instance& i) { i.replication.sql_delay = std::chrono::hours(0); });
    CHECK(said(take_over(servers, db(2))).empty());
    check_below(servers, 3, 2);
  }

  TEST_CASE("a sibling with temporary tables follows when it has all that the old primary wrote") {
    for (const bool is_slow : {false, true}) {
      CAPTURE(is_slow);
      FakeServers servers;
      build_mariadb(servers);
      servers.set(db(3), [](Instance& i) { i.replication.temporary_tables = 2; });
      if (is_slow) servers.freeze_applier(db(3));
      const Outcome outcome = take_over(servers, db(2));
      REQUIRE(said(outcome).empty());
      check_below(servers, 1, 2);
      if (is_slow) {
        CHECK(mentions(because(outcome, 3), "holds 2 temporary tables of clients of db1:3306"));
        CHECK(servers.at(db(3)).replication.source == db(1));
        CHECK(servers.at(db(3)).replication.gtid_io_pos == "0-1-100");
      } else {
        check_below(servers, 3, 2);
      }
    }
  }
}
