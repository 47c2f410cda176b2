#include "ha/raft/raft_coordination.h"

#include <doctest/doctest.h>

#include "tests/ha/raft/raft_bench.h"

namespace orch::ha::raft {

namespace {

constexpr std::chrono::milliseconds kWell{0};

struct ThreePlaces : ThreeNodes {
  RaftCoordination first{one.database(), one.group, {}};
  RaftCoordination second{two.database(), two.group, {}};

  static void attempt(Coordination& place, std::chrono::milliseconds unwell = kWell) {
    const Result<> done = place.attempt(unwell);
    REQUIRE_MESSAGE(done.has_value(), storage::why(done));
  }
};

}  // namespace

TEST_CASE(
    "the leader answers itself; the others know where it does once it has said so (HA-23, HA-31)") {
  ThreePlaces nodes;
  CHECK_FALSE(nodes.first.answers_elsewhere().has_value());
  CHECK(nodes.second.answers_elsewhere() == "");
  nodes.first.announce("http://node-0:3000");
  nodes.second.announce("http://node-1:3000");
  ThreePlaces::attempt(nodes.first);
  ThreePlaces::attempt(nodes.second);
  CHECK(nodes.second.answers_elsewhere() == "http://node-0:3000");
  // Nothing is said twice.
  ThreePlaces::attempt(nodes.first);
  ThreePlaces::attempt(nodes.second);
  CHECK(nodes.group.log.size() == 2);  // what the group is called, and where it answers
  nodes.group.leader = 1;
  ++nodes.group.term;
  CHECK(nodes.first.answers_elsewhere() == "");
  ThreePlaces::attempt(nodes.second);
  CHECK(nodes.first.answers_elsewhere() == "http://node-1:3000");
  nodes.group.leader.reset();
  CHECK(nodes.first.answers_elsewhere() == "");
}

TEST_CASE("a group gets a number once, from whoever leads it first") {
  ThreePlaces nodes;
  ThreePlaces::attempt(nodes.second);
  CHECK(nodes.group.log.empty());
  ThreePlaces::attempt(nodes.first);
  const std::string number = nodes.value("select url from orch_raft_node where address = 'group'");
  CHECK(number.size() == 16);
  CHECK(nodes.three.state.group_number().value_or("") == number);
  nodes.group.leader = 1;
  ++nodes.group.term;
  ThreePlaces::attempt(nodes.second);
  CHECK(nodes.group.log.size() == 1);
}

TEST_CASE("a number that a group was given late is not given up for another") {
  ThreePlaces nodes;
  const auto number = [&] {
    return nodes.value("select url from orch_raft_node where address = 'group'");
  };
  SharedDatabase earlier(nodes.one.database(), nodes.one.group, std::chrono::seconds(1));
  std::string first;
  nodes.group.before = [&] {
    REQUIRE(number_group(earlier));
    first = number();
  };
  ThreePlaces::attempt(nodes.first);
  CHECK(first.size() == 16);
  CHECK(number() == first);
  REQUIRE(renumber_group(nodes.one.shared));
  CHECK(number().size() == 16);
  CHECK(number() != first);
}

TEST_CASE("where nodes answer is known without the backend, as it was looked up last") {
  ThreePlaces nodes;
  nodes.first.announce("http://node-0:3000");
  ThreePlaces::attempt(nodes.first);
  CHECK(nodes.one.group.known_url("node-0:10008") == "http://node-0:3000");
  CHECK(nodes.two.group.known_url("node-0:10008").empty());
  REQUIRE(nodes.second.look_up_nodes());
  nodes.two.run("drop table orch_raft_node");
  CHECK_FALSE(nodes.second.look_up_nodes());
  CHECK(nodes.two.group.known_url("node-0:10008") == "http://node-0:3000");
}

TEST_CASE("all nodes that know a leader watch, in its term; one alone acts, and proves it") {
  ThreePlaces nodes;
  CHECK(nodes.first.leadership().leading() == Term{1});
  CHECK(nodes.first.leadership().proven() == Term{1});
  CHECK_FALSE(nodes.second.leadership().leading().has_value());
  CHECK(nodes.second.watching().leading() == Term{1});
  // Cut off, a leader does not know it yet.
  nodes.group.silent = true;
  CHECK(nodes.first.leadership().leading() == Term{1});
  CHECK_FALSE(nodes.first.leadership().proven().has_value());
  nodes.group.leader.reset();
  CHECK_FALSE(nodes.second.watching().leading().has_value());
}

TEST_CASE(
    "a node whose backend fails for long steps aside, and comes back when it is well (HA-18)") {
  ThreePlaces nodes;
  ThreePlaces::attempt(nodes.first, std::chrono::seconds(4));
  CHECK(nodes.first.leadership().leading().has_value());
  ThreePlaces::attempt(nodes.first, std::chrono::seconds(6));
  CHECK_FALSE(nodes.first.leadership().leading().has_value());
  CHECK(nodes.group.yields == std::vector<std::size_t>{0});
  ThreePlaces::attempt(nodes.first);
  CHECK(nodes.first.leadership().leading().has_value());
}

TEST_CASE("leadership is given up, and not grabbed") {
  ThreePlaces nodes;
  const Result<> grabbed = nodes.second.grab();
  REQUIRE_FALSE(grabbed.has_value());
  CHECK(grabbed.error().kind == ErrorKind::Refused);
  REQUIRE(nodes.first.resign().has_value());
  CHECK_FALSE(nodes.first.leadership().leading().has_value());
  CHECK(nodes.group.handed_to == std::vector<std::string>{""});
}

TEST_CASE("a node that is alone gives leadership up to nobody, and that is no error") {
  FakeGroup group;
  RaftNode node(group, 0);
  RaftCoordination place(node.database(), node.group, {});
  CHECK(place.resign().has_value());
  CHECK(group.handed_to.empty());
}

}  // namespace orch::ha::raft
