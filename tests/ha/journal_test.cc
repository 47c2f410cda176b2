#include "ha/journal.h"

#include <algorithm>
#include <atomic>

#include "tests/ha/recovery_fixture.h"

namespace orch::ha {

namespace {

using test::db;

/// Leads in one term, but for the moment of its n-th proof.
class Lapsing final : public Leadership {
 public:
  explicit Lapsing(int proof) : left_(proof) {}
  [[nodiscard]] std::optional<Term> leading() const override { return 1; }
  [[nodiscard]] std::optional<Term> proven() const override {
    return --left_ == 0 ? std::nullopt : std::optional<Term>(1);
  }
  [[nodiscard]] bool has_lapsed() const { return left_ <= 0; }

 private:
  mutable std::atomic<int> left_;
};

/// Breaks the journal, or another table, just before the n-th step that changes a server.
struct Saboteur : StepObserver {
  Saboteur(RecoveryFixture& fixture, bool past, std::string what = "orch_recovery_journal")
      : world(fixture), past_return(past), table(std::move(what)) {}
  void step_started(const Step& step) override {
    if (broken || !changes_server(step)) return;
    if (past_return && !returned) {
      returned = step.point_of_no_return;
      return;
    }
    world.run("drop table " + table);
    broken = true;
  }
  RecoveryFixture& world;
  bool past_return;
  std::string table;
  bool returned{false};
  bool broken{false};
};

}  // namespace

TEST_SUITE("ha/journal") {
  TEST_CASE("a lease that lapses for a moment leaves the recovery to be carried on, not failed") {
    int proof = 1;
    for (; proof < 100; ++proof) {
      CAPTURE(proof);
      RecoveryFixture world;
      world.servers.kill(db(1));
      world.config.recovery.pre_failover_processes = {"true", "true"};
      const Lapsing leadership(proof);
      const Parts parts = world.process(world.watcher, leadership);
      const auto cut = recover(parts, world.work(RecoveryKind::DeadMaster));
      if (!leadership.has_lapsed()) break;
      const auto outcome = recover(parts, world.work(RecoveryKind::DeadMaster));
      CAPTURE(text_of(cut));
      REQUIRE_MESSAGE((outcome && !outcome->error), text_of(outcome));
      CHECK(world.servers.writable() == std::vector<InstanceKey>{db(2)});
      CHECK(world.servers.at(db(3)).replication.source == db(2));
      // One that had changed no server yet is ended, and begun anew.
      const std::vector<RecoveryRecord> all = *world.recoveries().list("", 0);
      CHECK(std::count_if(all.begin(), all.end(),
                          [](const RecoveryRecord& one) { return one.successful; }) == 1);
      CHECK(all.size() == (proof < 3 ? 2 : 1));
    }
    CHECK(proof > 8);
  }

  TEST_CASE("a journal that cannot be written stops the recovery while there is a way back") {
    RecoveryFixture world;
    Saboteur saboteur(world, false);
    const Parts parts = world.process(saboteur);
    const auto outcome = recover(parts, RecoveryFixture::work(RecoveryKind::GracefulTakeover));
    REQUIRE((outcome && outcome->error));
    CHECK(text_of(outcome).find("journal cannot be written") != std::string::npos);
    CHECK(world.servers.writable() == std::vector<InstanceKey>{db(1)});
    CHECK(world.servers.at(db(2)).replication.source == db(1));
    CHECK(replica_running(world.servers.at(db(2))));
  }

  TEST_CASE("past the point of no return a journal that cannot be written is only told") {
    RecoveryFixture world;
    Saboteur saboteur(world, true);
    const Parts parts = world.process(saboteur);
    const auto outcome = recover(parts, RecoveryFixture::work(RecoveryKind::GracefulTakeover));
    REQUIRE_MESSAGE((outcome && !outcome->error), text_of(outcome));
    REQUIRE(saboteur.broken);
    CHECK(world.servers.writable().size() == 1);
    CHECK(world.servers.writable().front() != db(1));
    CHECK(std::any_of(outcome->notes.begin(), outcome->notes.end(), [](const std::string& note) {
      return note.find("journal cannot be written") != std::string::npos;
    }));
  }

  TEST_CASE("whatever cannot be recorded of a takeover is not passed over in silence") {
    for (const char* table : {"orch_recovery_journal", "topology_recovery_steps",
                              "topology_recovery", "cluster_alias"}) {
      CAPTURE(table);
      RecoveryFixture world;
      Saboteur saboteur(world, true, table);
      const auto outcome =
          recover(world.process(saboteur), RecoveryFixture::work(RecoveryKind::GracefulTakeover));
      REQUIRE_MESSAGE((outcome && !outcome->error), text_of(outcome));
      CHECK(outcome->unrecorded);
    }
    RecoveryFixture world;
    Saboteur saboteur(world, true, "database_instance_maintenance");
    const auto outcome =
        recover(world.process(saboteur), RecoveryFixture::work(RecoveryKind::GracefulTakeover));
    REQUIRE_MESSAGE((outcome && !outcome->error), text_of(outcome));
    CHECK(outcome->outcome.still_locked);
    REQUIRE(outcome->outcome.left.size() == 1);
    CHECK(outcome->outcome.left.front().find(" left in maintenance: ") != std::string::npos);
  }

  TEST_CASE_FIXTURE(RecoveryFixture, "the record tells what was lost as it is known at the end") {
    servers.write_on_promotion(test::db(1), test::gtids("1-103"));
    RecoveryWork takeover = work(RecoveryKind::GracefulTakeover);
    takeover.designated = db(2);
    const auto outcome = recover(process(), takeover);
    REQUIRE(outcome);
    const std::string lost = outcome->outcome.account.lost_transactions;
    CHECK(lost.find(test::gtids("101-103")) != std::string::npos);
    CHECK(value("select lost_transactions from orch_recovery_run") == lost);
  }

  TEST_CASE_FIXTURE(RecoveryFixture,
                    "a process that lost its recovery to another does nothing any more (HA-14)") {
    servers.kill(db(1));
    config.recovery.pre_failover_processes = {"true"};
    struct Thief : StepObserver {
      RecoveryFixture* world{nullptr};
      void step_started(const Step& step) override {
        if (!changes_server(step)) return;
        world->run("update orch_recovery_run set owner_token = 'another'");
      }
    } thief;
    thief.world = this;
    const Parts robbed = process(thief);
    const auto outcome = recover(robbed, work(RecoveryKind::DeadMaster));
    REQUIRE((outcome && outcome->error));
    CHECK(outcome->error->kind == ErrorKind::Conflict);
    CHECK(outcome->left_to_next);
    CHECK(servers.changes().empty());
    CHECK(value("select count(*) from topology_recovery where end_recovery is null") == "1");
  }
}

}  // namespace orch::ha
