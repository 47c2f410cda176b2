// Those who follow a new primary: planner and executor together, on servers that replicate in
// thought.

#include "core/plan/recovery/siblings.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "tests/support/recovery_bench.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

TEST_SUITE("core/plan/recovery/siblings") {
  TEST_CASE("who had temporary tables of a dead primary's clients follows, and is named") {
    FakeServers servers;
    build_mariadb(servers);
    for (const int number : {2, 3, 4})
      servers.set(db(number), [](Instance& i) { i.replication.temporary_tables = 1; });
    servers.set(db(4), [](Instance& i) { i.replication.gtid_io_pos = "0-1-99"; });
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    REQUIRE(said(outcome).empty());
    check_below(servers, 2, 3);
    check_below(servers, 4, 3);
    const std::vector<std::string>& notes = outcome.account.notes;
    const auto about = std::count_if(notes.begin(), notes.end(), [](const std::string& note) {
      return mentions(note, "had temporary tables of clients of db1:3306");
    });
    CHECK(about == 1);
    CHECK(std::ranges::any_of(notes, [](const std::string& note) {
      return note.starts_with("db2:3306 had temporary tables");
    }));
  }

  TEST_CASE("a delayed MariaDB sibling keeps what it holds and the new primary has purged") {
    FakeServers servers;
    build_mariadb(servers);
    servers.set(db(2), [](Instance& i) {
      i.replication.gtid_io_pos = "0-1-99";
      i.replication.sql_delay = std::chrono::hours(1);
    });
    servers.set(db(3), [](Instance& i) { i.gtid.mariadb_purged = "0-1-94"; });
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    REQUIRE(said(outcome).empty());
    CHECK(outcome.account.promoted == db(3));
    CHECK(mentions(because(outcome, 2), "purged what the replica lacks: 0-1-94"));
    CHECK(servers.at(db(2)).replication.source == db(1));
    CHECK(servers.at(db(2)).replication.gtid_io_pos == "0-1-99");
    CHECK(runs(servers.at(db(2)).replication.sql_state));
    check_below(servers, 4, 3);
  }
}
