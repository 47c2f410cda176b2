// Schedules that nobody thought of: nodes that end, come back, lose their disks, hand over, yield,
// join and leave, while commands are proposed. Whatever happens, all of them have learned one
// sequence, and it holds everything that was acknowledged.
#include "ha/raft/member.h"

#include <cstdlib>
#include <random>
#include <set>

#include <doctest/doctest.h>

#include "tests/ha/raft/cluster.h"

namespace orch::ha::raft {

namespace {

using test::Cluster;
using test::soon;

/// ORCH_SEED=N repeats one, ORCH_ROUNDS=N does so many.
unsigned number_of(const char* variable, unsigned otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

class Chaos {
 public:
  explicit Chaos(unsigned seed) : random_(seed), cluster_(3) {}

  bool begin() {
    for (std::size_t i = 0; i < cluster_.size(); ++i) {
      if (!start(i)) return false;
    }
    return cluster_.leader() < cluster_.size();
  }

  void step() {
    switch (below(12)) {
      case 0:
        stop(below(cluster_.size()));
        break;
      case 1:
        for (std::size_t i = 0; i < cluster_.size(); ++i)
          start(i);
        break;
      case 2:
        lose_disk();
        break;
      case 3:
        with_leader([](Node& node) { (void)node.hand_over("").has_value(); });
        break;
      case 4:
        with_leader(
            [](Node& node) { (void)node.yield(std::chrono::milliseconds(400)).has_value(); });
        break;
      case 5:
        with_leader([](Node& node) { (void)node.take_snapshot().has_value(); });
        break;
      case 6:
        grow();
        break;
      default:
        propose();
    }
  }

  /// All nodes up, and of one mind.
  bool end() {
    for (std::size_t i = 0; i < cluster_.size(); ++i)
      start(i);
    if (!cluster_.put("the end")) return false;
    return soon([&] {
      for (std::size_t i = 0; i < cluster_.size(); ++i) {
        if (!cluster_.runs(i)) return false;
        if (cluster_.ledger(i).entries() != cluster_.ledger(0).entries()) return false;
        const auto commands = cluster_.ledger(i).commands();
        if (commands.empty() || commands.back() != "the end") return false;
      }
      return true;
    });
  }

  [[nodiscard]] std::string missing() {
    const auto commands = cluster_.ledger(0).commands();
    const std::set<std::string> known(commands.begin(), commands.end());
    if (known.size() != commands.size()) return "a command came twice";
    std::string missing;
    for (const std::string& command : acknowledged_) {
      if (!known.contains(command)) missing += command + " ";
    }
    return missing;
  }

 private:
  std::size_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_);
  }
  bool start(std::size_t i) {
    if (cluster_.runs(i)) return true;
    Settings settings = cluster_.settings(i);
    settings.snapshot_after = 16;
    settings.keep_entries = 64;
    return cluster_.start(i, settings).has_value();
  }
  [[nodiscard]] std::size_t running() const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < cluster_.size(); ++i)
      count += cluster_.runs(i) ? 1U : 0U;
    return count;
  }
  void stop(std::size_t i) {
    if (running() > cluster_.size() / 2 + 1) cluster_.stop(i);
  }
  /// One at a time: of the others, all have what was acknowledged, or a majority would not.
  void lose_disk() {
    for (std::size_t i = 0; i < cluster_.size(); ++i) {
      if (!start(i) || !settled(i)) return;
    }
    const std::size_t i = below(cluster_.size());
    cluster_.stop(i);
    cluster_.lose_disk(i);
    CHECK(start(i));
    CHECK(settled(i));
  }
  /// The node is one of the group, and all of the group vote.
  bool settled(std::size_t i) {
    return soon([&] {
      const std::size_t leader = cluster_.leader();
      if (leader == cluster_.size()) return false;
      const Status own = cluster_[i].status();
      const Status status = cluster_[leader].status();
      std::size_t voters = 0;
      for (const Peer& peer : status.peers)
        voters += peer.votes ? 1 : 0;
      return own.trouble.empty() && !own.leader.empty() && voters == cluster_.size();
    });
  }
  void grow() {
    if (cluster_.size() >= 5) return;
    for (std::size_t i = 0; i < cluster_.size(); ++i) {
      if (!start(i) || !settled(i)) return;
    }
    const std::size_t added = cluster_.grow();
    start(added);
    CHECK(soon([&] {
      const std::size_t leader = cluster_.leader();
      return leader != cluster_.size() && cluster_[leader].add(cluster_.address(added));
    }));
  }
  template <typename Deed>
  void with_leader(Deed deed) {
    const std::size_t leader = cluster_.leader();
    if (leader != cluster_.size()) deed(cluster_[leader]);
  }
  void propose() {
    const std::string command = fmt::format("c{}", ++proposed_);
    with_leader([&](Node& node) {
      if (node.propose(command, std::chrono::milliseconds(1000))) acknowledged_.push_back(command);
    });
  }

  std::mt19937 random_;
  Cluster cluster_;
  int proposed_{0};
  std::vector<std::string> acknowledged_;
};

}  // namespace

TEST_CASE("whatever nodes go through, they agree on one sequence with all that was acknowledged") {
  const unsigned first = number_of("ORCH_SEED", std::random_device()());
  for (unsigned round = 0; round < number_of("ORCH_ROUNDS", 2); ++round) {
    const unsigned seed = first + round;
    CAPTURE(seed);
    Chaos chaos(seed);
    REQUIRE(chaos.begin());
    for (int i = 0; i < 60; ++i)
      chaos.step();
    REQUIRE(chaos.end());
    CHECK(chaos.missing().empty());
  }
}

}  // namespace orch::ha::raft
