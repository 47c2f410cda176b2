#include "ha/raft/recover.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "tests/ha/raft/cluster.h"

// What a node does whose group has lost its majority for good.

namespace orch::ha::raft {

namespace {

using test::Cluster;
using test::soon;

/// Three nodes that agreed on two commands, and all stopped since.
struct Lost {
  Lost() {
    REQUIRE(cluster.start_all());
    REQUIRE(cluster.put("a"));
    REQUIRE(cluster.put("b"));
    REQUIRE(cluster.all_know({"a", "b"}));
    for (std::size_t i = 0; i < 3; ++i)
      cluster.stop(i);
  }
  Result<> recover(std::size_t i) {
    return begin_anew(cluster.settings(i), cluster.ledger(i), [](Group&) { return Result<>(); });
  }
  Result<Remains> look(std::size_t i) {
    return look_at_remains(cluster.settings(i), cluster.ledger(i));
  }
  Cluster cluster{3};
};

template <typename T>
void refused(const Result<T>& done, ErrorKind kind, std::string_view saying) {
  REQUIRE_FALSE(done);
  CHECK(done.error().kind == kind);
  CHECK_MESSAGE(done.error().message.find(saying) != std::string::npos, done.error().message);
}

}  // namespace

TEST_CASE_FIXTURE(Lost, "the last node goes on alone with all it had, and others join it empty") {
  for (const std::size_t i : {1U, 2U})
    cluster.lose_disk(i);
  const auto remains = look(0);
  REQUIRE(remains);
  CHECK(remains->voters.size() == 3);
  CHECK(remains->answering == 1);
  REQUIRE(recover(0));
  REQUIRE(cluster.start(0));
  REQUIRE(cluster.leader() == 0);
  CHECK(cluster[0].status().peers.size() == 1);
  CHECK(cluster.ledger(0).commands() == std::vector<std::string>{"a", "b"});
  REQUIRE(cluster.put("c"));
  for (const std::size_t i : {1U, 2U})
    REQUIRE(cluster.start(i));
  CHECK(cluster.all_know({"a", "b", "c"}));
  const auto votes_of_three = [this] {
    const std::size_t leader = cluster.leader();
    if (leader == cluster.size()) return false;
    const Status status = cluster[leader].status();
    return status.peers.size() == 3 && std::ranges::all_of(status.peers, &Peer::votes);
  };
  REQUIRE(soon(votes_of_three));
  // They can do without it.
  cluster.stop(0);
  REQUIRE(cluster.put("d"));
  CHECK(cluster.all_know({"a", "b", "c", "d"}));
}

TEST_CASE("those of the old group that come back with their disks stay outside") {
  const std::string before = "00000000000000aa";
  const std::string after = "00000000000000bb";
  Cluster cluster(3);
  REQUIRE(cluster.start_all());
  REQUIRE(cluster.put(before));
  REQUIRE(cluster.all_know({before}));
  for (std::size_t i = 0; i < 3; ++i)
    cluster.stop(i);
  REQUIRE(begin_anew(cluster.settings(0), cluster.ledger(0), [&](Group& group) -> Result<> {
    ORCH_TRY(group.propose(after, Cluster::kLong));
    return {};
  }));
  REQUIRE(cluster.start(0));
  REQUIRE(cluster.put("c"));
  // It is known to the new group, which waits for it: but without a log.
  REQUIRE(cluster.start(1));
  CHECK(soon([&] {
    return cluster[1].status().trouble.find("is of group " + before) != std::string::npos;
  }));
  const auto added = cluster[0].add(cluster.address(1));
  REQUIRE_FALSE(added);
  CHECK(added.error().message.find("has the log of another group (" + before) != std::string::npos);
  REQUIRE(cluster.put("d"));
  CHECK(cluster.ledger(1).commands() == std::vector<std::string>{before});
  cluster.stop(1);
  cluster.lose_disk(1);
  REQUIRE(cluster.start(1));
  CHECK(cluster.all_know({before, after, "c", "d"}));
}

TEST_CASE_FIXTURE(Lost, "a node does not go on alone while it runs, or while others could") {
  REQUIRE(cluster.start(0));
  refused(recover(0), ErrorKind::Conflict, "another process uses it");
  cluster.stop(0);
  // Two of three are a majority, whether they have elected one yet or not.
  REQUIRE(cluster.start(1));
  refused(recover(0), ErrorKind::Refused, "2 of the 3 nodes that vote are there");
  REQUIRE(cluster.start(2));
  REQUIRE(cluster.leader() < 3);
  refused(look(0), ErrorKind::Refused, "the group goes on");
  REQUIRE(cluster.start(0));
  REQUIRE(cluster.put("c"));
  CHECK(cluster.all_know({"a", "b", "c"}));
}

TEST_CASE_FIXTURE(Lost, "a node goes on alone with a whole log only") {
  cluster.keep_disk(0);
  cluster.lose_disk(0);
  refused(recover(0), ErrorKind::NotFound, "there is no log");
  cluster.bring_back_disk(0);
  for (const auto& entry : std::filesystem::directory_iterator(cluster.directory(0) + "/log")) {
    const std::string name = entry.path().filename();
    if (name.starts_with("0000")) std::filesystem::resize_file(entry.path(), 20);
  }
  refused(recover(0), ErrorKind::Broken, "was cut off within an entry");
  cluster.bring_back_disk(0);
  const auto last = look(0);
  REQUIRE(last);
  REQUIRE(cluster.ledger(0).apply(last->last + 1, "from nowhere"));
  refused(recover(0), ErrorKind::Broken, "its end is lost");
}

TEST_CASE_FIXTURE(Lost, "a node that was cut off in its recovery waits for it to be done again") {
  const auto cut = begin_anew(cluster.settings(0), cluster.ledger(0),
                              [](Group&) { return fail(ErrorKind::Broken, "power cut"); });
  refused(cut, ErrorKind::Broken, "power cut");
  refused(cluster.start(0), ErrorKind::Broken, "'orch raft recover' was cut off here");
  REQUIRE(recover(0));
  REQUIRE(cluster.start(0));
  REQUIRE(cluster.put("c"));
  CHECK(cluster.ledger(0).commands() == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("a node that is alone anyway is not made so") {
  Cluster cluster(1);
  REQUIRE(cluster.start(0));
  REQUIRE(cluster.put("a"));
  cluster.stop(0);
  refused(look_at_remains(cluster.settings(0), cluster.ledger(0)), ErrorKind::Refused,
          "the only one that votes");
}

}  // namespace orch::ha::raft
