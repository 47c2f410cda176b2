// Who is moved where: planner and executor together, on servers that replicate in thought.

#include "core/plan/refactor/relocate.h"

#include <doctest/doctest.h>

#include "core/plan/refactor/classic.h"
#include "core/plan/refactor/match.h"
#include "core/plan/refactor/regroup.h"
#include "tests/support/recovery_bench.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

/// db1, which takes the writes, and db2 follow each other; db3 and db4 follow db2.
void build_pair(FakeServers& servers) {
  servers.add(writable(following(mysql(1, gtids("1-100")), 2)));
  servers.add(following(mysql(2, gtids("1-100")), 1));
  servers.add(following(mysql(3, gtids("1-100")), 2));
  servers.add(following(mysql(4, gtids("1-100")), 2));
}

void check_left_above(const FakeServers& servers, const Outcome& outcome) {
  CHECK(said(outcome) == "");
  check_below(servers, 1, 2);
  check_below(servers, 2, 1);
  CHECK(mentions(because(outcome, 1), "is a descendant of db1:3306"));
}

}  // namespace

TEST_SUITE("core/plan/refactor/relocate") {
  TEST_CASE("of its siblings a server takes none that stands above it") {
    FakeServers servers;
    build_pair(servers);
    check_left_above(servers, run_plan(servers, take_siblings(db(4), {})));
    check_below(servers, 3, 4);
  }

  TEST_CASE("regrouping brings nobody below its own replica") {
    for (const RegroupBy by : {RegroupBy::Best, RegroupBy::Gtid}) {
      FakeServers servers;
      build_pair(servers);
      servers.set(db(1), [](Instance& it) { it.promotion_rule = PromotionRule::MustNot; });
      const Outcome outcome = run_plan(servers, regroup_replicas(db(2), by, {}));
      check_left_above(servers, outcome);
      CHECK(outcome.account.moved.size() == 1);
    }
  }

  TEST_CASE("a local master takes none that stands above it") {
    FakeServers servers;
    build_pair(servers);
    check_left_above(servers, run_plan(servers, make_local_source(db(3), {})));
    check_below(servers, 3, 1);
    check_below(servers, 4, 3);
  }

  TEST_CASE("nobody moves below its own replica by coordinates") {
    FakeServers servers;
    servers.add(writable(by_coordinates(1, 2, 1000)));
    servers.add(by_coordinates(2, 1, 1000));
    servers.add(by_coordinates(4, 2, 1000));
    CHECK(mentions(said(run_plan(servers, move_below(db(1), db(4), {}))),
                   "db4:3306 is a descendant of db1:3306"));
    const BinlogCoordinates place{"bin.000001", 1000, BinlogType::Binary};
    CHECK(mentions(said(run_plan(servers, move_equivalent(db(1), db(4), place, place, {}))),
                   "db4:3306 is a descendant of db1:3306"));
    CHECK(servers.changes().empty());
  }

  TEST_CASE("a circle that is asked for is made, and told") {
    FakeServers servers;
    build_pair(servers);
    const Outcome circle = run_plan(servers, repoint(db(1), db(4), {}));
    CHECK(said(circle) == "");
    check_below(servers, 1, 4);
    REQUIRE(circle.account.notes.size() == 1);
    CHECK(mentions(circle.account.notes.front(), "circle"));
    CHECK(run_plan(servers, repoint(db(3), db(4), {})).account.notes.empty());
  }
}
