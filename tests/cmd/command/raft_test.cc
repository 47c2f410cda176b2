#include "cmd/command/raft.h"

#include <doctest/doctest.h>

#include "tests/ha/raft/fake_group.h"

namespace orch::cmd {

namespace {

/// Only there to be counted.
struct NoMachine final : ha::raft::StateMachine {
  Result<std::string> apply(ha::raft::Index /*index*/, std::string_view /*command*/) override {
    return std::string();
  }
  Result<std::string> snapshot() override { return std::string(); }
  Result<> reset() override { return {}; }
  Result<> restore(std::string_view /*snapshot*/) override { return {}; }
};

struct ThreeOfThem {
  ThreeOfThem() {
    for (int i = 0; i < 3; ++i)
      all.join(machine);
  }
  NoMachine machine;
  ha::raft::FakeGroup all;
  ha::raft::FakeGroup::Node leader{all, 0};
};

}  // namespace

TEST_SUITE("raft commands") {
  TEST_CASE("an address gets the port that is meant where none is written") {
    const RaftSettings settings;
    CHECK(full_address(settings, "db1") == "db1:10008");
    CHECK(full_address(settings, "db1:7") == "db1:7");
    CHECK(full_address(settings, "::1") == "[::1]:10008");
    CHECK(full_address(settings, "[::1]") == "[::1]:10008");
    CHECK(full_address(settings, "[::1]:7") == "[::1]:7");
    CHECK(full_address({.default_raft_port = 0}, "db1") == "db1");
  }

  TEST_CASE("leadership goes to the node that is named, with or without its port") {
    ThreeOfThem nodes;
    CHECK(yield_to(nodes.leader, "node-1:10008"));
    CHECK(yield_to(nodes.leader, "node-2"));
    CHECK(yield_to(nodes.leader, "node-0"));  // which leads already
    CHECK(nodes.all.handed_to == std::vector<std::string>{"node-1:10008", "node-2:10008"});
    const Result<> strange = yield_to(nodes.leader, "node");
    REQUIRE_FALSE(strange.has_value());
    CHECK(strange.error().kind == ErrorKind::NotFound);
  }

  TEST_CASE("a hint that fits the leader changes nothing; one that fits nobody is an error") {
    ThreeOfThem nodes;
    CHECK(yield_to_hint(nodes.leader, "node"));
    CHECK(nodes.all.handed_to.empty());
    CHECK(yield_to_hint(nodes.leader, "de-2"));
    CHECK(nodes.all.handed_to == std::vector<std::string>{"node-2:10008"});
    CHECK_FALSE(yield_to_hint(nodes.leader, "elsewhere").has_value());
  }
}

}  // namespace orch::cmd
