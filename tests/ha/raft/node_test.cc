#include "ha/raft/node.h"

#include <doctest/doctest.h>

#include "tests/ha/raft/cluster.h"

namespace orch::ha::raft {

namespace {

using test::Cluster;
using test::soon;

constexpr std::chrono::milliseconds kLong = Cluster::kLong;

}  // namespace

TEST_CASE("a node alone elects itself, and answers what is proposed") {
  Cluster cluster(1);
  REQUIRE(cluster.start(0));
  REQUIRE(cluster.leader() == 0);
  const auto answer = cluster[0].propose("a", kLong);
  REQUIRE(answer);
  CHECK(*answer == "did a");
  CHECK(cluster.ledger(0).commands() == std::vector<std::string>{"a"});
  CHECK(cluster[0].status().state == "Leader");
}

TEST_CASE("three nodes elect one leader, and all of them learn all commands in one order") {
  Cluster cluster(3);
  REQUIRE(cluster.start_all());
  const std::size_t leader = cluster.leader();
  REQUIRE(leader < 3);
  REQUIRE(cluster[leader].propose("a", kLong));
  REQUIRE(cluster[leader].propose("b", kLong));
  CHECK(cluster.all_know({"a", "b"}));
  CHECK(cluster.ledger(0).entries() == cluster.ledger(1).entries());
  CHECK(cluster.ledger(0).entries() == cluster.ledger(2).entries());

  const std::size_t other = (leader + 1) % 3;
  const auto refused = cluster[other].propose("c", kLong);
  REQUIRE(!refused);
  CHECK(refused.error().kind == ErrorKind::Refused);
  CHECK(refused.error().message ==
        cluster.address(other) + " does not lead, " + cluster.address(leader) + " does");
  CHECK(!cluster[other].leading());
}

}  // namespace orch::ha::raft
