#include "core/probe/questions.h"

#include <doctest/doctest.h>

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
}
