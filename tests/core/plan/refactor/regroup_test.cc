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
}
