#include "ha/next_leader.h"

#include <string>

#include <doctest/doctest.h>

#include "tests/ha/recovery_fixture.h"

namespace orch::ha {

namespace {

using test::db;

/// A takeover whose process ceased to lead at its first change of a server.
struct Deposed : RecoveryFixture {
  Deposed() {
    Parts first = process();
    mortal->die_at(1, false);
    RecoveryWork takeover = work(RecoveryKind::GracefulTakeover);
    takeover.designated = db(2);
    CHECK_THROWS_AS((void)recover(first, takeover), Killed);
    left.uid = journal().list_unfinished()->front().uid;
    left.work = takeover;
    left.left_to_next = true;
    left.error = Error{ErrorKind::Conflict, "this node does not lead any more"};
    left.notes = {"not all of this could be recorded"};
  }

  [[nodiscard]] RecoveryOutcome told() {
    return await_next_leader(process(), left, std::chrono::milliseconds(100));
  }

  RecoveryOutcome left;
};

}  // namespace

TEST_CASE_FIXTURE(Deposed, "what the next leader finished is answered as done") {
  bury_owner();
  REQUIRE(resume(process(), left.uid));
  const RecoveryOutcome outcome = told();
  CHECK_FALSE(outcome.error);
  CHECK(outcome.id == 1);
  CHECK(outcome.outcome.account.promoted == db(2));
  CHECK(outcome.notes == std::vector<std::string>{"another node leads now, and has finished it"});
}

TEST_CASE_FIXTURE(Deposed, "what the next leader ended is answered with why") {
  run("delete from orch_recovery_journal where hostname <> ''");
  run("update orch_recovery_run set stage = 'registered'");
  bury_owner();
  REQUIRE(resume(process(), left.uid));
  const RecoveryOutcome outcome = told();
  REQUIRE(outcome.error);
  CHECK(outcome.error->message ==
        "another node leads now, and has ended recovery 1: it was cut off before it changed any "
        "server");
  CHECK(outcome.notes.empty());
}

TEST_CASE_FIXTURE(Deposed, "what has not ended in time is not said to have failed") {
  const RecoveryOutcome outcome = told();
  REQUIRE(outcome.error);
  CHECK(outcome.error->kind == ErrorKind::Unreachable);
  CHECK(outcome.error->message.find("whether this was carried out is not known") !=
        std::string::npos);
  CHECK(outcome.error->message.find("orch recovery show " + left.uid) != std::string::npos);
}

TEST_CASE_FIXTURE(Deposed, "what nobody else goes on with stays as it is") {
  left.left_to_next = false;
  CHECK(told().error->message == "this node does not lead any more");
}

}  // namespace orch::ha
