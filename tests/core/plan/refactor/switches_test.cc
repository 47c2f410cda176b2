// Replication is switched on one server.

#include "core/plan/refactor/switches.h"

#include <doctest/doctest.h>

#include "tests/support/recovery_bench.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

/// Nobody would send again what db2 holds while db1, its source, is dead.
void check_refused_while_dead(FakeServers& servers, const Planner& planner) {
  servers.kill(db(1));
  const Outcome refused = run_plan(servers, planner);
  CHECK(mentions(said(refused), "db2:3306 would lose what it has received"));
  CHECK(mentions(said(refused), "db1:3306 does not answer"));
  CHECK(servers.changes().empty());
  servers.revive(db(1));
  CHECK(said(run_plan(servers, planner)).empty());
  CHECK_FALSE(servers.changes().empty());
}

}  // namespace

TEST_SUITE("core/plan/refactor/switches") {
  TEST_CASE("a replica that would not start again for its own transactions is not stopped") {
    const Planner planners[] = {restart_replication(db(2), {}),
                                delay_replication(db(2), std::chrono::seconds(5))};
    for (const Planner& planner : planners) {
      FakeServers servers;
      servers.add(writable(mariadb(1, "0-1-40")));
      Instance replica = following(mariadb(2, "0-1-40,0-2-60"), 1);
      replica.gtid.mariadb_slave_pos = "0-1-40";
      replica.gtid.mariadb_current = true;
      replica.gtid.mariadb_current_pos = "0-2-60";
      servers.add(replica);
      const Outcome refused = run_plan(servers, planner);
      CHECK(mentions(said(refused), "db2:3306 replicates with MASTER_USE_GTID=current_pos"));
      CHECK(mentions(said(refused), "(0-2-60): stopped, it would not start again"));
      CHECK(servers.changes().empty());
      servers.set(db(2), [](Instance& i) { i.gtid.mariadb_current_pos = "0-1-40"; });
      CHECK(said(run_plan(servers, planner)).empty());
      CHECK_FALSE(servers.changes().empty());
      check_below(servers, 2, 1);
    }
  }

  TEST_CASE("no MariaDB replica throws away what it has received when its source is dead") {
    const Planner planners[] = {restart_replication(db(2), {}),
                                delay_replication(db(2), std::chrono::seconds(0))};
    for (const Planner& planner : planners) {
      FakeServers servers;
      servers.add(writable(mariadb(1, "0-1-40")));
      Instance replica = following(mariadb(2, "0-1-30"), 1, "0-1-40");
      replica.replication.sql_delay = std::chrono::hours(1);
      servers.add(replica);
      check_refused_while_dead(servers, planner);
    }
  }

  TEST_CASE("no credentials are told by which a replica throws away what it alone holds") {
    for (const bool with_mariadb : {false, true}) {
      CAPTURE(with_mariadb);
      FakeServers servers;
      with_mariadb ? build_mariadb(servers) : build_mysql(servers);
      servers.set(db(2), [](Instance& i) {
        i.replication.io_state = i.replication.sql_state = ThreadState::Stopped;
      });
      check_refused_while_dead(servers, change_source_credentials(db(2), {}));
    }
  }

  TEST_CASE("who forgets a source says what it throws away") {
    FakeServers servers;
    build_mysql(servers);
    servers.set(db(2), [](Instance& i) { i.replication.sql_delay = std::chrono::hours(1); });
    const Outcome outcome = run_plan(servers, reset_replication(db(2), {}));
    CHECK(said(outcome).empty());
    REQUIRE(outcome.account.notes.size() == 1);
    CHECK(mentions(outcome.account.notes.front(),
                   "what db2:3306 had received and not applied is thrown away: 10 transactions"));
    CHECK(run_plan(servers, reset_replication(db(4), {})).account.notes.empty());
  }

  TEST_CASE("no stopped MariaDB replica is started that throws away what it alone holds") {
    for (const bool is_known : {true, false}) {
      CAPTURE(is_known);
      FakeServers servers;
      if (is_known) servers.add(writable(mariadb(1, "0-1-40")));
      Instance replica = following(mariadb(2, "0-1-30"), 1, "0-1-40");
      Replication& replication = replica.replication;
      replication.io_state = replication.sql_state = ThreadState::Stopped;
      replication.read.log_pos = 2000;
      replication.relay = {"relay.000002", 629, BinlogType::Relay};
      servers.add(replica);
      servers.kill(db(1));
      const Outcome refused = run_plan(servers, start_replication(db(2), {}));
      CHECK(mentions(said(refused), "db2:3306 would lose what it has received, and db1:3306 "));
      CHECK(mentions(said(refused), "RELAY_LOG_FILE = 'relay.000002', RELAY_LOG_POS = 629;"));
      CHECK(servers.changes().empty());
      // The applier alone is started then, which keeps the relay logs.
      servers.set(db(2), [](Instance& i) { i.replication.io_state = ThreadState::Other; });
      run_plan(servers, start_replication(db(2), {}));
      CHECK_FALSE(servers.changes().empty());
    }
  }

  TEST_CASE("a stopped MariaDB replica is started whose source sends again what it holds") {
    FakeServers servers;
    servers.add(writable(mariadb(1, "0-1-40")));
    Instance replica = following(mariadb(2, "0-1-30"), 1, "0-1-40");
    replica.replication.io_state = replica.replication.sql_state = ThreadState::Stopped;
    servers.add(replica);
    CHECK(said(run_plan(servers, start_replication(db(2), {}))).empty());
    check_below(servers, 2, 1);
  }

  TEST_CASE("a nice stop that is interrupted starts the receiver again") {
    for (const bool with_mariadb : {false, true}) {
      for (const bool applier_ran : {false, true}) {
        CAPTURE(with_mariadb);
        CAPTURE(applier_ran);
        FakeServers servers;
        with_mariadb ? build_mariadb(servers) : build_mysql(servers);
        servers.freeze_applier(db(2));
        if (!applier_ran) {
          servers.set(db(2), [](Instance& i) { i.replication.sql_state = ThreadState::Stopped; });
        }
        const Outcome outcome =
            run_until(servers, stop_replication_nicely(db(2), {}), "db2:3306 stop the receiver");
        CHECK(mentions(said(outcome), "interrupted"));
        CHECK(runs(servers.at(db(2)).replication.io_state));
      }
    }
  }

  TEST_CASE("a nice stop rolls back what came in part, for which the server would wait") {
    for (const bool in_part : {true, false}) {
      CAPTURE(in_part);
      FakeServers servers;
      build_mysql(servers);
      if (in_part) {
        servers.set(db(2), [](Instance& i) {
          i.replication.partial = {"bin.000001", 1500, BinlogType::Binary};
        });
      }
      CHECK(said(run_plan(servers, stop_replication_nicely(db(2), {}))).empty());
      CHECK(did(servers, "db2:3306 roll back what it has received in part, if anything") ==
            in_part);
      CHECK(replication_threads_stopped(servers.at(db(2))));
    }
  }

  TEST_CASE("no event is skipped of what comes by MariaDB GTID") {
    for (const bool by_gtid : {true, false}) {
      CAPTURE(by_gtid);
      FakeServers servers;
      build_mariadb(servers);
      servers.set(db(2), [&](Instance& i) {
        i.replication.sql_state = ThreadState::Stopped;
        i.replication.last_sql_error = "Duplicate entry";
        i.gtid.uses_mariadb = by_gtid;
      });
      const Outcome outcome = run_plan(servers, skip_query(db(2), "", {}));
      CHECK(mentions(said(outcome), "by MariaDB GTID") == by_gtid);
      CHECK(did(servers, "db2:3306 skip the event that stopped the applier") != by_gtid);
    }
  }

  TEST_CASE("a delay is changed without starting a thread that was stopped") {
    FakeServers servers;
    build_mariadb(servers);
    servers.set(db(2), [](Instance& i) { i.replication.sql_state = ThreadState::Stopped; });
    CHECK(said(run_plan(servers, delay_replication(db(2), std::chrono::seconds(5)))).empty());
    CHECK(servers.at(db(2)).replication.sql_delay == std::chrono::seconds(5));
    CHECK(servers.at(db(2)).replication.sql_state == ThreadState::Stopped);
    CHECK(servers.at(db(2)).replication.io_state == ThreadState::Running);
  }

  TEST_CASE("the user's password is told anew to a stopped replica only") {
    FakeServers servers;
    build_mysql(servers);
    CHECK(said(run_plan(servers, change_source_credentials(db(2), Policy{}))) ==
          "ChangeMasterTo: Cannot change master on: db2:3306 because replication is running");
    servers.set(db(2), [](Instance& it) {
      it.replication.io_state = it.replication.sql_state = ThreadState::Stopped;
    });
    CHECK(said(run_plan(servers, change_source_credentials(db(2), Policy{}))) == "");
    CHECK(servers.at(db(2)).replication.source == db(1));
  }

  TEST_CASE("where there are several sources, no statement is sent that may mean another") {
    for (const bool with_mariadb : {false, true}) {
      CAPTURE(with_mariadb);
      FakeServers servers;
      with_mariadb ? build_mariadb(servers) : build_mysql(servers);
      servers.set(db(2), [](Instance& i) { i.replication.channels = 2; });
      const auto refuses = [&](const Planner& planner) {
        return mentions(said(run_plan(servers, planner)), "replicates from 2 sources");
      };
      CHECK(refuses(reset_replication(db(2), {})));
      CHECK(refuses(delay_replication(db(2), std::chrono::seconds(5))));
      CHECK(refuses(stop_replication(db(2), {})));
      CHECK(refuses(stop_replication_nicely(db(2), {})));
      CHECK(refuses(start_replication(db(2), {})));
      CHECK(refuses(restart_replication(db(2), {})));
      CHECK(refuses(set_semi_sync_replica(db(2), true)));
      servers.set(db(2), [](Instance& i) {
        i.replication.io_state = i.replication.sql_state = ThreadState::Stopped;
        i.replication.last_sql_error = "duplicate key";
      });
      CHECK(refuses(skip_query(db(2), "", {})));
      servers.set(db(2), [](Instance& i) { i.gtid.uses_oracle = false; });
      CHECK(refuses(skip_query(db(2), "", {})));  // nor by coordinates: it has one all the same
      servers.set(db(2), [](Instance& i) { i.gtid.uses_oracle = true; });
      CHECK(refuses(change_source_credentials(db(2), {})));
      CHECK(servers.changes().empty());
    }
  }
}
