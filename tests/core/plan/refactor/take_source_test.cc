#include "core/plan/refactor/take_source.h"

#include <doctest/doctest.h>

#include "tests/support/recovery_bench.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

/// db2 below db1, db4 below db2; db2 has not applied the last three transactions.
void build_line(FakeServers& servers, bool with_mariadb) {
  if (with_mariadb) {
    servers.add(writable(mariadb(1, "0-1-103")));
    servers.add(following(mariadb(2, "0-1-100"), 1, "0-1-103"));
    servers.add(following(mariadb(4, "0-1-100"), 2));
  } else {
    servers.add(writable(mysql(1, gtids("1-103"))));
    servers.add(following(mysql(2, gtids("1-100")), 1, gtids("1-103")));
    servers.add(following(mysql(4, gtids("1-100")), 2));
  }
}

void delay(FakeServers& servers, int number) {
  servers.set(db(number), [](Instance& it) { it.replication.sql_delay = std::chrono::minutes(1); });
}

void check_as_before(const FakeServers& servers) {
  check_below(servers, 2, 1);
  check_below(servers, 4, 2);
}

}  // namespace

TEST_SUITE("core/plan/refactor/take_source") {
  TEST_CASE("what the source holds back comes to it again from the one that took its place") {
    for (const bool with_mariadb : {false, true}) {
      for (const bool delayed : {false, true}) {
        CAPTURE(with_mariadb);
        CAPTURE(delayed);
        FakeServers servers;
        build_line(servers, with_mariadb);
        if (delayed) delay(servers, 2);
        servers.keep_writing(db(1));
        CHECK(said(run_plan(servers, take_source(db(4), {}))) == "");
        check_below(servers, 4, 1);
        check_below(servers, 2, 4);
      }
    }
  }

  TEST_CASE("a source that cannot follow leaves the two as they were") {
    for (const bool with_mariadb : {false, true}) {
      for (const bool is_purged : {false, true}) {
        CAPTURE(with_mariadb);
        CAPTURE(is_purged);
        FakeServers servers;
        build_line(servers, with_mariadb);
        if (is_purged) {
          servers.purge_all(db(4));
        } else {
          servers.refuse(db(2), Change{PointTo{}}.index(), 1);
        }
        const Outcome outcome = run_plan(servers, take_source(db(4), {}));
        CHECK(mentions(said(outcome), "db2:3306"));
        check_as_before(servers);
      }
    }
  }

  TEST_CASE("one that the server above turns away goes back below its source") {
    FakeServers servers;
    build_line(servers, false);
    servers.purge_all(db(1));
    servers.set(db(2), [](Instance& it) { it.gtid.executed = gtids("1-103"); });
    const Outcome outcome = run_plan(servers, take_source(db(4), {}));
    CHECK(mentions(said(outcome), "error 1236"));
    check_below(servers, 4, 2);
  }

  TEST_CASE("what nobody would give the source again must be applied before the swap") {
    FakeServers servers;
    build_line(servers, false);
    servers.kill(db(1));
    delay(servers, 2);
    const Outcome outcome = run_plan(servers, take_source(db(4), {}));
    CHECK(mentions(said(outcome), "has received and not applied 3 transactions"));
    CHECK(servers.changes().empty());
    // Without a delay it needs a moment only.
    servers.set(db(2), [](Instance& it) { it.replication.sql_delay = {}; });
    CHECK(said(run_plan(servers, take_source(db(4), {}))) == "");
    CHECK(servers.at(db(2)).replication.source == db(4));
    CHECK(servers.at(db(4)).gtid.executed == gtids("1-103"));
  }

  TEST_CASE("interrupted between its two moves it undoes the first") {
    for (const bool with_mariadb : {false, true}) {
      CAPTURE(with_mariadb);
      FakeServers servers;
      build_line(servers, with_mariadb);
      const Outcome outcome =
          run_until(servers, take_source(db(4), {}), "db4:3306 replicate from db1:3306 by GTID");
      REQUIRE(outcome.error);
      CHECK(outcome.error->kind == ErrorKind::Conflict);
      check_as_before(servers);
    }
  }
}
