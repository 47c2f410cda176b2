#include "ha/scope.h"

#include <algorithm>

#include "ha/recovery.h"
#include "storage/quarantine_store.h"
#include "tests/ha/recovery_fixture.h"

namespace orch::ha {

namespace {

using test::db;

/// Takes a server away as soon as it was told to take writes.
class Kidnapper final : public StepObserver {
 public:
  explicit Kidnapper(test::FakeServers& servers) : servers_(servers) {}
  void step_ended(const Step& step, const Error*, std::chrono::milliseconds) override {
    if (step.point_of_no_return) servers_.kill(step.server);
  }

 private:
  test::FakeServers& servers_;
};

/// A recovery failed when its new master was told to take writes and did not answer any more.
struct InDoubt : RecoveryFixture {
  InDoubt() {
    servers.kill(db(1));
    Kidnapper kidnapper(servers);
    const auto outcome = recover(process(kidnapper), work(RecoveryKind::DeadMaster));
    REQUIRE(text_of(outcome).find("db2:3306 was told to take writes") != std::string::npos);
    REQUIRE(instances().save_cluster_name(db(2), "db2:3306"));
    clock.advance(std::chrono::seconds(60));
  }

  /// As the next analysis has it: without the one that went.
  static RecoveryWork failure() {
    RecoveryWork next = work(RecoveryKind::DeadMaster);
    next.replicas = {db(3)};
    return next;
  }

  [[nodiscard]] bool is_quarantined(const InstanceKey& key) {
    const storage::QuarantineStore store(database(), clock);
    const auto all = store.list();
    REQUIRE(all);
    return std::any_of(all->begin(), all->end(),
                       [&](const storage::Quarantine& one) { return one.key == key; });
  }
};

}  // namespace

TEST_SUITE("ha/scope") {
  TEST_CASE_FIXTURE(InDoubt, "one that came back is the master, and nobody else") {
    servers.revive(db(2));
    Instance back = servers.at(db(2));  // as the next poll has it: a cluster of its own
    back.replication.source = {};
    back.cluster_name = "db2:3306";
    const storage::InstanceWrite polled{&back, true};
    REQUIRE(instances().save({&polled, 1}));
    const auto outcome = recover(process(), failure());
    REQUIRE_MESSAGE((outcome && !outcome->error), text_of(outcome));
    CHECK(servers.writable() == std::vector<InstanceKey>{db(2)});
    CHECK(servers.at(db(3)).replication.source == db(2));
  }

  TEST_CASE_FIXTURE(InDoubt,
                    "one that stays away is replaced, and kept from writes should it return") {
    const auto outcome = recover(process(), failure());
    REQUIRE_MESSAGE((outcome && !outcome->error), text_of(outcome));
    CHECK(outcome->outcome.account.promoted == db(3));
    CHECK(is_quarantined(db(1)));
    CHECK(is_quarantined(db(2)));
  }

  TEST_CASE_FIXTURE(InDoubt, "one that stays away is in the way where fencing is required") {
    policy.fencing = Fencing::Required;
    policy.has_fence_hooks = true;  // they vouch for the old master
    RecoveryWork wanted = failure();
    const auto refused = recover(process(), wanted);
    CHECK(text_of(refused).find("db2:3306, which a recovery that failed told to take writes") !=
          std::string::npos);
    REQUIRE(recoveries().acknowledge_instance(db(1), {"me", "db2 is off"}));
    const auto outcome = recover(process(), wanted);
    REQUIRE_MESSAGE((outcome && !outcome->error), text_of(outcome));
    CHECK(outcome->outcome.account.promoted == db(3));
  }

  TEST_CASE("a master that was seen again has failed anew") {
    for (const bool silent : {true, false}) {
      CAPTURE(silent);
      InDoubt world;
      const Instance again = world.servers.at(db(1));
      const storage::InstanceWrite seen{&again, true};
      REQUIRE(world.instances().save({&seen, 1}));
      // The other one may come back as long as nobody has forgotten it.
      if (!silent) world.run("delete from database_instance where hostname = 'db2'");
      const auto outcome = recover(world.process(), InDoubt::failure());
      REQUIRE_MESSAGE((outcome && !outcome->error), text_of(outcome));
      CHECK(world.is_quarantined(db(2)) == silent);
    }
  }
}

}  // namespace orch::ha
