#include "storage/journal_store.h"

#include <doctest/doctest.h>

#include "tests/storage/memory_backend.h"

namespace orch::storage {

namespace {

RecoveryOwner process(const std::string& token) {
  return {.node = {"here", token}, .process = "process of " + token, .term = 7};
}

RecoveryRun run_of(const std::string& uid, const std::string& token) {
  return {.uid = uid,
          .kind = "dead-master",
          .stage = "healing",
          .command = "force-master-failover",
          .request = R"({"a":1})",
          .failed = {"db1", 3306},
          .designated = {"db2", 3307},
          .owner = process(token),
          .winner = {"db3", 3308},
          .promotion_coordinates = "bin.000001:4",
          .promotion_position = "gtid:x",
          .lost_transactions = "nothing",
          .facts = R"({"b":"'"})"};
}

JournalEntry entry_of(const std::string& uid, const std::string& token) {
  return {.uid = uid,
          .owner = process(token),
          .server = {"db2", 3306},
          .action = "make writable",
          .why = "it takes the writes",
          .changes_server = true,
          .point_of_no_return = true};
}

struct Journal : MemoryBackend {
  JournalStore store{database(), clock};
};

}  // namespace

TEST_SUITE("storage/journal_store") {
  TEST_CASE_FIXTURE(Journal, "a run is read as it was written") {
    const RecoveryRun run = run_of("1:a", "one");
    REQUIRE(store.save_run(run));
    const auto found = store.find_run("1:a");
    REQUIRE((found && *found));
    const RecoveryRun& read = **found;
    CHECK(read.kind == run.kind);
    CHECK(read.stage == run.stage);
    CHECK(read.command == run.command);
    CHECK(read.request == run.request);
    CHECK(read.failed == run.failed);
    CHECK(read.designated == run.designated);
    CHECK(read.owner.node.hostname == "here");
    CHECK(read.owner.node.token == "one");
    CHECK(read.owner.process == run.owner.process);
    CHECK(read.owner.term == 7);
    CHECK(read.winner == run.winner);
    CHECK(read.promotion_coordinates == run.promotion_coordinates);
    CHECK(read.promotion_position == run.promotion_position);
    CHECK(read.lost_transactions == run.lost_transactions);
    CHECK(read.facts == run.facts);
    CHECK(read.alive_at == parse_time(format_time(clock.now())));
    CHECK_FALSE(*store.find_run("1:b"));
  }

  TEST_CASE_FIXTURE(Journal, "only the owner writes; who takes over becomes the owner, once") {
    REQUIRE(store.save_run(run_of("1:a", "one")));
    CHECK(store.save_run(run_of("1:a", "two")).error().kind == ErrorKind::Conflict);
    CHECK(store.begin(entry_of("1:a", "two")).error().kind == ErrorKind::Conflict);
    CHECK(*store.take_over("1:a", process("one"), process("two")));
    CHECK_FALSE(*store.take_over("1:a", process("one"), process("three")));
    CHECK(store.save_run(run_of("1:a", "one")).error().kind == ErrorKind::Conflict);
    CHECK_FALSE(*store.touch("1:a", process("one").node));
    CHECK(*store.touch("1:a", process("two").node));
    REQUIRE(store.save_run(run_of("1:a", "two")));
  }

  TEST_CASE_FIXTURE(Journal, "a run that has ended is nobody's to take over, and no work left") {
    RecoveryRun run = run_of("1:a", "one");
    REQUIRE(store.save_run(run));
    REQUIRE(store.save_run(run_of("2:b", "one")));
    CHECK(store.list_unfinished()->size() == 2);
    run.stage = kEndedStage;
    REQUIRE(store.save_run(run));
    const auto left = store.list_unfinished();
    REQUIRE(left->size() == 1);
    CHECK(left->front().uid == "2:b");
    CHECK_FALSE(*store.take_over("1:a", process("one"), process("two")));
  }

  TEST_CASE_FIXTURE(Journal, "steps are kept in order, with intent and outcome") {
    REQUIRE(store.save_run(run_of("1:a", "one")));
    CHECK(*store.begin(entry_of("1:a", "one")) == 1);
    CHECK(*store.begin(entry_of("1:a", "one")) == 2);
    CHECK(*store.begin(entry_of("1:a", "one")) == 3);
    REQUIRE(store.end("1:a", 1, ""));
    REQUIRE(store.end("1:a", 2, "it said no"));
    const auto steps = store.list("1:a");
    REQUIRE(steps);
    REQUIRE(steps->size() == 3);
    CHECK((*steps)[0].state == JournalState::Done);
    CHECK((*steps)[0].ended.has_value());
    CHECK((*steps)[1].state == JournalState::Failed);
    CHECK((*steps)[1].error == "it said no");
    CHECK((*steps)[2].state == JournalState::Intent);
    CHECK_FALSE((*steps)[2].ended.has_value());
    CHECK((*steps)[2].server == InstanceKey{"db2", 3306});
    CHECK((*steps)[2].action == "make writable");
    CHECK((*steps)[2].why == "it takes the writes");
    CHECK((*steps)[2].changes_server);
    CHECK((*steps)[2].point_of_no_return);
    CHECK((*steps)[2].owner.term == 7);
    CHECK(store.list("9:z")->empty());
  }

  TEST_CASE_FIXTURE(Journal, "what is old goes, with its steps") {
    REQUIRE(store.save_run(run_of("1:a", "one")));
    REQUIRE(store.begin(entry_of("1:a", "one")));
    clock.advance(std::chrono::days(8));
    REQUIRE(store.save_run(run_of("2:b", "one")));
    REQUIRE(store.begin(entry_of("2:b", "one")));
    CHECK(*store.expire(std::chrono::days(7)) == 2);
    CHECK(store.list("1:a")->empty());
    CHECK(store.list("2:b")->size() == 1);
  }
}

}  // namespace orch::storage
