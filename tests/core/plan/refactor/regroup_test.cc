#include "core/plan/refactor/regroup.h"

#include <doctest/doctest.h>

#include "tests/support/recovery_bench.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

TEST_SUITE("core/plan/refactor/regroup") {
  TEST_CASE("regrouping takes the best one, and nobody loses what it has") {
    FakeServers servers;
    build_mysql(servers);
    const Outcome outcome = run_plan(servers, regroup_replicas(db(1), RegroupBy::Best, Policy{}));
    CHECK(said(outcome) == "");
    REQUIRE(outcome.account.promoted);
    CHECK(outcome.account.moved.size() == 2);
    CHECK(servers.at(*outcome.account.promoted).replication.source == db(1));
  }

  TEST_CASE("the replicas of an intermediate master are regrouped, whoever stands above it") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    servers.add(following(mysql(2, gtids("1-100")), 1));
    servers.add(following(mysql(3, gtids("1-99")), 2));
    servers.add(following(mysql(4, gtids("1-95")), 2));
    const Outcome outcome = run_plan(servers, regroup_replicas(db(2), RegroupBy::Gtid, Policy{}));
    CHECK(said(outcome) == "");
    REQUIRE(outcome.account.promoted);
    CHECK(*outcome.account.promoted == db(3));
    CHECK(servers.at(db(4)).replication.source == db(3));
    CHECK(servers.at(db(3)).replication.source == db(2));
  }
}
