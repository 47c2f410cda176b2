#include "core/plan/recovery/repairs.h"

#include <doctest/doctest.h>

#include "tests/support/recovery_bench.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

/// db1 waits for `wanted` acknowledgements and has `clients`; db2, db3 and db4 could give them.
void build(FakeServers& servers, unsigned wanted, unsigned clients) {
  servers.add(writable(mysql(1, gtids("1-100"))));
  servers.set(db(1), [&](Instance& i) {
    i.semi_sync.source_enabled = true;
    i.semi_sync.source_wait_for_replica_count = wanted;
    i.semi_sync.source_clients = clients;
  });
  for (const unsigned number : {2U, 3U, 4U}) {
    Instance replica = following(mysql(static_cast<int>(number), gtids("1-100")), 1);
    replica.semi_sync.priority = number;
    servers.add(replica);
  }
}

std::vector<int> acknowledging(const FakeServers& servers) {
  std::vector<int> found;
  for (const int number : {2, 3, 4}) {
    if (servers.at(db(number)).semi_sync.replica_enabled) found.push_back(number);
  }
  return found;
}

Outcome repair(FakeServers& servers, SemiSyncGoal goal) {
  return run_plan(servers, semi_sync_repair(db(1), goal, Policy{}));
}

}  // namespace

TEST_SUITE("core/plan/recovery/repairs") {
  TEST_CASE("a primary that takes no writes is made writable") {
    FakeServers servers;
    servers.add(mysql(1, gtids("1-100")));
    servers.add(following(mysql(2, gtids("1-100")), 1));
    const Outcome outcome = run_plan(servers, not_writable(db(1), {}));
    REQUIRE_FALSE(outcome.error);
    CHECK(servers.writable() == std::vector<InstanceKey>{db(1)});
    CHECK(outcome.account.promoted == db(1));
  }

  TEST_CASE("but not beside another that does, nor a replica (REC-36)") {
    FakeServers servers;
    servers.add(mysql(1, gtids("1-100")));
    servers.add(writable(mysql(2, gtids("1-100"))));
    servers.add(following(mysql(3, gtids("1-100")), 1));
    CHECK(run_plan(servers, not_writable(db(1), {})).error);
    CHECK(run_plan(servers, not_writable(db(3), {})).error);
    servers.kill(db(2));
    CHECK(run_plan(servers, not_writable(db(1), {})).error);
    CHECK(servers.changes().empty());
  }

  TEST_CASE("nor while somebody below it cannot be read, who may have become the master") {
    for (const char* state : {"down", "denying", "silent"}) {
      CAPTURE(state);
      FakeServers servers;
      servers.add(mysql(1, gtids("1-100")));
      servers.add(following(mysql(2, gtids("1-100")), 1));
      servers.add(following(mysql(3, gtids("1-100")), 2));
      if (state == std::string_view("down")) servers.kill(db(3));
      if (state == std::string_view("denying")) servers.deny(db(3));
      if (state == std::string_view("silent")) servers.hang(db(3));
      const Outcome outcome = run_plan(servers, not_writable(db(1), {}));
      const bool may_write = state != std::string_view("down");
      REQUIRE(outcome.error.has_value() == may_write);
      CHECK(servers.changes().empty() == may_write);
      if (may_write) CHECK(mentions(outcome.error->message, "db3:3306"));
    }
  }

  TEST_CASE("nor when a recovery that failed had told another to take writes, and that may do so") {
    for (const char* state : {"silent", "writable", "read-only"}) {
      CAPTURE(state);
      FakeServers servers;
      servers.add(mysql(1, gtids("1-100")));
      servers.add(mysql(2, gtids("1-100")));
      servers.set(db(2), [&](Instance& i) {
        i.cluster_name = "db2:3306";
        i.server.read_only = state != std::string_view("writable");
      });
      if (state == std::string_view("silent")) servers.kill(db(2));
      const Outcome outcome = run_plan(servers, not_writable(db(1), {db(2)}));
      CHECK(outcome.error.has_value() == (state != std::string_view("read-only")));
      CHECK(servers.at(db(1)).server.read_only == (state != std::string_view("read-only")));
    }
  }

  TEST_CASE("enough: as many are switched on as are missing, best priority first (REC-37)") {
    FakeServers servers;
    build(servers, 2, 0);
    REQUIRE_FALSE(repair(servers, SemiSyncGoal::Enough).error);
    CHECK(acknowledging(servers) == std::vector<int>{3, 4});
    for (const int number : {2, 3, 4})
      CHECK(replica_running(servers.at(db(number))));
  }

  TEST_CASE("enough: none when there are enough (REC-37)") {
    FakeServers servers;
    build(servers, 1, 2);
    CHECK(repair(servers, SemiSyncGoal::Enough).error);
    CHECK(acknowledging(servers).empty());
  }

  TEST_CASE("exact: the best are on and all others off") {
    FakeServers servers;
    build(servers, 1, 2);
    for (const int number : {2, 3})
      servers.set(db(number), [](Instance& i) { i.semi_sync.replica_enabled = true; });
    REQUIRE_FALSE(repair(servers, SemiSyncGoal::Exact).error);
    CHECK(acknowledging(servers) == std::vector<int>{4});
    const std::vector<std::string> changes = servers.changes();
    CHECK(changes.front() == "db4:3306 semi-sync as replica on");
  }

  TEST_CASE("one that refuses is made up for by the next") {
    FakeServers servers;
    build(servers, 1, 0);
    servers.refuse(db(4), Change{SetSemiSyncReplica{}}.index(), 5);
    const Outcome outcome = repair(servers, SemiSyncGoal::Enough);
    REQUIRE_FALSE(outcome.error);
    CHECK(acknowledging(servers) == std::vector<int>{3});
    CHECK(because(outcome, 4) != "not lost");
  }

  TEST_CASE("who waits for what was received long ago is let go on, or the repair has failed") {
    for (const unsigned clients : {0U, 1U}) {
      for (const bool refused : {false, true}) {
        FakeServers servers;
        build(servers, 1, clients);
        servers.set(db(1), [](Instance& i) { i.semi_sync.source_waiting_sessions = 2; });
        if (refused) servers.refuse(db(1), Change{CommitNothing{}}.index(), 9);
        const Outcome outcome = repair(servers, SemiSyncGoal::Enough);
        CHECK(outcome.error.has_value() == refused);
        CHECK(did(servers, "db1:3306 commit a transaction that does nothing") != refused);
        CHECK(acknowledging(servers).size() == 1 - clients);
        if (!refused) continue;
        CHECK(mentions(said(outcome),
                       "2 sessions of db1:3306 still wait for an acknowledgement of what its "
                       "replicas have received already (the server said no): 'SET GLOBAL "
                       "rpl_semi_sync_master_enabled=0' and then =1 there lets them go on"));
      }
    }
  }

  TEST_CASE("nothing is committed for those who wait where nobody would acknowledge it") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    servers.set(db(1), [&](Instance& i) {
      i.semi_sync.source_enabled = true;
      i.semi_sync.source_wait_for_replica_count = 1;
      i.semi_sync.source_waiting_sessions = 2;
    });
    servers.add(following(mysql(2, gtids("1-100")), 1));
    CHECK(mentions(said(repair(servers, SemiSyncGoal::Enough)), "there is nothing to switch"));
    CHECK(servers.changes().empty());
  }
}
