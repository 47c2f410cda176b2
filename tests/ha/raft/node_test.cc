#include "ha/raft/node.h"

#include <atomic>

#include <doctest/doctest.h>

#include "tests/ha/raft/cluster.h"

namespace orch::ha::raft {

namespace {

using test::Cluster;
using test::soon;

constexpr std::chrono::milliseconds kLong = Cluster::kLong;

/// Its kernel takes connections, as that of a frozen process does, and it says nothing.
class DeafNode {
 public:
  explicit DeafNode(const std::string& address) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const auto port = parse_uint(address.substr(address.rfind(':') + 1));
    own.sin_port = htons(static_cast<std::uint16_t>(*port));
    if (::bind(socket_, reinterpret_cast<sockaddr*>(&own), sizeof own) != 0 ||
        ::listen(socket_, 16) != 0) {
      std::abort();
    }
  }
  ~DeafNode() { ::close(socket_); }
  DeafNode(const DeafNode&) = delete;
  DeafNode& operator=(const DeafNode&) = delete;

 private:
  int socket_;
};

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

TEST_CASE("what a program asks of another node, that node's program answers") {
  Cluster cluster(2);
  Settings settings = cluster.settings(1);
  settings.answer = [](std::string_view question) {
    return "heard " + std::string(question);
  };
  REQUIRE(cluster.start(0));
  REQUIRE(cluster.start(1, settings));
  const auto answer = cluster[0].ask(cluster.address(1), "a question");
  REQUIRE_MESSAGE(answer, answer.error().message);
  CHECK(*answer == "heard a question");
  const std::string away = cluster.address(1);
  cluster.stop(1);
  const auto silence = cluster[0].ask(away, "a question");
  REQUIRE_FALSE(silence);
  CHECK(silence.error().kind == ErrorKind::Unreachable);
}

TEST_CASE(
    "one that takes a question and stays silent is waited for a moment, however patient nodes "
    "are") {
  Cluster cluster(1);
  const std::size_t frozen = cluster.grow();
  Settings settings = cluster.settings(0);
  settings.peers = {cluster.address(0)};
  settings.election_timeout = std::chrono::seconds(30);
  const DeafNode deaf(cluster.address(frozen));
  REQUIRE(cluster.start(0, settings));
  const auto silence = cluster[0].ask(cluster.address(frozen), "a question");
  REQUIRE_FALSE(silence);
  CHECK(silence.error().message == cluster.address(frozen) + " has not answered within 1000 ms");
}

TEST_CASE("a leader that stood still while another was elected does not lead for a moment longer") {
  Cluster cluster(3);
  REQUIRE(cluster.start_all());
  std::size_t first = cluster.leader();
  REQUIRE(first < 3);
  for (int round = 0; round < 5; ++round) {
    CAPTURE(round);
    const Term term = cluster[first].leading().value_or(0);
    REQUIRE(term != 0);
    cluster.ledger(first).pause_for(std::chrono::milliseconds(1500));
    std::thread proposing([&] { (void)cluster[first].propose("slow", kLong); });
    std::size_t second = first;
    CHECK(soon([&] {
      for (std::size_t i = 0; i < 3; ++i) {
        if (i != first && cluster[i].leading().value_or(0) > term) second = i;
      }
      return second != first;
    }));
    bool both = false;
    CHECK(soon([&] {
      for (int look = 0; look < 10000; ++look)
        both |= cluster[first].leading() == term && cluster[second].leading().has_value();
      return cluster[first].status().state == "Follower";
    }));
    CHECK_FALSE(both);
    proposing.join();
    first = cluster.leader();
    REQUIRE(first < 3);
  }
}

TEST_CASE("a follower that its backend holds up does not claim to know who leads") {
  Cluster cluster(3);
  REQUIRE(cluster.start_all());
  const std::size_t leader = cluster.leader();
  REQUIRE(leader < 3);
  const std::size_t held = (leader + 1) % 3;
  REQUIRE(soon([&] { return !cluster[held].status().leader.empty(); }));
  cluster.ledger(held).pause_for(std::chrono::milliseconds(3000));
  REQUIRE(cluster.put("a"));
  CHECK(soon([&] {
    const Status status = cluster[held].status();
    return status.leader.empty() && status.state != "Follower" &&
           status.trouble.find("held up") != std::string::npos;
  }));
  CHECK(cluster.all_know({"a"}));
  CHECK(soon([&] { return cluster[held].status().trouble.empty(); }));
}

TEST_CASE("a leader that its backend holds up says so, and not only that it leads no more") {
  Cluster cluster(3);
  REQUIRE(cluster.start_all());
  const std::size_t leader = cluster.leader();
  REQUIRE(leader < 3);
  cluster.ledger(leader).pause_for(std::chrono::milliseconds(3000));
  std::thread proposing([&] { (void)cluster[leader].propose("slow", kLong); });
  CHECK(soon([&] {
    const Status status = cluster[leader].status();
    return status.leader.empty() && status.state == "Candidate" &&
           status.trouble.find("held up") != std::string::npos;
  }));
  proposing.join();
  CHECK(soon([&] { return cluster[leader].status().trouble.empty(); }));
}

TEST_CASE("the last node that votes stays in the group") {
  Cluster cluster(1);
  REQUIRE(cluster.start(0));
  REQUIRE(cluster.leader() == 0);
  const auto refused = cluster[0].remove(cluster.address(0));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::Refused);
  CHECK(cluster[0].propose("a", kLong));
}

TEST_CASE("a leader that ends hands over, and nothing that was agreed on is lost") {
  Cluster cluster(3);
  REQUIRE(cluster.start_all());
  const std::size_t first = cluster.leader();
  REQUIRE(first < 3);
  const auto term = cluster[first].leading();
  REQUIRE(cluster[first].propose("a", kLong));
  cluster.stop(first);
  const std::size_t second = cluster.leader();
  REQUIRE(second < 3);
  CHECK(second != first);
  CHECK(*cluster[second].leading() > *term);
  REQUIRE(cluster[second].propose("b", kLong));
  REQUIRE(cluster.start(first));
  CHECK(cluster.all_know({"a", "b"}));
}

TEST_CASE("after a restart of all nodes the log is applied again") {
  Cluster cluster(3);
  REQUIRE(cluster.start_all());
  REQUIRE(cluster.put("a"));
  REQUIRE(cluster.put("b"));
  REQUIRE(cluster.all_know({"a", "b"}));
  for (std::size_t i = 0; i < 3; ++i)
    cluster.stop(i);
  // As if its database were of an earlier day.
  REQUIRE(cluster.ledger(0).reset());
  REQUIRE(cluster.start_all());
  REQUIRE(cluster.put("c"));
  CHECK(cluster.all_know({"a", "b", "c"}));
}

TEST_CASE("nodes are added and removed while the group works") {
  Cluster cluster(1);
  REQUIRE(cluster.start(0));
  REQUIRE(cluster.put("a"));
  for (int i = 0; i < 2; ++i) {
    const std::size_t added = cluster.grow();
    REQUIRE(cluster.start(added));
    const auto done = cluster[cluster.leader()].add(cluster.address(added));
    REQUIRE_MESSAGE(done, done.error().message);
    REQUIRE(cluster.put(fmt::format("b{}", i)));
  }
  CHECK(cluster.all_know({"a", "b0", "b1"}));
  CHECK(cluster[cluster.leader()].status().peers.size() == 3);

  const std::size_t leader = cluster.leader();
  const std::size_t gone = (leader + 1) % 3;
  REQUIRE(cluster[leader].remove(cluster.address(gone)));
  const auto status = cluster[leader].status();
  CHECK(status.peers.size() == 2);
  for (const Peer& peer : status.peers)
    CHECK(peer.address != cluster.address(gone));
  const auto again = cluster[leader].remove(cluster.address(gone));
  REQUIRE(!again);
  CHECK(again.error().kind == ErrorKind::NotFound);
  // It knocks, and stays outside all the same, and says so; until it is added again.
  const auto says_so = [&] {
    return cluster[gone].status().trouble.find("is not in the group") != std::string::npos;
  };
  REQUIRE(soon(says_so));
  REQUIRE(cluster.put("c"));
  CHECK(cluster.ledger(gone).commands().size() == 3);
  const auto back = cluster[cluster.leader()].add(cluster.address(gone));
  REQUIRE_MESSAGE(back, back.error().message);
  CHECK(cluster.all_know({"a", "b0", "b1", "c"}));
  CHECK(soon([&] { return cluster[gone].status().trouble.empty(); }));
}

TEST_CASE("a node that was removed while it was away says so when it comes back") {
  Cluster cluster(3);
  REQUIRE(cluster.start_all());
  REQUIRE(cluster.put("a"));
  const std::size_t gone = (cluster.leader() + 1) % 3;
  cluster.stop(gone);
  REQUIRE(cluster[cluster.leader()].remove(cluster.address(gone)));
  REQUIRE(cluster.start(gone));
  CHECK(soon([&] {
    return cluster[gone].status().trouble.find("is not in the group") != std::string::npos;
  }));
  CHECK(cluster[gone].status().leader.empty());
}

TEST_CASE("a removed node that began with the group gets in again with an empty directory") {
  Cluster cluster(3);
  REQUIRE(cluster.start_all());
  REQUIRE(cluster.put("a"));
  const std::size_t gone = (cluster.leader() + 1) % 3;
  REQUIRE(cluster[cluster.leader()].remove(cluster.address(gone)));
  CHECK(soon([&] {
    return cluster[gone].status().trouble.find("with an empty RaftDataDir, 'orch raft add") !=
           std::string::npos;
  }));
  cluster.stop(gone);
  cluster.lose_disk(gone);
  REQUIRE(cluster.start(gone));
  REQUIRE(soon([&] { return cluster[cluster.leader()].add(cluster.address(gone)).has_value(); }));
  CHECK(cluster.all_know({"a"}));
  CHECK(soon([&] { return cluster[gone].status().trouble.empty(); }));
}

TEST_CASE("a node that the group knows at another address says so, and how to mend it") {
  Cluster cluster(2);
  REQUIRE(cluster.start_all());
  REQUIRE(cluster.put("a"));
  const std::size_t moved = cluster.grow();
  REQUIRE(cluster.start(moved));
  REQUIRE(cluster[cluster.leader()].add(cluster.address(moved)));
  CHECK(cluster.all_know({"a"}));
  cluster.stop(moved);
  Settings settings = cluster.settings(moved);
  settings.bind = settings.advertise = test::free_address();
  settings.peers = {cluster.address(0), settings.advertise};
  REQUIRE(cluster.start(moved, settings));
  CHECK(soon([&] {
    return cluster[moved].status().trouble.find("is in the group as " + cluster.address(moved)) !=
           std::string::npos;
  }));
  const std::size_t leader = cluster.leader();
  REQUIRE(cluster[leader].remove(cluster.address(moved)));
  REQUIRE(soon([&] { return cluster[cluster.leader()].add(settings.advertise).has_value(); }));
  REQUIRE(cluster.put("b"));
  CHECK(soon([&] { return cluster.ledger(moved).commands().size() == 2; }));
  CHECK(soon([&] { return cluster[moved].status().trouble.empty(); }));
}

TEST_CASE("a node that the group knows by another name is not added once more") {
  Cluster cluster(1);
  REQUIRE(cluster.start(0));
  REQUIRE(cluster.put("a"));
  const std::string address = cluster.address(0);
  const auto refused = cluster[0].add("localhost" + address.substr(address.rfind(':')));
  REQUIRE(!refused);
  CHECK(refused.error().message.find("is in the group already, as " + address) !=
        std::string::npos);
  CHECK(cluster[0].status().peers.size() == 1);
}

TEST_CASE("a node with a group of its own is not added to another") {
  Cluster cluster(2);
  for (std::size_t i = 0; i < 2; ++i) {
    Settings alone = cluster.settings(i);
    alone.peers = {};
    REQUIRE(cluster.start(i, alone));
    REQUIRE(soon([&] { return cluster[i].leading().has_value(); }));
  }
  const auto refused = cluster[0].add(cluster.address(1));
  REQUIRE(!refused);
  CHECK(refused.error().kind == ErrorKind::Refused);
  CHECK(cluster[0].status().peers.size() == 1);
}

TEST_CASE("leadership is handed to the node that is named") {
  Cluster cluster(3);
  REQUIRE(cluster.start_all());
  const std::size_t leader = cluster.leader();
  const std::size_t heir = (leader + 1) % 3;
  // A voter may be behind just then.
  CHECK(
      soon([&] { return cluster[cluster.leader()].hand_over(cluster.address(heir)).has_value(); }));
  CHECK(soon([&] { return cluster[heir].leading().has_value(); }));
  const auto unknown = cluster[heir].hand_over("127.0.0.1:1");
  REQUIRE(!unknown);
  CHECK(unknown.error().kind == ErrorKind::NotFound);
  const auto refused = cluster[leader].hand_over("");
  REQUIRE(!refused);
  CHECK(refused.error().kind == ErrorKind::Refused);
}

TEST_CASE("nodes know each other by what they advertise, not by where they listen (HA-16)") {
  Cluster cluster(3);
  const auto name = [&](std::size_t i) {
    return "localhost" + cluster.address(i).substr(cluster.address(i).find(':'));
  };
  for (std::size_t i = 0; i < 3; ++i) {
    Settings settings = cluster.settings(i);
    settings.advertise = name(i);
    settings.peers = {name(0), name(1), name(2)};
    const Result<> started = cluster.start(i, settings);
    REQUIRE_MESSAGE(started.has_value(), started.error().message);
  }
  const std::size_t leader = cluster.leader();
  REQUIRE(leader < 3);
  CHECK(cluster[leader].status().leader == name(leader));
  CHECK(cluster[leader].status().self == name(leader));
  const std::size_t heir = (leader + 1) % 3;
  CHECK(soon([&] { return cluster[cluster.leader()].hand_over(name(heir)).has_value(); }));
  CHECK(soon([&] { return cluster[heir].leading().has_value(); }));
}

TEST_CASE("when a hand-over has ended, its heir leads and every node knows it") {
  Cluster cluster(3);
  REQUIRE(cluster.start_all());
  std::size_t leader = cluster.leader();
  for (int round = 0; round < 20; ++round) {
    CAPTURE(round);
    const std::size_t heir = (leader + 1) % 3;
    // What is known at once is looked at when the group was at rest before.
    if (!cluster[leader].hand_over(round % 2 == 0 ? cluster.address(heir) : "")) {
      leader = cluster.leader();
      continue;
    }
    const std::string known = cluster[leader].status().leader;
    if (round % 2 == 0) CHECK(known == cluster.address(heir));
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(cluster[i].status().leader == known);
      if (cluster.address(i) == known) CHECK(cluster[i].leading());
    }
    leader = cluster.leader();
  }
}

TEST_CASE("a hand-over with a node away does not wait for it") {
  Cluster cluster(3);
  REQUIRE(cluster.start_all());
  const std::size_t leader = cluster.leader();
  const std::size_t heir = (leader + 1) % 3;
  cluster.stop((leader + 2) % 3);
  // A voter may be behind just then; once it was handed over, it would be refused.
  CHECK(soon([&] { return cluster[leader].hand_over(cluster.address(heir)).has_value(); }));
  CHECK(cluster[heir].leading());
}

TEST_CASE("a node that yields hands over, and does not lead even when the leader ends") {
  Cluster cluster(3);
  REQUIRE(cluster.start_all());
  const std::size_t leader = cluster.leader();
  REQUIRE(cluster[leader].yield(std::chrono::minutes(10)));
  CHECK(!cluster[leader].leading());
  const std::size_t second = cluster.leader();
  REQUIRE(second != leader);
  const std::size_t third = 3 - leader - second;
  cluster.stop(second);
  CHECK(soon([&] { return cluster[third].leading().has_value(); }));
  // It votes, and follows.
  REQUIRE(cluster.put("a"));
  CHECK(cluster.all_know({"a"}));
}

TEST_CASE("leadership does not go round among nodes none of which should lead") {
  Cluster cluster(3);
  for (std::size_t i = 0; i < 3; ++i) {
    Settings settings = cluster.settings(i);
    settings.election_timeout = std::chrono::milliseconds(600);
    REQUIRE(cluster.start(i, settings));
  }
  const std::size_t leader = cluster.leader();
  const Term before = cluster[leader].status().term;
  for (const std::size_t i : {(leader + 1) % 3, (leader + 2) % 3, leader})
    REQUIRE(cluster[i].yield(std::chrono::seconds(6)));
  CHECK_FALSE(cluster[leader].leading());
  REQUIRE(cluster.put("a"));
  // One is elected at most because a busy machine was late, or as the first to be fit again.
  CHECK(cluster[cluster.leader()].status().term <= before + 2);
}

TEST_CASE("a node alone does not yield") {
  Cluster cluster(1);
  REQUIRE(cluster.start(0));
  REQUIRE(cluster.leader() == 0);
  const auto refused = cluster[0].yield(std::chrono::minutes(1));
  REQUIRE(!refused);
  CHECK(refused.error().kind == ErrorKind::Refused);
  CHECK(cluster[0].leading());
}

TEST_CASE("a leader without a majority proves nothing, and ceases to lead") {
  Cluster cluster(3);
  REQUIRE(cluster.start_all());
  const std::size_t leader = cluster.leader();
  const auto proved = cluster[leader].prove(kLong);
  REQUIRE(proved);
  CHECK(cluster[leader].leading() == *proved);
  cluster.stop((leader + 1) % 3);
  cluster.stop((leader + 2) % 3);
  const auto refused = cluster[leader].prove(kLong);
  REQUIRE(!refused);
  CHECK(soon([&] { return !cluster[leader].leading(); }));
  const auto lost = cluster[leader].propose("a", std::chrono::milliseconds(50));
  REQUIRE(!lost);
  // And what to do, when it lasts.
  CHECK(soon([&] {
    return cluster[leader].status().trouble.find("'orch raft recover'") != std::string::npos;
  }));
  REQUIRE(cluster.start((leader + 1) % 3));
  CHECK(soon([&] { return cluster[leader].status().trouble.empty(); }));
}

TEST_CASE("a node with a full disk says so, and does not lead") {
  Cluster cluster(3);
  Settings full = cluster.settings(0);
  full.least_free_bytes = std::uint64_t{1} << 62U;
  REQUIRE(cluster.start(0, full));
  REQUIRE(cluster.start(1));
  REQUIRE(cluster.start(2));
  CHECK(
      soon([&] { return cluster[0].status().trouble.find("MiB are free") != std::string::npos; }));
  const std::size_t leader = cluster.leader();
  CHECK(leader != 0);
  REQUIRE(cluster.put("a"));
  CHECK(cluster.all_know({"a"}));
  const auto handed = cluster[leader].hand_over(cluster.address(0));
  CHECK(soon([&] { return cluster.leader() != 0; }));
  CHECK(!cluster[0].leading());
}

TEST_CASE("among nodes that should not lead, leadership goes round to the one that should") {
  Cluster cluster(3);
  for (std::size_t i = 0; i < 3; ++i) {
    Settings settings = cluster.settings(i);
    if (i != 2) settings.least_free_bytes = std::uint64_t{1} << 62U;
    REQUIRE(cluster.start(i, settings));
  }
  CHECK(soon([&] { return cluster[2].leading().has_value(); }));
  CHECK(cluster.put("a"));
}

TEST_CASE("a node whose state machine breaks says so once, and another leads") {
  Cluster cluster(3);
  std::atomic<int> told{0};
  for (std::size_t i = 0; i < 3; ++i) {
    Settings settings = cluster.settings(i);
    settings.broken = [&told](const std::string&) {
      ++told;
    };
    REQUIRE(cluster.start(i, settings));
  }
  const std::size_t leader = cluster.leader();
  cluster.ledger(leader).break_with("the disk is gone");
  const auto failed = cluster[leader].propose("a", kLong);
  REQUIRE(!failed);
  CHECK(failed.error().kind == ErrorKind::Broken);
  CHECK(failed.error().message == "the disk is gone");
  CHECK(!cluster[leader].leading());
  CHECK(cluster[leader].status().trouble == "the disk is gone");
  CHECK(soon([&] { return cluster.leader() != leader; }));
  REQUIRE(cluster.put("b"));
  CHECK(told == 1);
}

TEST_CASE("log and snapshots are for nobody but the node's account (HA-30)") {
  using std::filesystem::perms;
  Cluster cluster(1);
  REQUIRE(cluster.start(0));
  REQUIRE(cluster.put("a"));
  REQUIRE(cluster[0].take_snapshot());
  cluster.stop(0);
  int snapshots = 0;
  for (const auto& file : std::filesystem::directory_iterator(cluster.directory(0) + "/log")) {
    CAPTURE(file.path().string());
    CHECK((file.status().permissions() & (perms::group_all | perms::others_all)) == perms::none);
    if (file.path().filename().string().starts_with("snapshot-")) ++snapshots;
  }
  CHECK(snapshots > 0);
}

TEST_CASE("what keeps a node from starting is said") {
  Cluster cluster(2);
  REQUIRE(cluster.start(0));
  Settings settings = cluster.settings(1);
  settings.bind = cluster.address(0);
  const auto port = cluster.start(1, settings);
  REQUIRE(!port);
  CHECK(port.error().kind == ErrorKind::Conflict);
  CHECK(port.error().message.find("cannot listen on " + cluster.address(0)) == 0);

  settings = cluster.settings(1);
  settings.data_dir = cluster.directory(0);
  const auto locked = cluster.start(1, settings);
  REQUIRE(!locked);
  CHECK(locked.error().kind == ErrorKind::Conflict);
  CHECK(locked.error().message.find("another process uses it") != std::string::npos);

  settings = cluster.settings(1);
  settings.data_dir = cluster.directory(1) + "/lock";
  const auto file = cluster.start(1, settings);
  REQUIRE(!file);
  CHECK(file.error().message.find("raft data directory") == 0);

  settings = cluster.settings(1);
  settings.peers = {cluster.address(0)};
  const auto stranger = cluster.start(1, settings);
  REQUIRE(!stranger);
  CHECK(stranger.error().kind == ErrorKind::InvalidInput);

  settings = cluster.settings(1);
  settings.heartbeat = settings.election_timeout;
  const auto hasty = cluster.start(1, settings);
  REQUIRE(!hasty);
  CHECK(hasty.error().kind == ErrorKind::InvalidInput);
}

}  // namespace orch::ha::raft
