#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "tests/ha/raft/cluster.h"

// How a node finds its group that has lost its disk, or a part of what stood there.

namespace orch::ha::raft {

namespace {

using test::Cluster;
using test::Ledger;
using test::soon;

/// The file of the first node's log that contains a text.
std::filesystem::path segment_with(const Cluster& cluster, std::string_view text) {
  for (const auto& entry : std::filesystem::directory_iterator(cluster.directory(0) + "/log")) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    if (bytes.find(text) != std::string::npos) return entry.path();
  }
  return {};
}

}  // namespace

TEST_CASE("a node whose disk was lost joins as a new one, and is fed from a snapshot") {
  Cluster cluster(3);
  const auto settings = [&](std::size_t i) {
    Settings changed = cluster.settings(i);
    changed.snapshot_after = 8;
    changed.keep_entries = 4;
    return changed;
  };
  for (std::size_t i = 0; i < 3; ++i)
    REQUIRE(cluster.start(i, settings(i)));
  std::vector<std::string> all;
  for (int i = 0; i < 40; ++i) {
    all.push_back(fmt::format("c{}", i));
    REQUIRE(cluster.put(all.back()));
  }
  REQUIRE(cluster.all_know(all));
  const std::size_t lost = (cluster.leader() + 1) % 3;
  cluster.stop(lost);
  cluster.lose_disk(lost);
  const int before = cluster.ledger(lost).restored();
  REQUIRE(cluster.start(lost, settings(lost)));
  CHECK(soon([&] {
    const Status status = cluster[lost].status();
    return status.trouble.empty() && status.peers.size() == 3;
  }));
  CHECK(cluster.all_know(all));
  CHECK(cluster.ledger(lost).restored() > before);
  // It counts: with it and one other, there is a majority.
  CHECK(soon([&] { return cluster[cluster.leader()].status().peers.size() == 3; }));
  const std::size_t other = 3 - lost - cluster.leader();
  REQUIRE(other < 3);
  cluster.stop(other);
  REQUIRE(cluster.put("last"));
  all.push_back("last");
  CHECK(cluster.all_know(all));
  // And it remains what it has become.
  cluster.stop(lost);
  REQUIRE(cluster.start(lost, settings(lost)));
  REQUIRE(cluster.put("more"));
  all.push_back("more");
  CHECK(cluster.all_know(all));
}

TEST_CASE("nodes whose disks were lost begin no group while one that has the log is away") {
  Cluster cluster(3);
  REQUIRE(cluster.start_all());
  REQUIRE(cluster.put("a"));
  REQUIRE(cluster.all_know({"a"}));
  for (std::size_t i = 0; i < 3; ++i)
    cluster.stop(i);
  for (std::size_t i = 0; i < 2; ++i) {
    cluster.lose_disk(i);
    REQUIRE(cluster.start(i));
  }
  // Far longer than two nodes take to elect one.
  const auto patience = 15 * cluster.settings(0).election_timeout;
  const auto until = std::chrono::steady_clock::now() + patience;
  bool led = false;
  while (!led && std::chrono::steady_clock::now() < until) {
    led = cluster[0].leading() || cluster[1].leading();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  CHECK_FALSE(led);
  CHECK(cluster[0].status().trouble.find(cluster.address(2)) != std::string::npos);
  // What it knows is not thrown away for two that know nothing.
  REQUIRE(cluster.start(2));
  CHECK(soon([&] {
    return cluster[0].status().trouble.find("no vote in the group") != std::string::npos;
  }));
  CHECK(cluster.ledger(2).commands() == std::vector<std::string>{"a"});
}

TEST_CASE("a node without a log begins no group of its own when others want it for theirs") {
  Cluster cluster(3);
  REQUIRE(cluster.start_all());
  REQUIRE(cluster.put("a"));
  REQUIRE(cluster.all_know({"a"}));
  const std::size_t lost = (cluster.leader() + 1) % 3;
  cluster.stop(lost);
  cluster.lose_disk(lost);
  Settings alone = cluster.settings(lost);
  alone.peers = {cluster.address(lost)};
  REQUIRE(cluster.start(lost, alone));
  CHECK(soon([&] {
    const Status status = cluster[lost].status();
    return status.trouble.empty() && status.peers.size() == 3;
  }));
  REQUIRE(cluster.put("b"));
  CHECK(cluster.all_know({"a", "b"}));
}

TEST_CASE("a copy of a node, with its log or without, says that another one has its address") {
  Cluster cluster(3);
  REQUIRE(cluster.start_all());
  REQUIRE(cluster.put("a"));
  REQUIRE(cluster.all_know({"a"}));
  const std::size_t one = (cluster.leader() + 1) % 3;
  cluster.stop(one);
  cluster.keep_disk(one);
  REQUIRE(cluster.start(one));
  for (const bool has_log : {true, false}) {
    CAPTURE(has_log);
    Ledger ledger;
    if (has_log) REQUIRE(ledger.restore(cluster.ledger(one).as_text()));
    Settings settings = cluster.settings(one);
    settings.bind = test::free_address();
    settings.data_dir += has_log ? ".kept" : ".empty";
    const auto copy = Node::start(settings, ledger);
    REQUIRE_MESSAGE(copy, copy.error().message);
    CHECK(soon([&] {
      return (*copy)->status().trouble.find("another node answers at " + cluster.address(one)) == 0;
    }));
    CHECK(cluster[one].status().trouble.empty());
    REQUIRE(cluster.put(has_log ? "b" : "c"));
  }
  CHECK(cluster.all_know({"a", "b", "c"}));
}

TEST_CASE("a node that joined and lost its log alone joins once more, as another") {
  Cluster cluster(3);
  REQUIRE(cluster.start_all());
  REQUIRE(cluster.put("a"));
  const std::size_t lost = (cluster.leader() + 1) % 3;
  cluster.stop(lost);
  cluster.lose_disk(lost);
  REQUIRE(cluster.start(lost));
  REQUIRE(cluster.all_know({"a"}));
  CHECK(soon([&] { return cluster[lost].status().trouble.empty(); }));
  cluster.stop(lost);
  std::filesystem::remove_all(cluster.directory(lost) + "/log");
  REQUIRE(cluster.start(lost));
  REQUIRE(cluster.put("b"));
  CHECK(cluster.all_know({"a", "b"}));
}

TEST_CASE("an old disk of another group at the same addresses is not mixed in") {
  const std::string old_group = "00000000000000aa";
  const std::string new_group = "00000000000000bb";
  Cluster cluster(3);
  REQUIRE(cluster.start_all());
  REQUIRE(cluster.put(old_group));
  // Its term is beyond what the new group gets to.
  for (int i = 0; i < 5; ++i)
    REQUIRE(cluster[cluster.leader()].hand_over(""));
  for (const char* command : {"b", "c", "d"})
    REQUIRE(cluster.put(command));
  REQUIRE(cluster.all_know({old_group, "b", "c", "d"}));
  for (std::size_t i = 0; i < 3; ++i)
    cluster.stop(i);
  cluster.keep_disk(2);
  const auto backend = cluster.ledger(2).as_text();
  for (std::size_t i = 0; i < 3; ++i)
    cluster.lose_disk(i);
  REQUIRE(cluster.start_all());
  REQUIRE(cluster.put(new_group));
  REQUIRE(cluster.all_know({new_group}));
  cluster.stop(2);
  cluster.bring_back_disk(2);
  REQUIRE(cluster.ledger(2).restore(backend));
  const Term term = cluster[cluster.leader()].status().term;
  REQUIRE(cluster.start(2));
  CHECK(soon([&] {
    return cluster[2].status().trouble.find("is of group " + old_group) != std::string::npos;
  }));
  REQUIRE(cluster.put("x"));
  CHECK(cluster[cluster.leader()].status().term == term);
  for (const std::size_t i : {0U, 1U}) {
    CHECK(soon([&] {
      return cluster.ledger(i).commands() == std::vector<std::string>{new_group, "x"};
    }));
  }
  CHECK(cluster.ledger(2).commands() == std::vector<std::string>{old_group, "b", "c", "d"});
}

TEST_CASE("nodes of a group that has no number yet work with those that know one") {
  const std::string number = "00000000000000aa";
  Cluster cluster(3);
  // As if it were of an earlier version, whose records nobody numbered.
  REQUIRE(cluster.start_all());
  REQUIRE(cluster.put("a"));
  REQUIRE(cluster.all_know({"a"}));
  const std::size_t behind = (cluster.leader() + 1) % 3;
  cluster.stop(behind);
  REQUIRE(cluster.put(number));
  REQUIRE(cluster.start(behind));
  CHECK(cluster.all_know({"a", number}));
  CHECK(soon([&] { return cluster[behind].status().group == number; }));
}

TEST_CASE("nobody is elected by a node that lost the end of its log") {
  Cluster cluster(3);
  REQUIRE(cluster.start_all());
  REQUIRE(cluster.put("a"));
  REQUIRE(cluster.all_know({"a"}));
  const std::size_t whole = cluster.leader();
  const std::size_t damaged = (whole + 1) % 3;
  const std::size_t behind = (whole + 2) % 3;
  cluster.stop(behind);
  cluster.stop(damaged);
  cluster.keep_disk(damaged);
  REQUIRE(cluster.start(damaged));
  REQUIRE(cluster.put("b"));
  REQUIRE(cluster.all_know({"a", "b"}));
  cluster.stop(whole);
  cluster.stop(damaged);
  cluster.bring_back_disk(damaged);
  REQUIRE(cluster.start(damaged));
  REQUIRE(cluster.start(behind));
  CHECK(soon([&] {
    return cluster[damaged].status().trouble.find("lost the end of its log") != std::string::npos;
  }));
  REQUIRE(cluster.start(whole));
  REQUIRE(cluster.put("c"));
  CHECK(cluster.all_know({"a", "b", "c"}));
  CHECK(soon([&] { return cluster[damaged].status().trouble.empty(); }));
}

TEST_CASE("a node without others does not go on with a log that lost its end") {
  Cluster cluster(1);
  REQUIRE(cluster.start(0));
  REQUIRE(cluster.put("a"));
  cluster.stop(0);
  cluster.keep_disk(0);
  REQUIRE(cluster.start(0));
  REQUIRE(cluster.put("b"));
  cluster.stop(0);
  cluster.bring_back_disk(0);
  const auto started = cluster.start(0);
  REQUIRE_FALSE(started);
  CHECK(started.error().kind == ErrorKind::Broken);
  CHECK(started.error().message.find("lost the end of its log") != std::string::npos);
}

TEST_CASE("a log that was cut off within an entry is refused at the start") {
  Cluster cluster(1);
  REQUIRE(cluster.start(0));
  REQUIRE(cluster.put(std::string(3000, 'a')));
  cluster.stop(0);
  cluster.keep_disk(0);
  for (const unsigned size : {1000U, 20U, 5U}) {
    CAPTURE(size);
    cluster.bring_back_disk(0);
    const std::filesystem::path cut = segment_with(cluster, "aaaa");
    std::filesystem::resize_file(cut, size);
    const auto refused = cluster.start(0);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == ErrorKind::Broken);
    const std::string& said = refused.error().message;
    CHECK(said.find("log/" + cut.filename().string() + " was cut off within an entry") !=
          std::string::npos);
    CHECK(said.find("with an empty directory it begins as a new one") != std::string::npos);
  }
}

TEST_CASE("what has a segment's name and is no file is named at the start") {
  Cluster cluster(1);
  REQUIRE(cluster.start(0));
  REQUIRE(cluster.put("a"));
  cluster.stop(0);
  std::filesystem::create_directory(cluster.directory(0) +
                                    "/log/0000000000000001-0000000000000002");
  const auto refused = cluster.start(0);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::Broken);
  CHECK(refused.error().message.find("log/0000000000000001-0000000000000002 is no file") !=
        std::string::npos);
}

TEST_CASE("a log with wrong bytes is not said to be cut off") {
  Cluster cluster(1);
  REQUIRE(cluster.start(0));
  REQUIRE(cluster.put(std::string(3000, 'a')));
  cluster.stop(0);
  {
    std::fstream file(segment_with(cluster, "aaaa"),
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(39);  // the highest byte of the first entry's size
    file.put('#');
  }
  const auto refused = cluster.start(0);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("cut off") == std::string::npos);
}

TEST_CASE("a damaged snapshot is refused at the start") {
  Cluster cluster(1);
  REQUIRE(cluster.start(0));
  REQUIRE(cluster.put("a"));
  REQUIRE(cluster[0].take_snapshot());
  cluster.stop(0);
  bool damaged = false;
  for (const auto& entry : std::filesystem::directory_iterator(cluster.directory(0) + "/log")) {
    const std::string name = entry.path().filename();
    if (name.rfind("snapshot-", 0) != 0 || name.find(".meta") != std::string::npos) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(50);
    file.put('#');
    damaged = true;
  }
  REQUIRE(damaged);
  const auto refused = cluster.start(0);
  REQUIRE(!refused);
  CHECK(refused.error().kind == ErrorKind::Broken);
  CHECK(refused.error().message.find("the snapshot is damaged") != std::string::npos);
}

}  // namespace orch::ha::raft
