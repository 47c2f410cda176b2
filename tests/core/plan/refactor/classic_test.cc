// Moves by one level: planner and executor together, on servers that replicate in thought.

#include "core/plan/refactor/classic.h"

#include <doctest/doctest.h>

#include "tests/support/recovery_bench.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

Instance top() {
  Instance instance = writable(mysql(1, ""));
  instance.gtid = {};
  instance.gtid.mode = "OFF";
  return instance;
}

/// db1 < db2 by GTID, which has just connected and shows no place yet; db3 below by coordinates.
void build_reconnected(FakeServers& servers) {
  servers.add(writable(mariadb(1, "0-1-9")));
  Instance middle = following(mariadb(2, "0-1-9"), 1);
  middle.replication.read = middle.replication.exec = {};
  servers.add(middle);
  Instance replica = following(mariadb(3, "0-1-9"), 2);
  replica.gtid.uses_mariadb = false;
  servers.add(replica);
}

}  // namespace

TEST_SUITE("core/plan/refactor/classic") {
  TEST_CASE("up by coordinates: the source stands still, and its place becomes the replica's") {
    FakeServers servers;
    servers.add(top());
    servers.add(by_coordinates(2, 1, 700));
    servers.add(by_coordinates(3, 2, 1000));  // all of what db2's own log holds
    const Outcome outcome = run_plan(servers, move_up(db(3), Policy{}));
    CHECK(said(outcome) == "");
    CHECK(did(servers, "db3:3306 replicate from db1:3306 at bin.000001:700"));
    check_below(servers, 3, 1);
    check_below(servers, 2, 1);
    CHECK(outcome.account.moved == std::vector<InstanceKey>{db(3)});
  }

  TEST_CASE("up by coordinates: a source that follows by GTID first comes to a place that counts") {
    FakeServers servers;
    build_reconnected(servers);
    const Preview plan = preview(move_up(db(3), Policy{}), servers.records());
    REQUIRE_FALSE(plan.steps.empty());
    CHECK(describe(plan.steps.front().step) ==
          "db2:3306: wait (at most 20s) until bin.000001:1000 is executed");
    CHECK(said(run_plan(servers, move_up(db(3), Policy{}))) == "");
    CHECK(did(servers, "db3:3306 replicate from db1:3306 at bin.000001:1000"));
    check_below(servers, 3, 1);
    check_below(servers, 2, 1);
  }

  TEST_CASE("up by coordinates: of a source that never shows its place nothing is stopped") {
    for (const bool runs : {true, false}) {
      CAPTURE(runs);
      FakeServers servers;
      build_reconnected(servers);
      servers.freeze_applier(db(2));
      if (!runs)
        servers.set(db(2), [](Instance& it) {
          it.replication.io_state = it.replication.sql_state = ThreadState::Stopped;
        });
      const Outcome outcome = run_plan(servers, move_up(db(3), Policy{}));
      CHECK(mentions(said(outcome), runs ? "waited 20s in vain" : "its coordinates are not known"));
      CHECK(servers.changes().empty());
      check_below(servers, 3, 2);
    }
  }

  TEST_CASE("up by coordinates: one that does not come to where its source stands, stays (REF-4)") {
    FakeServers servers;
    servers.add(top());
    servers.add(by_coordinates(2, 1, 700));
    servers.add(by_coordinates(3, 2, 900));
    servers.freeze_applier(db(3));
    const Outcome outcome = run_plan(servers, move_up(db(3), Policy{}));
    CHECK(mentions(said(outcome), "db3:3306"));
    CHECK(servers.at(db(3)).replication.source == db(2));
    check_below(servers, 2, 1);
    CHECK(replica_running(servers.at(db(3))));
  }

  TEST_CASE("up by coordinates: an interrupted run tells who was moved already") {
    FakeServers servers;
    servers.add(top());
    servers.add(by_coordinates(2, 1, 700));
    servers.add(by_coordinates(3, 2, 1000));
    servers.add(by_coordinates(4, 2, 1000));
    servers.refuse(db(4), Change{StopReplication{}}.index(), 9);
    const Outcome outcome = run_until(servers, move_up_replicas(db(2), {}, Policy{}),
                                      "db3:3306 replicate from db1:3306 at bin.000001:700");
    REQUIRE(outcome.error);
    CHECK(outcome.error->kind == ErrorKind::Conflict);
    CHECK(outcome.account.moved == std::vector<InstanceKey>{db(3)});
    CHECK(mentions(because(outcome, 4), "interrupted"));
    check_below(servers, 3, 1);
    check_below(servers, 2, 1);
  }

  TEST_CASE("up: what counts is whether it can replicate from its source's source (REF-8)") {
    for (const int newer : {1, 2}) {
      CAPTURE(newer);
      FakeServers servers;
      servers.add(top());
      servers.add(by_coordinates(2, 1, 700));
      servers.add(by_coordinates(3, 2, 1000));
      servers.set(db(newer), [](Instance& it) { it.server.version = "9.1.0"; });
      const Outcome outcome = run_plan(servers, move_up(db(3), Policy{}));
      CHECK(said(outcome).empty() == (newer == 2));
      CHECK(servers.at(db(3)).replication.source == db(newer == 2 ? 1 : 2));
      check_below(servers, 2, 1);
    }
  }

  TEST_CASE("by GTID it stays by GTID, and nobody else is stopped (REF-9, REF-10)") {
    for (const bool is_mariadb_case : {false, true}) {
      FakeServers servers;
      is_mariadb_case ? build_mariadb(servers) : build_mysql(servers);
      const auto moved_by_gtid = [&](const Planner& planner, int below) {
        CHECK(said(run_plan(servers, planner)) == "");
        check_below(servers, 5, below);
        CHECK(uses_gtid(servers.at(db(5))));
      };
      moved_by_gtid(move_up(db(5), Policy{}), 1);
      moved_by_gtid(move_below(db(5), db(4), Policy{}), 4);
      moved_by_gtid(move_up_replicas(db(4), {}, Policy{}), 1);
      for (const std::string& change : servers.changes())
        CHECK_MESSAGE(change.starts_with("db5:3306"), change);
    }
  }

  TEST_CASE("only a move by coordinates shows that two places are the same (REF-7)") {
    const auto equal_places = [](FakeServers& servers, int number) {
      int count = 0;
      for (const StepResult& one : run_plan(servers, move_up(db(number), Policy{})).steps) {
        const auto* target = change_in<PointTo>(one.step.action);
        if (target != nullptr && target->equals) ++count;
      }
      return count;
    };
    FakeServers servers;
    servers.add(top());
    servers.add(by_coordinates(2, 1, 700));
    servers.add(by_coordinates(3, 2, 1000));
    CHECK(equal_places(servers, 3) == 1);
    FakeServers by_gtid;
    build_mysql(by_gtid);
    CHECK(equal_places(by_gtid, 5) == 0);
    check_below(by_gtid, 5, 1);
  }

  TEST_CASE("below a sibling by coordinates: the one behind is brought to the other's place") {
    for (const std::int64_t place : {100, 600}) {
      CAPTURE(place);
      FakeServers servers;
      servers.add(top());
      servers.add(by_coordinates(2, 1, 300));
      servers.add(by_coordinates(3, 1, place));
      const Outcome outcome = run_plan(servers, move_below(db(3), db(2), Policy{}));
      CHECK(said(outcome) == "");
      CHECK(did(servers, place < 300 ? "db3:3306 start replication until bin.000001:300"
                                     : "db2:3306 start replication until bin.000001:600"));
      CHECK(did(servers, "db3:3306 replicate from db2:3306 at bin.000001:1000"));
      check_below(servers, 3, 2);
      check_below(servers, 2, 1);
    }
  }

  TEST_CASE("one that does not come to its sibling's place is not left to stop there later") {
    for (const bool is_interrupted : {false, true}) {
      CAPTURE(is_interrupted);
      FakeServers servers;
      servers.add(top());
      servers.add(by_coordinates(2, 1, 300));
      servers.add(by_coordinates(3, 1, 100));
      servers.freeze_applier(db(3));
      const Planner planner = move_below(db(3), db(2), Policy{});
      const Outcome outcome =
          is_interrupted
              ? run_until(servers, planner, "db3:3306 start replication until bin.000001:300")
              : run_plan(servers, planner);
      CHECK(mentions(said(outcome), is_interrupted ? "interrupted" : "in vain"));
      CHECK(did(servers, "db3:3306 start replication until bin.000001:300"));
      CHECK(servers.started_until.empty());
      check_below(servers, 2, 1);
      check_below(servers, 3, 1);
    }
  }

  TEST_CASE("moves by one level are refused where there is no such level") {
    FakeServers servers;
    build_mysql(servers);
    CHECK(said(run_plan(servers, move_up(db(1), Policy{}))) ==
          "instance is not a replica: db1:3306");
    CHECK(said(run_plan(servers, move_up(db(2), Policy{}))) ==
          "master is not a replica itself: db1:3306");
    CHECK(said(run_plan(servers, move_below(db(5), db(2), Policy{}))) ==
          "instances are not siblings: db5:3306, db2:3306");
    CHECK(servers.changes().empty());
  }

  TEST_CASE("whoever leaves out GTID domains is not switched to coordinates, nor stopped for it") {
    const BinlogCoordinates place{"bin.000001", 1000, BinlogType::Binary};
    const std::pair<Planner, bool> cases[] = {
        {use_gtid(db(3), false, Policy{}), true},
        {move_equivalent(db(3), db(2), place, place, Policy{}), true},
        {move_below(db(3), db(2), Policy{}), false}};
    for (const auto& [planner, by_gtid] : cases) {
      FakeServers servers;
      servers.add(writable(mariadb(1, "0-1-100")));
      servers.add(following(mariadb(2, "0-1-100"), 1));
      servers.add(following(mariadb(3, "0-1-100"), 1));
      servers.set(db(3), [gtid = by_gtid](Instance& it) {
        it.replication.filters_domains = true;
        it.gtid.uses_mariadb = gtid;
      });
      CHECK(mentions(said(run_plan(servers, planner)), "IGNORE_DOMAIN_IDS"));
      CHECK(servers.changes().empty());
    }
  }

  TEST_CASE("coordinates that a replica by GTID does not tell yet are waited for, never made up") {
    for (const bool receives : {true, false}) {
      FakeServers servers;
      servers.add(writable(mariadb(1, "0-1-100")));
      servers.add(following(mariadb(3, "0-1-100"), 1));
      servers.set(db(3), [&](Instance& it) {
        it.replication.read = it.replication.exec = {};
        if (!receives) it.replication.io_state = it.replication.sql_state = ThreadState::Stopped;
      });
      const Outcome outcome = run_plan(servers, use_gtid(db(3), false, Policy{}));
      CHECK(servers.at(db(3)).gtid.uses_mariadb != receives);
      CHECK(to_string(servers.at(db(3)).replication.exec) == (receives ? "bin.000001:1000" : ":0"));
      CHECK(mentions(said(outcome), receives ? "" : "its coordinates are not known"));
    }
  }

  TEST_CASE("a link to a co-master is undone when somebody interrupts") {
    for (const bool is_mariadb_case : {false, true}) {
      FakeServers servers;
      is_mariadb_case ? build_mariadb(servers) : build_mysql(servers);
      const Outcome outcome =
          run_until(servers, make_co_source(db(2), Policy{}), "db1:3306 start replication");
      CHECK(said(outcome) == "interrupted");
      CHECK(outcome.error->kind == ErrorKind::Conflict);
      CHECK(did(servers, "db1:3306 start replication"));
      CHECK_FALSE(is_replica(servers.at(db(1))));
      check_below(servers, 2, 1);
      CHECK(outcome.left.empty());
    }
  }

  TEST_CASE("a co-master is read-only, and no live partner is left for it") {
    FakeServers servers;
    build_mysql(servers);
    servers.set(db(2), [](Instance& it) { it.server.read_only = false; });
    CHECK(mentions(said(run_plan(servers, make_co_source(db(2), Policy{}))), "is not read-only"));
    servers.set(db(2), [](Instance& it) { it.server.read_only = true; });
    CHECK(said(run_plan(servers, make_co_source(db(5), Policy{}))) ==
          "db4:3306 is not a real master; it replicates from: db1:3306");
    CHECK(servers.changes().empty());
    CHECK(said(run_plan(servers, make_co_source(db(2), Policy{}))) == "");
    check_below(servers, 1, 2);
    check_below(servers, 2, 1);
  }

  TEST_CASE("a master that cannot follow its co-master to be forgets it again") {
    FakeServers servers;
    build_mysql(servers);
    servers.purge_all(db(2));
    const Outcome outcome = run_plan(servers, make_co_source(db(2), Policy{}));
    CHECK(mentions(said(outcome), "1236"));
    CHECK_FALSE(mentions(said(outcome), "is left with"));
    CHECK(did(servers, "db1:3306 replicate from db2:3306 by GTID"));
    CHECK_FALSE(is_replica(servers.at(db(1))));
    CHECK_FALSE(servers.at(db(1)).server.read_only);
    check_below(servers, 2, 1);
  }

  TEST_CASE("a link to a co-master that cannot be undone is told") {
    FakeServers servers;
    build_mysql(servers);
    servers.purge_all(db(2));
    servers.refuse(db(1), Change{ResetReplication{}}.index(), 9);
    const Outcome outcome = run_plan(servers, make_co_source(db(2), Policy{}));
    CHECK(mentions(said(outcome), "1236"));
    CHECK(mentions(said(outcome), "; db1:3306 is left with db2:3306 as its source"));
  }

  TEST_CASE("a master that had another source by GTID gets it back") {
    FakeServers servers;
    build_mariadb(servers);
    servers.add(following(mariadb(6, "0-1-100"), 1));
    servers.set(db(1), [](Instance& i) {
      i = following(i, 6);
      i.gtid.mariadb_current = true;
    });
    servers.purge_all(db(2));
    const Outcome outcome = run_plan(servers, make_co_source(db(2), Policy{}));
    CHECK(mentions(said(outcome), "1236"));
    check_below(servers, 1, 6);
    CHECK(servers.at(db(1)).gtid.mariadb_current);
  }

  TEST_CASE("a new co-master gets its replica's TLS options and user (REF-12)") {
    FakeServers servers;
    build_mysql(servers);
    servers.set(db(2), [](Instance& it) {
      it.replication.allow_tls = true;
      it.replication.tls.ca_file = "/ca.pem";
    });
    const Outcome outcome = run_plan(servers, make_co_source(db(2), Policy{}));
    CHECK(said(outcome) == "");
    bool found = false;
    for (const StepResult& one : outcome.steps) {
      const auto* target = change_in<PointTo>(one.step.action);
      if (target == nullptr || one.step.server != db(1)) continue;
      found = true;
      REQUIRE(target->options);
      CHECK(target->options->use_tls);
      CHECK(target->options->tls.ca_file == "/ca.pem");
      CHECK(one.step.credentials_from == db(2));
    }
    CHECK(found);
  }
}
