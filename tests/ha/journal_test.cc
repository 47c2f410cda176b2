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
}

}  // namespace orch::ha
