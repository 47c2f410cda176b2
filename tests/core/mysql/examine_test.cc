#include "core/mysql/examine.h"

#include <doctest/doctest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/scripted_session.h"

namespace orch {

namespace {

const SteadyPoint kNever = SteadyPoint::max();

}  // namespace

TEST_SUITE("core/mysql/examine") {
  TEST_CASE("settings, connections, clock and grants are read") {
    ScriptedSession session("10.11.6-MariaDB");
    session.answer("SHOW GLOBAL VARIABLES",
                   table({"Variable_name", "Value"}, {{"sync_binlog", "0"},
                                                      {"innodb_flush_log_at_trx_commit", "2"},
                                                      {"slave_net_timeout", "60"},
                                                      {"max_connections", "151"},
                                                      {"gtid_strict_mode", "OFF"}}));
    session.answer("SHOW GLOBAL STATUS",
                   table({"Variable_name", "Value"}, {{"Threads_connected", "140"}}));
    session.answer("SELECT UNIX_TIMESTAMP", table({"now"}, {{"1769854840.500000"}}));
    session.answer("SELECT DISTINCT GRANTEE", table({"account"}, {{"'app'@'%'"}}));
    session.answer("WITH RECURSIVE holders",
                   table({"account"}, {{"'app'@'%'"}, {"'by_role'@'%'"}}));
    session.answer("SELECT CONCAT('the ', LOWER(type)",
                   table({"routine"}, {{"the procedure a.p of root@x"}, {"2"}, {"3"}, {"4"}}));
    session.answer("SELECT CONCAT('the event", table({"event"}, {{"the event app.tick of x@y"}}));
    session.refuse("XA RECOVER CONVERT XID", 1064);
    session.answer("XA RECOVER", table({"formatID", "data"}, {{"1", "one"}, {"1", "two"}}));
    session.answer("SHOW GRANTS", table({"Grants for orch@%"}, {{"GRANT SUPER ON *.* TO `orch`"}}));
    const FakeClock clock;
    const auto seen = examine(
        session, [&] { return clock.now(); }, kNever);
    REQUIRE(seen);
    CHECK(seen->sync_binlog == 0);
    CHECK(seen->flush_log_at_trx_commit == 2);
    CHECK(seen->net_timeout == std::chrono::seconds(60));
    CHECK(seen->max_connections == 151);
    CHECK(seen->connections == 140);
    CHECK(seen->gtid_strict == false);
    CHECK(seen->clock_ahead == std::chrono::milliseconds(10'500));
    CHECK(seen->unbound_accounts == std::vector<std::string>{"'app'@'%'", "'by_role'@'%'"});
    CHECK(seen->unbound_text() ==
          "'app'@'%' and 'by_role'@'%' and the event app.tick of x@y and the procedure a.p of "
          "root@x and 2 and 3 and more routines may go on writing there: read_only does not bind "
          "them");
    CHECK(seen->prepared_transactions == 2);
    CHECK(seen->grants == std::vector<std::string>{"GRANT SUPER ON *.* TO `orch`"});
  }

  TEST_CASE("what the server refuses stays unknown") {
    ScriptedSession session("8.4.3");
    session.refuse("SHOW GLOBAL VARIABLES", 1227);
    session.refuse("SHOW GLOBAL STATUS", 1227);
    session.refuse("SHOW GRANTS", 1227);
    session.answer("SELECT UNIX_TIMESTAMP", table({"now"}, {{"soon"}}));
    const FakeClock clock;
    const auto seen = examine(
        session, [&] { return clock.now(); }, kNever);
    REQUIRE(seen);
    CHECK_FALSE(seen->sync_binlog);
    CHECK_FALSE(seen->connections);
    CHECK_FALSE(seen->clock_ahead);
    CHECK(seen->grants.empty());
  }

  TEST_CASE("a lost session is an error") {
    ScriptedSession session("8.4.3");
    session.lose_at(0);
    CHECK_FALSE(examine(
        session, [] { return TimePoint(); }, kNever));
  }
}

}  // namespace orch
