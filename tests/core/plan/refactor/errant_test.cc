#include "core/plan/refactor/errant.h"

#include <doctest/doctest.h>

#include "tests/support/recovery_bench.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

TEST_SUITE("core/plan/refactor/errant") {
  TEST_CASE("errant GTIDs: what the source has not, and its own are never among them") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    servers.add(following(mysql(2, gtids("1-100") + "," + gtids("1-3", 2)), 1, gtids("1-100")));
    servers.add(following(mysql(3, gtids("1-100")), 1));
    for (const int none : {1, 3}) {
      CHECK(mentions(said(run_plan(servers, reset_errant(db(none), Policy{}))), "no errant GTID"));
    }
    servers.add(following(mysql(4, gtids("1-100")), 2));
    CHECK(mentions(said(run_plan(servers, reset_errant(db(2), Policy{}))), "it has 1 replicas"));
    CHECK(said(run_plan(servers, inject_errant(db(2), Policy{}))) == "");
    CHECK(servers.changes().back() ==
          "db1:3306 commit 3 empty transactions, from " + gtids("1", 2) + " to " + gtids("3", 2));
    servers.set(db(4), [](Instance& it) { it.replication.source = db(1); });
    CHECK(said(run_plan(servers, reset_errant(db(2), Policy{}))) == "");
    CHECK(servers.at(db(2)).gtid.executed == gtids("1-100"));
    check_below(servers, 2, 1);
  }

  TEST_CASE("errant GTIDs: those with a tag go first, as they may be refused") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    servers.add(following(mysql(2, gtids("1-100") + "," + gtids("1-2:night:1-2", 2)), 1));
    CHECK(said(run_plan(servers, inject_errant(db(2), Policy{}))) == "");
    CHECK(servers.changes().back() == "db1:3306 commit 4 empty transactions, from " +
                                          gtids("night:1", 2) + " to " + gtids("2", 2));
  }

  TEST_CASE("errant GTIDs: more than can be injected one by one are refused (REF-19)") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    const std::string many = gtids("1-4000000000000", 2);
    servers.add(following(mysql(2, gtids("1-100") + "," + many), 1, gtids("1-100")));
    CHECK(mentions(said(run_plan(servers, inject_errant(db(2), Policy{}))), "at most 10000"));
    CHECK(servers.changes().empty());
  }

  TEST_CASE("a history that the server did not give up is kept, and replication goes on") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    servers.add(following(mysql(2, gtids("1-100") + "," + gtids("1-3", 2)), 1, gtids("1-100")));
    servers.refuse(db(2), Change(ResetGtidHistory{}).index(), 1);
    const std::string text = said(run_plan(servers, reset_errant(db(2), Policy{})));
    CHECK(mentions(text, "the server said no"));
    CHECK_FALSE(mentions(text, "gtid_purged"));
    check_below(servers, 2, 1);
  }
}
