#include <atomic>
#include <string>

#include <doctest/doctest.h>

#include "tests/ha/raft/cluster.h"

// Nodes that come back without the last entries that they had acknowledged.

namespace orch::ha::raft {

namespace {

using test::Cluster;
using test::soon;

/// Three nodes, of which one that does not lead has its disk of before the last entry, and is
/// stopped.
class Forgetful {
 public:
  Forgetful() {
    for (std::size_t i = 0; i < 3; ++i)
      REQUIRE(start(i));
    REQUIRE(cluster_.put("a"));
    REQUIRE(cluster_.all_know({"a"}));
    first_ = cluster_.leader();
    lost_ = (first_ + 1) % 3;
    cluster_.stop(lost_);
    cluster_.keep_disk(lost_);
    known_ = cluster_.ledger(lost_).as_text();
    REQUIRE(start(lost_));
    REQUIRE(cluster_.put("b"));
    REQUIRE(cluster_.all_know({"a", "b"}));
    cluster_.stop(lost_);
    cluster_.bring_back_disk(lost_);
    REQUIRE(cluster_.leader() == first_);
  }

 protected:
  Result<> start(std::size_t i) {
    Settings settings = cluster_.settings(i);
    settings.busy = [this] {
      return busy_.load();
    };
    return cluster_.start(i, settings);
  }
  [[nodiscard]] std::string trouble() { return cluster_[lost_].status().trouble; }

  std::atomic<bool> busy_{false};
  Cluster cluster_{3};
  std::size_t first_{};
  std::size_t lost_{};
  std::string known_{};  ///< what its database was then
};

}  // namespace

TEST_CASE_FIXTURE(Forgetful, "a node whose log lost its end is filled in, and counts again") {
  REQUIRE(start(lost_));
  REQUIRE(cluster_.put("c"));
  REQUIRE(cluster_.all_know({"a", "b", "c"}));
  CHECK(soon([this] { return trouble().empty(); }));
  // With it and one other, there is a majority.
  cluster_.stop(3 - first_ - lost_);
  REQUIRE(cluster_.put("d"));
  CHECK(cluster_.all_know({"a", "b", "c", "d"}));
}

TEST_CASE_FIXTURE(Forgetful, "a node on an old disk hears what it lacks, and gets it in a pause") {
  REQUIRE(cluster_.ledger(lost_).restore(known_));
  busy_ = true;
  REQUIRE(start(lost_));
  REQUIRE(soon([this] { return trouble().find("lost the end of its log") != std::string::npos; }));
  // What goes on there is not cut off.
  CHECK(cluster_[first_].leading());
  CHECK(cluster_.ledger(lost_).commands() == std::vector<std::string>{"a"});
  busy_ = false;
  REQUIRE(cluster_.all_know({"a", "b"}));
  CHECK(soon([this] { return trouble().empty(); }));
}

}  // namespace orch::ha::raft
