// Moves to, from and of binlog servers: planner and executor together, on servers that replicate in
// thought.

#include "core/plan/binlog_family.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "core/plan/refactor/classic.h"
#include "core/plan/refactor/match.h"
#include "core/plan/refactor/regroup.h"
#include "core/plan/refactor/relocate.h"
#include "tests/support/recovery_bench.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

/// db1 with the binlog servers db2 and db3 and the replica db4 below; db5 below db2.
void build_family(FakeServers& servers) {
  Instance top = writable(mysql(1, ""));
  top.gtid = {};
  servers.add(top);
  servers.add(binlog_server(2, 1, 800));
  servers.add(binlog_server(3, 1, 900));
  servers.add(by_coordinates(4, 1, 700));
  servers.add(by_coordinates(5, 2, 600));
}

bool touched(const FakeServers& servers, int number) {
  const std::vector<std::string> all = servers.changes();
  return std::any_of(all.begin(), all.end(), [&](const std::string& change) {
    return change.starts_with(to_string(db(number)) + ' ');
  });
}

bool all(const Instance& /*instance*/) {
  return true;
}

}  // namespace

TEST_SUITE("core/plan/binlog_family") {
  TEST_CASE("within a family a replica keeps its coordinates: to a sibling, across and up") {
    FakeServers servers;
    build_family(servers);
    CHECK(said(run_plan(servers, relocate(db(4), db(3), Policy{}))) == "");
    CHECK(did(servers, "db4:3306 replicate from db3:3306 at bin.000001:700"));
    check_below(servers, 4, 3);
    CHECK(said(run_plan(servers, relocate(db(5), db(3), Policy{}))) == "");
    CHECK(did(servers, "db5:3306 replicate from db3:3306 at bin.000001:800"));
    check_below(servers, 5, 3);
    CHECK(said(run_plan(servers, relocate(db(5), db(1), Policy{}))) == "");
    CHECK(did(servers, "db5:3306 replicate from db1:3306 at bin.000001:900"));
    check_below(servers, 5, 1);
    CHECK(said(run_plan(servers, relocate(db(2), db(3), Policy{}))) == "");
    check_below(servers, 2, 3);
    for (const int number : {1, 3})
      CHECK_FALSE(touched(servers, number));
  }

  TEST_CASE("a replica by GTID goes on by coordinates below a binlog server") {
    for (const bool mariadb_case : {false, true}) {
      FakeServers servers;
      servers.add(writable(mariadb_case ? mariadb(1, "0-1-9") : mysql(1, gtids("1-9"))));
      servers.add(binlog_server(2, 1, 1000));
      servers.add(following(mariadb_case ? mariadb(3, "0-1-9") : mysql(3, gtids("1-9")), 1));
      CHECK(said(run_plan(servers, relocate(db(3), db(2), Policy{}))) == "");
      CHECK(did(servers, "db3:3306 replicate from db2:3306 at bin.000001:1000"));
      check_below(servers, 3, 2);
      CHECK_FALSE(uses_gtid(servers.at(db(3))));
    }
  }

  TEST_CASE("no replica goes below a binlog server that has less: it waits, or stays") {
    FakeServers servers;
    build_family(servers);
    servers.set(db(4), [](Instance& it) {
      it.replication.read = it.replication.exec = {"bin.000001", 850};
    });
    servers.set(db(2), [](Instance& it) {
      it.replication.io_state = it.replication.sql_state = ThreadState::Stopped;
    });
    const Outcome outcome = run_plan(servers, relocate(db(4), db(2), Policy{}));
    CHECK(mentions(said(outcome), "after bin.000001:800 up to bin.000001:850"));
    check_below(servers, 4, 1);
    CHECK(mentions(said(run_plan(servers, repoint(db(4), db(2), Policy{}))), "bin.000001:850"));
    check_below(servers, 4, 1);

    // Below db3 it gets there while db4 waits.
    servers.add(binlog_server(2, 3, 800));
    CHECK(said(run_plan(servers, relocate(db(4), db(2), Policy{}))) == "");
    check_below(servers, 4, 2);
  }

  TEST_CASE("to a binlog server of another family a replica goes by way of its master") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-9"))));
    servers.add(following(mysql(2, gtids("1-9")), 1));
    servers.add(binlog_server(3, 2, 1000));
    servers.add(following(mysql(4, gtids("1-9")), 1));
    servers.add(following(mysql(5, gtids("1-9")), 1));
    CHECK(said(run_plan(servers, relocate(db(4), db(3), Policy{}))) == "");
    CHECK(did(servers, "db4:3306 replicate from db2:3306 by GTID"));
    check_below(servers, 4, 3);
    servers.set(db(4), [](Instance& it) { it.replication.source = db(1); });
    servers.set(db(4), [](Instance& it) { it.gtid.uses_oracle = true; });
    servers.set(db(5), [](Instance& it) { it.server.id = 2; });  // as db2: cannot follow that one
    const ReplicaFilter leaves = [](const Instance& it) {
      return it.key != db(2);
    };
    const Outcome outcome = run_plan(servers, relocate_replicas(db(1), db(3), leaves, Policy{}));
    CHECK(said(outcome) == "");
    check_below(servers, 4, 3);
    check_below(servers, 5, 1);
    CHECK(outcome.account.moved == std::vector<InstanceKey>{db(4)});
    CHECK(mentions(because(outcome, 5), "could not be moved below db2:3306"));
  }

  TEST_CASE("by coordinates alone, too, there and away") {
    FakeServers servers;
    build_family(servers);
    servers.add(binlog_server(6, 4, 1000));
    servers.add(by_coordinates(7, 1, 700));
    CHECK(said(run_plan(servers, relocate(db(7), db(6), Policy{}))) == "");
    CHECK(did(servers, "db7:3306 replicate from db4:3306 at bin.000001:1000"));
    check_below(servers, 7, 6);
    CHECK(said(run_plan(servers, relocate(db(5), db(4), Policy{}))) == "");
    CHECK(did(servers, "db5:3306 replicate from db1:3306 at bin.000001:800"));
    check_below(servers, 5, 4);
    check_below(servers, 4, 1);
  }

  TEST_CASE("a binlog server goes nowhere but within its family") {
    FakeServers servers;
    build_family(servers);
    CHECK(said(run_plan(servers, relocate(db(2), db(4), Policy{}))) ==
          "Relocating db2:3306 below db4:3306 turns to be too complex; please do it manually");
    CHECK(
        mentions(said(run_plan(servers, relocate(db(2), db(5), Policy{}))), "is a descendant of"));
    CHECK(servers.changes().empty());
  }

  TEST_CASE("move-up, move-below and their plurals repoint, GTID or not") {
    FakeServers servers;
    build_family(servers);
    CHECK(said(run_plan(servers, move_up(db(5), Policy{}))) == "");
    check_below(servers, 5, 1);
    CHECK(said(run_plan(servers, move_below(db(5), db(3), Policy{}))) == "");
    check_below(servers, 5, 3);
    CHECK(said(run_plan(servers, move_up_replicas(db(3), all, Policy{}))) == "");
    check_below(servers, 5, 1);
    CHECK(said(run_plan(servers, relocate_replicas(db(1), db(3), all, Policy{}))) == "");
    for (const int number : {2, 4, 5})
      check_below(servers, number, 3);
    CHECK(said(run_plan(servers, relocate_replicas(db(3), db(1), all, Policy{}))) == "");
    for (const int number : {2, 4, 5})
      check_below(servers, number, 1);
    CHECK_FALSE(touched(servers, 1));
    CHECK_FALSE(touched(servers, 3));
  }

  TEST_CASE("match-replicas needs no Pseudo-GTID within a family") {
    FakeServers servers;
    build_family(servers);
    CHECK(said(run_plan(servers, match_replicas(db(2), db(1), all, Policy{}))) == "");
    check_below(servers, 5, 1);
    CHECK(said(run_plan(servers, match_replicas(db(1), db(3), all, Policy{}))) == "");
    for (const int number : {2, 4, 5})
      check_below(servers, number, 3);
    CHECK(said(run_plan(servers, match_up_replicas(db(3), all, Policy{}))) == "");
    for (const int number : {2, 4, 5})
      check_below(servers, number, 1);
  }

  TEST_CASE("those below a binlog server move without it, and it is named") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-9"))));
    servers.add(following(mysql(2, gtids("1-9")), 1));
    servers.add(binlog_server(3, 1, 1000));
    servers.add(following(mysql(4, gtids("1-9")), 3));
    const Outcome outcome = run_plan(servers, relocate_replicas(db(1), db(2), all, Policy{}));
    CHECK(said(outcome) == "");
    CHECK(outcome.account.moved == std::vector<InstanceKey>{db(4)});
    check_below(servers, 4, 2);
    check_below(servers, 3, 1);
    CHECK(mentions(because(outcome, 3), "not GTID compatible"));
  }

  TEST_CASE("regrouping binlog servers takes the most advanced one") {
    FakeServers servers;
    build_family(servers);
    servers.set(db(4), [](Instance& it) { it.replication.source = db(5); });
    const Outcome outcome = run_plan(servers, regroup_replicas(db(1), RegroupBy::Best, Policy{}));
    CHECK(outcome.account.promoted == db(3));
    check_below(servers, 2, 3);
  }
}
