#include "core/net/zookeeper.h"

#include <map>
#include <mutex>
#include <vector>

#include <doctest/doctest.h>

#include "tests/support/fake_tcp_server.h"

namespace orch {

namespace {

std::string big_endian(std::uint64_t number, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i)
    text += static_cast<char>(number >> (8 * i) & 0xffU);
  return text;
}

std::uint32_t number_at(const std::string& bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = at; i < at + 4; ++i)
    number = number << 8U | static_cast<unsigned char>(bytes.at(i));
  return number;
}

std::string framed(const std::string& body) {
  return big_endian(body.size(), 4) + body;
}

/// A ZooKeeper with nodes in memory, for those who set and create.
class FakeZookeeper {
 public:
  FakeZookeeper() : server_([this](const FakeTcpServer::Peer& peer) { serve(peer); }) {}
  [[nodiscard]] std::string address() const {
    return "127.0.0.1:" + std::to_string(server_.port());
  }
  std::map<std::string, std::string> nodes() {
    const std::lock_guard lock(mutex_);
    return nodes_;
  }
  /// Answers nothing more once that many requests have come.
  int silent_after{1000};

 private:
  static constexpr std::uint32_t kCreate = 1;
  static constexpr std::uint32_t kSetData = 5;
  static constexpr int kNoNode = -101;
  static constexpr int kNodeExists = -110;

  void serve(const FakeTcpServer::Peer& peer) {
    std::string bytes;
    bool greeted = false;
    int requests = 0;
    while (true) {
      while (bytes.size() < 4 || bytes.size() < 4 + number_at(bytes, 0)) {
        const std::string more = peer.receive();
        if (more.empty()) return;
        bytes += more;
      }
      const std::size_t size = number_at(bytes, 0);
      const std::string packet = bytes.substr(4, size);
      bytes.erase(0, 4 + size);
      if (!greeted) {
        greeted = true;
        peer.send(framed(big_endian(0, 4) + big_endian(10'000, 4) + big_endian(7, 8) +
                         framed(std::string(16, 'p')) + std::string(1, '\0')));
        continue;
      }
      if (++requests > silent_after) continue;
      peer.send(framed(answer(packet)));
    }
  }

  std::string answer(const std::string& packet) {
    const std::lock_guard lock(mutex_);
    const std::uint32_t kind = number_at(packet, 4);
    int code = 0;
    std::string body;
    if (kind == kCreate || kind == kSetData) {
      const std::size_t path_size = number_at(packet, 8);
      const std::string path = packet.substr(12, path_size);
      const std::string value = packet.substr(16 + path_size, number_at(packet, 12 + path_size));
      const std::string parent = path.substr(0, path.rfind('/'));
      if (kind == kSetData) {
        code = nodes_.contains(path) ? 0 : kNoNode;
      } else if (nodes_.contains(path)) {
        code = kNodeExists;
      } else if (!parent.empty() && !nodes_.contains(parent)) {
        code = kNoNode;
      }
      if (code == 0) {
        nodes_[path] = value;
        body = kind == kCreate ? framed(path) : std::string(68, '\0');
      }
    }
    return packet.substr(0, 4) + big_endian(1, 8) +
           big_endian(static_cast<std::uint32_t>(code), 4) + body;
  }

  std::mutex mutex_;
  std::map<std::string, std::string> nodes_;
  FakeTcpServer server_;
};

using Nodes = std::vector<std::pair<std::string, std::string>>;

const std::function<Result<>()> kMay = [] {
  return Result<>();
};

SteadyPoint in(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

}  // namespace

TEST_SUITE("net/zookeeper") {
  TEST_CASE("nodes are made with what is above them, and set when they are there") {
    FakeZookeeper zookeeper;
    const Nodes nodes = {{"/mysql/master/shop", "db-1:3306"},
                         {"/mysql/master/shop/hostname", "db-1"},
                         {"/mysql/master/shop/ipv6", ""}};
    const auto made =
        set_zookeeper_nodes(zookeeper.address(), nodes, kMay, in(std::chrono::seconds(20)));
    REQUIRE_MESSAGE(made, made.error().message);
    CHECK(zookeeper.nodes()["/mysql/master/shop"] == "db-1:3306");
    CHECK(zookeeper.nodes()["/mysql/master/shop/hostname"] == "db-1");
    CHECK(zookeeper.nodes().contains("/mysql/master/shop/ipv6"));
    CHECK(zookeeper.nodes().contains("/mysql"));
    REQUIRE(set_zookeeper_nodes(zookeeper.address(), Nodes{{"/mysql/master/shop", "db-2:3306"}},
                                kMay, in(std::chrono::seconds(20))));
    CHECK(zookeeper.nodes()["/mysql/master/shop"] == "db-2:3306");
    CHECK(zookeeper.nodes()["/mysql/master/shop/hostname"] == "db-1");
  }

  TEST_CASE("a server that falls silent, never speaks or is not there is given up in time") {
    FakeZookeeper silent;
    silent.silent_after = 0;
    FakeTcpServer mute([](const FakeTcpServer::Peer& peer) { peer.hang(); });
    std::string gone;
    { gone = FakeZookeeper().address(); }
    for (const std::string& address :
         {silent.address(), "127.0.0.1:" + std::to_string(mute.port()), gone}) {
      const auto done = set_zookeeper_nodes(address, Nodes{{"/a", "b"}}, kMay,
                                            in(std::chrono::milliseconds(300)));
      REQUIRE_FALSE(done);
      CHECK(done.error().kind == ErrorKind::Unreachable);
      CHECK(done.error().message.find(address) != std::string::npos);
    }
  }

  TEST_CASE("nothing is written once the permit is gone") {
    FakeZookeeper zookeeper;
    int left = 1;
    const auto done = set_zookeeper_nodes(
        zookeeper.address(), Nodes{{"/a", "1"}, {"/b", "2"}},
        [&]() -> Result<> {
          if (left-- > 0) return {};
          return fail(ErrorKind::Conflict, "not any more");
        },
        in(std::chrono::seconds(20)));
    REQUIRE_FALSE(done);
    CHECK(done.error().message == "not any more");
    CHECK(zookeeper.nodes() == std::map<std::string, std::string>{{"/a", "1"}});
  }

  TEST_CASE("a setting that names no server is refused") {
    for (const char* servers : {"", " , ", "a b;c:99999"}) {
      const auto done =
          set_zookeeper_nodes(servers, Nodes{{"/a", "1"}}, kMay, in(std::chrono::seconds(1)));
      REQUIRE_FALSE(done);
      CHECK(done.error().message.find("ZkAddress") == 0);
    }
  }
}

}  // namespace orch
