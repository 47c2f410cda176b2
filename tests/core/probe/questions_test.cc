#include "core/probe/questions.h"

#include <doctest/doctest.h>

#include "core/probe/reading.h"
#include "tests/support/scripted_session.h"

using namespace orch;  // NOLINT(google-build-using-namespace)

TEST_SUITE("core/probe/questions") {
  TEST_CASE("a user's query that cannot be read is told of without those that follow it") {
    ScriptedSession session("9.7.4");
    session.answer("SELECT 'west'", table({"west"}, {{"west"}}));
    Questioning into;
    const std::vector<Question> questions = {{Ask::DataCenter, "SELECT 'ams"},
                                             {Ask::Region, "SELECT 'west'"}};
    const SteadyPoint deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    REQUIRE(ask_all(session, questions, deadline, into));
    REQUIRE(into.answers.at(Ask::DataCenter).refused);
    const std::string& text = into.answers.at(Ask::DataCenter).refused->error.message;
    CHECK(text.find("near SELECT 'ams") != std::string::npos);
    CHECK(text.find("west") == std::string::npos);
    CHECK_FALSE(into.answers.at(Ask::Region).refused);
    CHECK(into.round_trips == 3);
  }

  TEST_CASE("what MariaDB has purged is asked now and then, and its temporary tables each time") {
    ScriptedSession session("10.11.6-MariaDB");
    session.variables({{"hostname", "db2"},
                       {"version", "10.11.6-MariaDB"},
                       {"gtid_slave_pos", "0-1-42"},
                       {"gtid_binlog_state", ""},
                       {"gtid_current_pos", ""}});
    session.answer("SHOW ALL SLAVES STATUS", table({"Connection_name"}, {}));
    session.answer("SELECT IF(@@global.log_bin", table({"purged"}, {{"0-1-30"}}));
    Capabilities known;
    Resolver resolver{ResolveSettings{}};
    for (const char* open : {"0", "2"}) {
      session.answer("SHOW SESSION STATUS LIKE 'Slave",
                     table({"Variable_name", "Value"}, {{"Slave_open_temp_tables", open}}));
      const Observation seen =
          read_server(session, known, {"db2", 3306}, {}, resolver, SteadyPoint::max());
      REQUIRE(seen.found());
      CHECK(seen.instance.gtid.mariadb_purged == "0-1-30");
      CHECK(std::to_string(seen.instance.replication.temporary_tables) == open);
      session.answer("SELECT IF(@@global.log_bin", table({"purged"}, {{"0-1-42"}}));
    }
  }
}
