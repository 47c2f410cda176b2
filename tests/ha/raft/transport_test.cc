#include "ha/raft/transport.h"

#include <arpa/inet.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include <doctest/doctest.h>

#include "tests/ha/raft/cluster.h"

namespace orch::ha::raft {

namespace {

using test::Cluster;
using test::soon;

/// A stranger's connection to a node.
class Visitor {
 public:
  explicit Visitor(const std::string& address) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    REQUIRE(::connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
  }
  ~Visitor() { ::close(socket_); }
  Visitor(const Visitor&) = delete;
  Visitor& operator=(const Visitor&) = delete;

  void say(const std::string& bytes) const {
    // It may have been thrown out already.
    (void)!::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  void say_frame(const std::string& text) const {
    const std::uint32_t size = htonl(static_cast<std::uint32_t>(text.size()));
    std::string bytes(4, '\0');
    std::memcpy(bytes.data(), &size, 4);
    say(bytes + text);
  }
  /// All that comes until the node ends the connection.
  [[nodiscard]] std::string hear() const {
    std::string heard;
    char part[4096];
    while (true) {
      const ssize_t size = ::recv(socket_, part, sizeof part, 0);
      if (size <= 0) return heard;
      heard.append(part, static_cast<std::size_t>(size));
    }
  }

 private:
  int socket_;
};

/// Answers at an address as a node would that has that number, until it ends.
class Impersonator {
 public:
  Impersonator(const std::string& address, std::string number)
      : number_(std::move(number)), socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    const int on = 1;
    ::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
    REQUIRE(::listen(socket_, 64) == 0);
    thread_ = std::thread([this] { answer(); });
  }
  ~Impersonator() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
  }
  Impersonator(const Impersonator&) = delete;
  Impersonator& operator=(const Impersonator&) = delete;

  [[nodiscard]] int asked() const { return asked_; }

 private:
  void answer() {
    while (true) {
      const int visitor = ::accept(socket_, nullptr, nullptr);
      if (visitor < 0) return;
      char greeting[256];
      const ssize_t size = ::recv(visitor, greeting, sizeof greeting, 0);
      const std::string text(greeting, size > 0 ? static_cast<std::size_t>(size) : 0);
      const bool is_for_it = text.find("identity") != std::string::npos;
      const std::string said = is_for_it ? "ok " + number_ : "ok ";
      const std::string frame{'\0', '\0', '\0', static_cast<char>(said.size())};
      (void)!::send(visitor, (frame + said).data(), 4 + said.size(), MSG_NOSIGNAL);
      if (is_for_it) ++asked_;
      ::close(visitor);
    }
  }

  const std::string number_;
  const int socket_;
  std::atomic<int> asked_{0};
  std::thread thread_;
};

Settings secured(const Cluster& cluster, std::size_t i, const std::string& secret) {
  Settings settings = cluster.settings(i);
  settings.security.secret = Secret(secret);
  return settings;
}

/// Makes a key and a certificate "NAME.key" and "NAME.crt", signed by `authority` or by itself.
void make_certificate(const std::string& folder, const std::string& name,
                      const std::string& authority, const std::string& alternative) {
  std::string command = fmt::format(
      "cd {} && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9 "
      "-keyout {}.key -out {}.crt -subj /CN={}",
      folder, name, name, name);
  if (!authority.empty()) {
    command += fmt::format(" -CA {}.crt -CAkey {}.key -addext basicConstraints=CA:FALSE", authority,
                           authority);
  }
  if (!alternative.empty()) command += " -addext subjectAltName=" + alternative;
  command += " >/dev/null 2>&1";
  REQUIRE(std::system(command.c_str()) == 0);
}

Settings certified(const Cluster& cluster, std::size_t i, const std::string& folder,
                   const std::string& name, const std::string& authority) {
  Settings settings = cluster.settings(i);
  settings.security.certificate = fmt::format("{}/{}.crt", folder, name);
  settings.security.key = fmt::format("{}/{}.key", folder, name);
  settings.security.authority = fmt::format("{}/{}.crt", folder, authority);
  return settings;
}

}  // namespace

TEST_CASE("a node with another secret, or none, stays outside while the group works (HA-19)") {
  Cluster cluster(3);
  for (std::size_t i = 0; i < 3; ++i)
    REQUIRE(cluster.start(i, secured(cluster, i, "sesame")));
  const std::vector<std::string> first{"first"};
  REQUIRE(cluster.put("first"));
  REQUIRE(cluster.all_know(first));
  cluster.stop(2);
  REQUIRE(cluster.start(2, secured(cluster, 2, "simsim")));
  REQUIRE(cluster.put("a"));
  CHECK(!cluster[2].leading());
  CHECK(cluster.ledger(2).commands() == first);
  cluster.stop(2);
  REQUIRE(cluster.start(2, cluster.settings(2)));
  REQUIRE(cluster.put("b"));
  CHECK(cluster.ledger(2).commands() == first);
  cluster.stop(2);
  REQUIRE(cluster.start(2, secured(cluster, 2, "sesame")));
  CHECK(cluster.all_know({"first", "a", "b"}));
}

TEST_CASE("what a stranger says is not heard, and does no harm") {
  Cluster cluster(3);
  for (std::size_t i = 0; i < 3; ++i)
    REQUIRE(cluster.start(i, secured(cluster, i, "sesame")));
  REQUIRE(cluster.put("a"));
  const std::size_t leader = cluster.leader();
  const auto term = cluster[leader].leading();
  {
    const Visitor plain(cluster.address(leader));
    plain.say_frame("orch-raft/1 ask state");
    CHECK(plain.hear().find("data") == std::string::npos);
    const Visitor noise(cluster.address(leader));
    noise.say(std::string(100000, '\xa5'));
    (void)noise.hear();
    const Visitor web(cluster.address(leader));
    web.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    (void)web.hear();
    // More than are let in at once, and all of them silent.
    std::vector<std::unique_ptr<Visitor>> idle;
    for (int i = 0; i < 100; ++i)
      idle.push_back(std::make_unique<Visitor>(cluster.address(leader)));
    REQUIRE(cluster[leader].propose("b", Cluster::kLong));
    for (const auto& visitor : idle)
      CHECK(visitor->hear().empty());
  }
  REQUIRE(cluster[leader].propose("c", Cluster::kLong));
  CHECK(cluster.all_know({"a", "b", "c"}));
  CHECK(cluster[leader].leading() == term);
}

TEST_CASE("strangers do not name ever more nodes that one without a group waits for") {
  Cluster cluster(2);
  REQUIRE(cluster.start(0));
  for (int i = 1; i <= 40; ++i) {
    const Visitor stranger(cluster.address(0));
    stranger.say_frame(fmt::format("orch-raft/1 stream 1 2 127.0.0.1:{}", i));
    CHECK(stranger.hear().find("not part of a group yet") != std::string::npos);
  }
  const auto named = [&] {
    const std::string trouble = cluster[0].status().trouble;
    int count = 0;
    for (int i = 1; i <= 40; ++i)
      count += trouble.find(fmt::format("127.0.0.1:{},", i)) != std::string::npos ? 1 : 0;
    return count;
  };
  CHECK(soon([&] { return named() >= 10; }));
  CHECK(named() <= 20);
  // They do not stand for those of its list.
  REQUIRE(cluster.start(1));
  CHECK(soon(
      [&] { return cluster[0].status().trouble.find(cluster.address(1)) == std::string::npos; }));
}

TEST_CASE("a node that lost its disk once more is taken in without a wait for what it was before") {
  Cluster cluster(3);
  REQUIRE(cluster.start_all());
  // More than may be lacking when a node gets its vote.
  std::vector<std::string> all;
  for (int i = 0; i < 30; ++i)
    REQUIRE(cluster.put(all.emplace_back(fmt::format("c{}", i))));
  REQUIRE(cluster.all_know(all));
  const std::size_t lost = (cluster.leader() + 1) % 3;
  cluster.stop(lost);
  cluster.lose_disk(lost);
  const std::size_t leader = cluster.leader();
  REQUIRE(leader < 3);
  {
    const Impersonator gone_again(cluster.address(lost), "0000000000000077");
    const Visitor asking(cluster.address(leader));
    asking.say_frame("orch-raft/1 ask join 77 " + cluster.address(lost));
    REQUIRE(asking.hear().find("will be taken in") != std::string::npos);
    // When it asks, and before it changes the group.
    REQUIRE(soon([&] { return gone_again.asked() >= 2; }));
  }
  REQUIRE(cluster.ledger(lost).reset());
  REQUIRE(cluster.start(lost));
  CHECK(cluster.all_know(all));
  CHECK(soon([&] { return cluster[lost].status().trouble.empty(); }));
}

TEST_CASE("who names another node's address is not taken in in its place") {
  Cluster cluster(3);
  REQUIRE(cluster.start_all());
  REQUIRE(cluster.put("a"));
  const std::size_t leader = cluster.leader();
  REQUIRE(leader < 3);
  const auto voters = [&] {
    const std::vector<Peer> peers = cluster[leader].status().peers;
    return std::ranges::count_if(peers, &Peer::votes);
  };
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  std::ptrdiff_t fewest = voters();
  for (unsigned number = 0xabc000; std::chrono::steady_clock::now() < until; ++number) {
    for (std::size_t i = 0; i < 3; ++i) {
      const Visitor stranger(cluster.address(leader));
      stranger.say_frame(fmt::format("orch-raft/1 ask join {:x} {}", number, cluster.address(i)));
      (void)stranger.hear();
    }
    fewest = std::min(fewest, voters());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  CHECK(fewest == 3);
  CHECK(cluster.leader() == leader);
  REQUIRE(cluster.put("b"));
  CHECK(cluster.all_know({"a", "b"}));
}

TEST_CASE("without a secret, too, what is no greeting ends the connection") {
  Cluster cluster(1);
  REQUIRE(cluster.start(0));
  REQUIRE(cluster.leader() == 0);
  const auto heard_after = [&](const std::string& bytes, bool framed) {
    const Visitor visitor(cluster.address(0));
    if (framed) {
      visitor.say_frame(bytes);
    } else {
      visitor.say(bytes);
    }
    return visitor.hear();
  };
  CHECK(heard_after("\x7f\xff\xff\xff", false).empty());
  CHECK(heard_after("orch-raft/2 stream 1 2 a:1", true).empty());
  CHECK(heard_after("orch-raft/1 stream 1", true).empty());
  CHECK(heard_after("orch-raft/1 stream x y z", true).empty());
  CHECK(heard_after("orch-raft/1 stream 1 2 a:1", true).find("0000000000000002 is not here") !=
        std::string::npos);
  CHECK(heard_after("orch-raft/1 ask join zz", true).find("no such request") != std::string::npos);
  CHECK(heard_after("orch-raft/1 ask join 12 a:1", true).find("a:1 is to be added first") !=
        std::string::npos);
  CHECK(cluster.put("a"));
}

TEST_CASE(
    "nodes with certificates let in whom their authority signed, at the address that it says") {
  Cluster cluster(3);
  const std::string folder = cluster.directory(9);
  std::filesystem::create_directories(folder);
  make_certificate(folder, "ours", "", "");
  make_certificate(folder, "theirs", "", "");
  make_certificate(folder, "node", "ours", "IP:127.0.0.1");
  make_certificate(folder, "elsewhere", "ours", "DNS:elsewhere.example");
  make_certificate(folder, "foreign", "theirs", "IP:127.0.0.1");
  for (std::size_t i = 0; i < 3; ++i)
    REQUIRE(cluster.start(i, certified(cluster, i, folder, "node", "ours")));
  const std::vector<std::string> first{"first"};
  REQUIRE(cluster.put("first"));
  REQUIRE(cluster.all_know(first));
  cluster.stop(2);
  REQUIRE(cluster.start(2, certified(cluster, 2, folder, "foreign", "ours")));
  REQUIRE(cluster.put("a"));
  CHECK(cluster.ledger(2).commands() == first);
  cluster.stop(2);
  REQUIRE(cluster.start(2, certified(cluster, 2, folder, "elsewhere", "ours")));
  REQUIRE(cluster.put("b"));
  CHECK(cluster.ledger(2).commands() == first);
  cluster.stop(2);
  REQUIRE(cluster.start(2, certified(cluster, 2, folder, "node", "ours")));
  CHECK(cluster.all_know({"first", "a", "b"}));
}

TEST_CASE("who is no node does not speak along with a certificate of the nodes' authority") {
  Cluster cluster(3);
  const std::string folder = cluster.directory(9);
  std::filesystem::create_directories(folder);
  make_certificate(folder, "ours", "", "");
  make_certificate(folder, "node", "ours", "IP:127.0.0.1");
  make_certificate(folder, "application", "ours", "DNS:elsewhere.example");
  for (std::size_t i = 0; i < 3; ++i)
    REQUIRE(cluster.start(i, certified(cluster, i, folder, "node", "ours")));
  REQUIRE(cluster.put("a"));
  const std::size_t leader = cluster.leader();
  REQUIRE(leader < 3);
  const auto heard = [&](const std::string& certificate, const std::string& greeting) {
    const std::string said = fmt::format("{}/{}.said", folder, certificate);
    std::string frame{'\0', '\0', '\0', static_cast<char>(greeting.size())};
    std::ofstream(said) << frame << greeting;
    const std::string command = fmt::format(
        "cd {0}; (cat {1}.said; sleep 0.5) | timeout 10 openssl s_client -connect {2} -cert "
        "{1}.crt "
        "-key {1}.key -CAfile ours.crt -quiet 2>/dev/null > {1}.heard",
        folder, certificate, cluster.address(leader));
    [[maybe_unused]] const int ignored = std::system(command.c_str());
    std::ostringstream all;
    all << std::ifstream(fmt::format("{}/{}.heard", folder, certificate)).rdbuf();
    return all.str();
  };
  CHECK(heard("node", "orch-raft/1 ask state").find("ok ") != std::string::npos);
  CHECK(heard("node", "orch-raft/1 ask identity").find("not for everybody") == std::string::npos);
  CHECK(heard("application", "orch-raft/1 ask identity").find("not for everybody") !=
        std::string::npos);
  CHECK(heard("node", "orch-raft/1 ask group").find("not for everybody") == std::string::npos);
  CHECK(heard("application", "orch-raft/1 ask group").find("not for everybody") !=
        std::string::npos);
  const std::string follower = cluster.address((leader + 1) % 3);
  CHECK(heard("application", "orch-raft/1 ask join 77 " + follower).find("not for everybody") !=
        std::string::npos);
  CHECK(heard("node", "orch-raft/1 ask join 77 " + follower).find("will be taken in") !=
        std::string::npos);
  // One that is yet to join asks that.
  CHECK(heard("application", "orch-raft/1 ask state").find("ok data") != std::string::npos);
  const std::string id = fmt::format("{:016x}", first_id_of(cluster.address(leader)));
  // Of a node, but not the one that it says.
  CHECK(heard("node", "orch-raft/1 stream 12 " + id + " 10.9.9.9:1").empty());
  CHECK(heard("application", "orch-raft/1 stream 12 " + id + " elsewhere.example:1").empty());
  CHECK(cluster.put("b"));
}

TEST_CASE("certificates that are of no use are named at the start") {
  Cluster cluster(1);
  Settings settings = cluster.settings(0);
  settings.security.certificate = "/nowhere/node.crt";
  const auto half = cluster.start(0, settings);
  REQUIRE(!half);
  CHECK(half.error().kind == ErrorKind::InvalidInput);
  settings.security.key = "/nowhere/node.key";
  settings.security.authority = "/nowhere/ca.crt";
  const auto missing = cluster.start(0, settings);
  REQUIRE(!missing);
  CHECK(missing.error().message.find("certificate /nowhere/node.crt") == 0);
}

}  // namespace orch::ha::raft
