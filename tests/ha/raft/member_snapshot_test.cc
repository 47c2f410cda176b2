// How snapshots are taken (ha/raft/member_snapshot.cc), seen from outside.

#include <chrono>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/ha/raft/cluster.h"

namespace orch::ha::raft {

namespace {

using test::Cluster;

}  // namespace

TEST_CASE("a snapshot is taken on demand, and the log goes on") {
  Cluster cluster(1);
  REQUIRE(cluster.start(0));
  REQUIRE(cluster.put("a"));
  REQUIRE(cluster[0].take_snapshot());
  REQUIRE(cluster[0].take_snapshot());
  REQUIRE(cluster.put("b"));
  cluster.stop(0);
  REQUIRE(cluster.start(0));
  CHECK(cluster.ledger(0).restored() == 1);
  REQUIRE(cluster.put("c"));
  CHECK(cluster.all_know({"a", "b", "c"}));
}

TEST_CASE("the group goes on while all its nodes write a large snapshot at the same entry") {
  Cluster cluster(3);
  for (std::size_t i = 0; i < 3; ++i) {
    cluster.ledger(i).write_for(std::chrono::milliseconds(1500));
    Settings settings = cluster.settings(i);
    settings.snapshot_after = 8;
    REQUIRE(cluster.start(i, settings));
  }
  const std::size_t leader = cluster.leader();
  const Term term = cluster[leader].leading().value_or(0);
  REQUIRE(term != 0);
  const auto begun = std::chrono::steady_clock::now();
  std::vector<std::string> commands;
  for (int i = 0; i < 16; ++i) {
    commands.push_back(fmt::format("command {}", i));
    REQUIRE(cluster[leader].propose(commands.back(), Cluster::kLong));
  }
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::milliseconds(1500));
  REQUIRE(cluster[leader].take_snapshot());  // after that one
  CHECK(cluster[leader].leading() == term);
  CHECK(cluster.all_know(commands));
  cluster.stop(leader);
  REQUIRE(cluster.start(leader));
  CHECK(cluster.ledger(leader).restored() == 1);
  CHECK(cluster.all_know(commands));
}

TEST_CASE("a node that ends while a snapshot is written goes on without that one") {
  Cluster cluster(1);
  cluster.ledger(0).write_for(std::chrono::milliseconds(500));
  Settings settings = cluster.settings(0);
  settings.snapshot_after = 4;
  REQUIRE(cluster.start(0, settings));
  for (const char* command : {"a", "b", "c", "d"})
    REQUIRE(cluster.put(command));
  cluster.stop(0);
  cluster.ledger(0).write_for({});
  REQUIRE(cluster.start(0, settings));
  CHECK(cluster.ledger(0).restored() == 0);
  REQUIRE(cluster.put("e"));
  CHECK(cluster.all_know({"a", "b", "c", "d", "e"}));
}

}  // namespace orch::ha::raft
