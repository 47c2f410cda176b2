#include "cmd/command/raft.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "cmd/command/config_check.h"
#include "cmd/command/families.h"
#include "tests/cmd/command/command_fixture.h"
#include "tests/ha/raft/fake_group.h"

namespace orch::cmd {

namespace {

/// Only there to be counted.
struct NoMachine final : ha::raft::StateMachine {
  Result<std::string> apply(ha::raft::Index /*index*/, std::string_view /*command*/) override {
    return std::string();
  }
  Result<std::string> snapshot(const std::function<void()>& /*pinned*/) override {
    return std::string();
  }
  [[nodiscard]] Result<ha::raft::Index> applied() const override { return ha::raft::Index{0}; }
  Result<> reset() override { return {}; }
  Result<> restore(std::string_view /*snapshot*/) override { return {}; }
};

/// A service whose backend answers nothing.
struct WithoutBackend : CommandFixture {
  WithoutBackend() { execute("drop table orch_raft_node"); }
  Reply status(ha::raft::Group& group) {
    const std::vector<Command> commands = raft_commands();
    const auto command = std::ranges::find(commands, "raft status", &Command::name);
    REQUIRE(command != commands.end());
    Services made({.config = config,
                   .clock = clock,
                   .database = &database(),
                   .servers = servers,
                   .leadership = leadership,
                   .progress = progress,
                   .self = {.hostname = "here", .token = "t"},
                   .group = &group});
    const Result<Reply> reply = command->run(made, {});
    REQUIRE_MESSAGE(reply, storage::why(reply));
    return *reply;
  }
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

  TEST_CASE("a hint may be part of a host name; who is away has none") {
    ThreeOfThem nodes;
    nodes.all.answers[{"node-0:10008", std::string(kHostName)}] = "orch-paris";
    nodes.all.answers[{"node-2:10008", std::string(kHostName)}] = "orch-london";
    CHECK(yield_to_hint(nodes.leader, "paris"));
    CHECK(nodes.all.handed_to.empty());
    CHECK(yield_to_hint(nodes.leader, "london"));
    CHECK(nodes.all.handed_to == std::vector<std::string>{"node-2:10008"});
    CHECK_FALSE(yield_to_hint(nodes.leader, "rome").has_value());
  }

  TEST_CASE("healthy is who answers that it is") {
    ThreeOfThem nodes;
    nodes.all.answers[{"node-0:10008", std::string(kIsWell)}] = kWell;
    nodes.all.answers[{"node-2:10008", std::string(kIsWell)}] = "";
    CHECK(healthy_members(nodes.leader) == std::vector<std::string>{"node-0:10008"});
  }

  TEST_CASE("a node is sound that follows or leads, and that nothing keeps from leading") {
    CHECK(is_sound({.state = "Leader"}));
    CHECK(is_sound({.state = "Follower"}));
    CHECK_FALSE(is_sound({.state = "Candidate"}));
    CHECK_FALSE(is_sound({.state = "Follower", .trouble = "only 0 MiB are free"}));
  }

  TEST_CASE_FIXTURE(WithoutBackend, "the status does not ask the backend, and says what it lacks") {
    ThreeOfThem nodes;
    const Reply lacking = status(nodes.leader);
    CHECK(std::ranges::count(lacking.notes,
                             "where node-0:10008 answers requests is not known here") == 1);
    nodes.leader.remember_urls({{"node-0:10008", "http://node-0:3000"}});
    CHECK(status(nodes.leader).json.find("http://node-0:3000") != std::string::npos);
  }

  TEST_CASE_FIXTURE(WithoutBackend, "a node that is held up asks nobody for its status") {
    ThreeOfThem nodes;
    nodes.all.answers[{"node-1:10008", std::string(kIsWell)}] = kWell;
    CHECK(status(nodes.leader).table.rows[1].back() == "well");
    nodes.all.held_up = true;
    CHECK(status(nodes.leader).table.rows[1].back() == "not known");
  }

  TEST_CASE("how patient nodes are with each other is configured (HA-22)") {
    const ha::raft::Settings settings =
        raft_settings({.raft_heartbeat_milliseconds = std::chrono::milliseconds(700),
                       .raft_election_timeout_milliseconds = std::chrono::milliseconds(9000)});
    CHECK(settings.heartbeat == std::chrono::milliseconds(700));
    CHECK(settings.election_timeout == std::chrono::milliseconds(9000));
  }

  TEST_CASE("the check of a configuration says what a node would not start with") {
    LoadedConfig loaded;
    RaftSettings& raft = loaded.config.raft;
    raft = {.raft_enabled = true,
            .raft_bind = "orch1",
            .raft_advertise = "orch1",
            .raft_data_dir = "/",
            .raft_nodes = {"orch1", "orch2", "orch3"}};
    const auto says = [&](std::string_view text) {
      const std::vector<std::string> notes = config_check(loaded).notes;
      return std::ranges::any_of(
          notes, [text](const std::string& note) { return note.find(text) != std::string::npos; });
    };
    CHECK_FALSE(says("raft:"));
    raft.raft_nodes = {"orch4", "orch2", "orch3"};
    CHECK(says("RaftEnabled: raft: the list of nodes is without this one, orch1:10008"));
    raft.raft_nodes = {"orch1", "orch2", "orch2:10008"};
    CHECK(says("RaftEnabled: raft: the list of nodes has orch2:10008 twice"));
    CHECK(config_check(loaded).failed);
  }
}

}  // namespace orch::cmd
