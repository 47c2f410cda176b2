#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "ha/raft/node.h"
#include "tests/ha/raft/ledger.h"

namespace orch::ha::raft::test {

/// Takes the port until this process ends, among those that take theirs so: a node that is stopped
/// for a while must find it free again. The name of an abstract socket (unix(7)) is the lock.
inline bool take_port(std::uint16_t port) {
  const std::string name = "orch-test-port-" + std::to_string(port);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(name.begin(), name.end(), address.sun_path + 1);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  const int lock = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::bind(lock, reinterpret_cast<sockaddr*>(&address), size) == 0) return true;
  ::close(lock);
  return false;
}

/// "127.0.0.1:PORT" that nobody listens on, nor will.
inline std::string free_address() {
  // Below what the kernel gives to those who connect (ip_local_port_range): they would take it
  // before the node does.
  constexpr unsigned kFirst = 10'000;
  constexpr unsigned kCount = 6'900;
  static std::atomic<unsigned> next{0};
  while (true) {
    const auto port = static_cast<std::uint16_t>(kFirst + next++ % kCount);
    if (!take_port(port)) continue;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    const int probe = ::socket(AF_INET, SOCK_STREAM, 0);
    const bool is_free = ::bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(probe);
    if (is_free) return fmt::format("127.0.0.1:{}", port);
  }
}

/// Waits for a condition, for as long as a very slow machine may need.
inline bool soon(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

/// Nodes in this process, by number, each with a directory and a ledger of its own.
class Cluster {
 public:
  static constexpr std::chrono::milliseconds kLong{10000};

  explicit Cluster(std::size_t count) {
    std::string form = (std::filesystem::temp_directory_path() / "orch-raft-XXXXXX").string();
    if (::mkdtemp(form.data()) == nullptr) std::abort();
    folder_ = form;
    for (std::size_t i = 0; i < count; ++i)
      addresses_.push_back(free_address());
    nodes_.resize(count);
    for (std::size_t i = 0; i < count; ++i)
      ledgers_.push_back(std::make_unique<Ledger>());
  }
  ~Cluster() {
    // All at once: each hands over to the next otherwise.
    std::vector<std::thread> ends;
    for (auto& node : nodes_)
      ends.emplace_back([&node] { node.reset(); });
    for (std::thread& end : ends)
      end.join();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  /// Of a node, before it starts; the nodes' list is that of all nodes.
  [[nodiscard]] Settings settings(std::size_t i) const {
    Settings settings;
    settings.bind = settings.advertise = addresses_[i];
    settings.peers = addresses_;
    settings.data_dir = directory(i);
    settings.election_timeout = std::chrono::milliseconds(300);
    settings.heartbeat = std::chrono::milliseconds(30);
    settings.least_free_bytes = 0;
    return settings;
  }
  [[nodiscard]] std::string directory(std::size_t i) const {
    return fmt::format("{}/{}", folder_, i);
  }

  Result<> start(std::size_t i, const Settings& settings) {
    ORCH_ASSIGN(nodes_[i], Node::start(settings, *ledgers_[i]));
    return {};
  }
  Result<> start(std::size_t i) { return start(i, settings(i)); }
  Result<> start_all() {
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      ORCH_TRY(start(i));
    return {};
  }
  void stop(std::size_t i) { nodes_[i].reset(); }
  void lose_disk(std::size_t i) { std::filesystem::remove_all(directory(i)); }
  /// What stands on the disk of a node that is stopped: to be remembered, and to come back.
  void keep_disk(std::size_t i) {
    std::filesystem::remove_all(directory(i) + ".kept");
    std::filesystem::copy(directory(i), directory(i) + ".kept", kWhole);
  }
  void bring_back_disk(std::size_t i) {
    lose_disk(i);
    std::filesystem::copy(directory(i) + ".kept", directory(i), kWhole);
  }
  /// One more, without starting it.
  std::size_t grow() {
    addresses_.push_back(free_address());
    nodes_.emplace_back();
    ledgers_.push_back(std::make_unique<Ledger>());
    return nodes_.size() - 1;
  }

  [[nodiscard]] Node& operator[](std::size_t i) { return *nodes_[i]; }
  [[nodiscard]] bool runs(std::size_t i) const { return nodes_[i] != nullptr; }
  [[nodiscard]] Ledger& ledger(std::size_t i) { return *ledgers_[i]; }
  [[nodiscard]] const std::string& address(std::size_t i) const { return addresses_[i]; }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }

  /// The number of the one that leads, once there is one; size() when none comes to.
  [[nodiscard]] std::size_t leader() {
    std::size_t found = size();
    soon([&] {
      for (std::size_t i = 0; i < size(); ++i) {
        if (nodes_[i] && nodes_[i]->leading()) found = i;
      }
      return found != size();
    });
    return found;
  }
  /// Tries until a leader took it.
  bool put(const std::string& command) {
    return soon([&] {
      for (const auto& node : nodes_) {
        if (node && node->leading() && node->propose(command, kLong)) return true;
      }
      return false;
    });
  }
  bool all_know(const std::vector<std::string>& commands) {
    return soon([&] {
      for (std::size_t i = 0; i < size(); ++i) {
        if (nodes_[i] && ledgers_[i]->commands() != commands) return false;
      }
      return true;
    });
  }

 private:
  static constexpr auto kWhole = std::filesystem::copy_options::recursive;

  std::string folder_;
  std::vector<std::string> addresses_;
  std::vector<std::unique_ptr<Ledger>> ledgers_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace orch::ha::raft::test
