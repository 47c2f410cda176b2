#include "core/plan/position.h"

#include <doctest/doctest.h>

#include "tests/support/topology_builder.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

TEST_SUITE("core/plan/position") {
  TEST_CASE("a MySQL replica has received what it retrieved and what it executed") {
    const Instance replica = following(mysql(2, gtids("1-90")), 1, gtids("91-100"));
    CHECK(to_string(received_position(replica)) == gtids("1-100"));
    CHECK(to_string(executed_position(replica)) == gtids("1-90"));
  }

  TEST_CASE("a MariaDB replica has received up to Gtid_IO_Pos") {
    const Instance replica = following(mariadb(2, "0-1-90"), 1, "0-1-100");
    CHECK(to_string(received_position(replica)) == "0-1-100");
    CHECK(to_string(executed_position(replica)) == "0-1-90");
  }

  TEST_CASE("Gtid_IO_Pos counts for nothing after CHANGE MASTER threw the relay logs away") {
    Instance replica = following(mariadb(2, "0-1-90"), 1, "0-1-100");
    replica.replication.read = {};
    CHECK(to_string(received_position(replica)) == "0-1-90");
  }

  TEST_CASE("a replica without GTID is known by its coordinates") {
    Instance replica = following(mariadb(2, "0-1-90"), 1);
    replica.gtid.uses_mariadb = false;
    replica.replication.read = {"bin.000002", 40, BinlogType::Binary};
    CHECK(to_string(received_position(replica)) == "bin.000002:40");
    CHECK(to_string(executed_position(replica)) == "bin.000001:1000");
  }

  TEST_CASE("a position that the server garbled is unknown, and contains nothing") {
    const Instance server = mysql(1, "not a set");
    CHECK_FALSE(is_known(executed_position(server)));
    CHECK_FALSE(contains(executed_position(server), executed_position(server)));
  }

  TEST_CASE("what is missing is told with its number") {
    const Position held = executed_position(mysql(1, gtids("1-98")));
    const Position wanted = executed_position(mysql(1, gtids("1-100")));
    CHECK(to_string(missing(held, wanted)) == "2 transactions (" + gtids("99-100") + ")");
    CHECK(to_string(missing(wanted, held)) == "nothing");
  }

  TEST_CASE("MariaDB: the same number by another server is another transaction") {
    const Position ours = executed_position(mariadb(1, "0-1-100"));
    const Position theirs = executed_position(mariadb(2, "0-2-100"));
    CHECK_FALSE(contains(ours, theirs));
    CHECK(contains(executed_position(mariadb(1, "0-1-101")), theirs));
  }

  TEST_CASE("who is turned away with transactions of its own is told by what it would ask for") {
    Instance replica = following(mariadb(2, "0-1-40,0-2-60"), 1);
    replica.gtid.mariadb_slave_pos = "0-1-40";
    replica.gtid.mariadb_current = true;
    const Instance source = mariadb(1, "0-1-40");
    replica.gtid.mariadb_current_pos = "0-2-60";
    CHECK(own_missing(replica, source).text == "0-2-60");
    // It has replicated since, by lower numbers.
    replica.gtid.mariadb_current_pos = "0-1-40";
    CHECK(own_missing(replica, source).empty());
  }

  TEST_CASE("a source hands on what others wrote later, not what it never had") {
    Instance replica = following(mariadb(3, "0-1-40,0-3-60"), 2);
    replica.gtid.mariadb_current = true;
    replica.gtid.mariadb_slave_pos = "0-1-40";
    replica.gtid.mariadb_current_pos = "0-3-60";
    Instance source = following(mariadb(2, "0-1-100"), 1);
    CHECK(own_missing(replica, source).text == "0-3-60");
    source.gtid.mariadb_binlog_state = "0-1-100,0-3-60";
    CHECK(own_missing(replica, source).empty());
    source.gtid.mariadb_binlog_state = "7-1-100";
    CHECK(own_missing(replica, source).empty());
  }
}
