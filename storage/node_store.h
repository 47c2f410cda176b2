#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "storage/database.h"

namespace orch::storage {

/// A process of orch: the host it runs on, and a token that no other process has.
struct NodeIdentity {
  std::string hostname{};
  std::string token{};  ///< make_process_token()
};

/// 64 random hex digits. Errors: Broken when the system has no random bytes.
Result<std::string> make_token();

struct Node {
  NodeIdentity identity{};
  std::string mode{};     ///< "HttpMode" or "CLIMode"
  std::string command{};  ///< of the command line, "" for a service
  std::string app_version{};
  std::string first_seen{};  ///< backend text; as the next two, only when read
  std::string last_seen{};
  std::string backend{};
};

/// Which processes are alive.
class NodeStore {
 public:
  NodeStore(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

  /// Registers a process or says that it still lives.
  Result<> save(const Node& node);
  /// Those seen within two seconds, by host name.
  [[nodiscard]] Result<std::vector<Node>> list_active() const;
  /// Drops processes not seen for five seconds.
  Result<std::int64_t> expire();

 private:
  Database& database_;
  const Clock& clock_;
};

}  // namespace orch::storage
