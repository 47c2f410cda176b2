#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "ha/raft/tls.h"

namespace orch::ha::raft {

struct Settings {
  std::string bind{};                ///< host:port to listen on
  std::string advertise{};           ///< host:port that others reach this node by: its name
  std::vector<std::string> peers{};  ///< all nodes, this one too; empty: this one alone
  std::string data_dir{};
  std::chrono::milliseconds election_timeout{800};
  std::chrono::milliseconds heartbeat{100};
  Security security{};
  unsigned snapshot_after{1024};  ///< entries of the log
  unsigned keep_entries{4096};    ///< for followers that fell behind, when the log is cut
  bool recovers{false};           ///< this is the end of begin_anew()
  std::uint64_t least_free_bytes{48U << 20U};  ///< on the disk; with less, a node does not lead
  /// Called once, by the engine's thread, when this node can go on no more: the process must end.
  std::function<void(const std::string& why)> broken{};
  /// Answers a question of another node's program at once: the engine's thread calls it.
  std::function<std::string(std::string_view question)> answer{};
  /// Whether something goes on that the next leader would have to take up: then leadership is not
  /// given away for the sake of another node's log. The engine's thread asks.
  std::function<bool()> busy{};
};

/// Errors: InvalidInput.
Result<> check_settings(const Settings& settings);

}  // namespace orch::ha::raft
