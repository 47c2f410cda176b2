#include "core/plan/undo.h"

#include <doctest/doctest.h>

#include "tests/support/topology_builder.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

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
}
