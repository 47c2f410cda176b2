#include "core/plan/undo.h"

#include <doctest/doctest.h>

#include "tests/support/recovery_bench.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

/// db1 lives and waits for the replicas below it.
void build_semi_sync(FakeServers& servers) {
  build_mysql(servers);
  for (const int number : {1, 2, 3, 4}) {
    servers.set(db(number), [](Instance& i) {
      i.semi_sync.available = true;
      i.semi_sync.source_enabled = i.key == db(1);
      i.semi_sync.replica_enabled = i.key != db(1);
      i.semi_sync.source_wait_for_replica_count = 1;
    });
  }
}

}  // namespace

TEST_SUITE("core/plan/undo") {
  TEST_CASE("a stopped replica is started again, unless MariaDB would throw away what it holds") {
    for (const bool with_mariadb : {false, true}) {
      for (const bool source_answers : {false, true}) {
        for (const bool applier_runs : {false, true}) {
          CAPTURE(with_mariadb);
          CAPTURE(source_answers);
          CAPTURE(applier_runs);
          Instance source = with_mariadb ? mariadb(1, "0-1-40") : mysql(1, gtids("1-40"));
          const Instance before = with_mariadb
                                      ? following(mariadb(2, "0-1-30"), 1, "0-1-40")
                                      : following(mysql(2, gtids("1-30")), 1, gtids("1-40"));
          Instance now = before;
          now.replication.io_state = ThreadState::Stopped;
          if (!applier_runs) now.replication.sql_state = ThreadState::Stopped;
          Progress so_far{.at_start = Topology({writable(source), before})};
          so_far.steps.push_back({.step = {db(2), Change{StopReplication{}}, "", {}, false, {}}});
          if (!source_answers) source = unseen(source);
          const auto steps = undo_thread_steps(so_far, Topology({source, now}));
          CHECK(steps.empty() == (with_mariadb && !source_answers));
          source.gtid.mariadb_purged = "0-1-35";
          const auto none = undo_thread_steps(so_far, Topology({source, now}));
          CHECK(none.empty() == with_mariadb);
        }
      }
    }
  }

  TEST_CASE("one that did not stop in time is not waited for any longer when it is started again") {
    const std::chrono::seconds limit{10};
    const Instance before = following(mysql(2, gtids("1-30")), 1, gtids("1-40"));
    Instance now = before;
    now.replication.io_state = ThreadState::Stopped;
    for (const bool failed : {false, true}) {
      Progress so_far{.at_start = Topology({writable(mysql(1, gtids("1-40"))), before})};
      so_far.steps.push_back({.step = {db(2), Change{StopReplication{}}, "", {}, false, limit}});
      if (failed) so_far.steps.back().error = Error{ErrorKind::Unreachable, "no answer in time"};
      const auto steps =
          undo_thread_steps(so_far, Topology({writable(mysql(1, gtids("1-40"))), now}));
      REQUIRE(steps.size() == 1);
      CHECK(steps.front().limit.has_value() == failed);
    }
  }

  TEST_CASE("a master that was fenced waits for replicas again before it takes writes again") {
    FakeServers servers;
    build_semi_sync(servers);
    const Outcome outcome =
        run_until(servers, failover({db(1)}, Policy{}), "db1:3306 make read-only");
    REQUIRE(outcome.error);
    CHECK(servers.writable() == std::vector<InstanceKey>{db(1)});
    CHECK(servers.at(db(1)).semi_sync.source_enabled);
    const std::vector<std::string> changes = servers.changes();
    const auto waits = std::find(changes.begin(), changes.end(), "db1:3306 semi-sync as source on");
    CHECK(std::find(waits, changes.end(), "db1:3306 make writable") != changes.end());
    CHECK(outcome.left.empty());
  }

  TEST_CASE(
      "one that cannot be made to wait for replicas again stays read-only, and that is said") {
    FakeServers servers;
    build_semi_sync(servers);
    bool refused = false;
    const Outcome outcome = run_plan(servers, failover({db(1)}, Policy{}), -1, {}, [&] {
      const bool fenced = did(servers, "db1:3306 make read-only");
      if (fenced && !refused) servers.refuse(db(1), Change{SetSemiSyncSource{}}.index(), 100);
      refused = refused || fenced;
      return fenced;
    });
    REQUIRE(outcome.error);
    CHECK(outcome.error->message == "interrupted");
    CHECK(servers.writable().empty());
    CHECK(outcome.left ==
          std::vector<std::string>{"db1:3306 is left read-only: the server said no"});
  }

  TEST_CASE("one whose fence only ended its semi-sync waits for replicas again") {
    FakeServers servers;
    build_semi_sync(servers);
    servers.refuse(db(1), Change{SetReadOnly{}}.index(), 100);
    const Outcome outcome = fail_over(servers);
    REQUIRE(outcome.error);
    CHECK(servers.writable() == std::vector<InstanceKey>{db(1)});
    CHECK(servers.at(db(1)).semi_sync.source_enabled);
  }

  TEST_CASE("when it is replaced, the new master waits for replicas as it did") {
    FakeServers servers;
    build_semi_sync(servers);
    const Outcome outcome = fail_over(servers);
    REQUIRE_FALSE(outcome.error);
    REQUIRE(outcome.account.promoted);
    CHECK(servers.at(*outcome.account.promoted).semi_sync.source_enabled);
    CHECK_FALSE(servers.at(db(1)).semi_sync.source_enabled);
  }

  TEST_CASE("who refuses to be promoted does not go on as a source that waits for replicas") {
    for (const bool is_named : {false, true}) {
      FakeServers servers;
      build_semi_sync(servers);
      servers.kill(db(1));
      const InstanceKey first = db(2);
      servers.refuse(first, Change{SetReadOnly{}}.index(), 100);
      const Outcome outcome =
          is_named ? fail_over(servers, std::optional<InstanceKey>(first)) : fail_over(servers);
      CHECK(outcome.error.has_value() == is_named);
      CHECK(servers.at(first).server.read_only);
      CHECK_FALSE(servers.at(first).semi_sync.source_enabled);
    }
  }

  TEST_CASE("who is not promoted after all leaves the others as they were: they receive again") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    servers.add(following(mysql(2, gtids("1-100")), 1));
    servers.add(following(mysql(3, gtids("1-100")), 1));
    servers.kill(db(1));
    servers.refuse(db(2), Change{SetReadOnly{}}.index(), 100);
    const Outcome outcome = fail_over(servers, db(2));
    REQUIRE(outcome.error);
    CHECK(runs(servers.at(db(3)).replication.io_state));
  }
}
