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
  std::string url{};  ///< of its API, up to "/api"; "" when it has none or that is not known yet
};

/// Which processes are alive.
class NodeStore {
 public:
  NodeStore(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

  /// Registers a process or says that it still lives.
  Result<> save(const Node& node);
  /// Those seen within two seconds, by host name.
  [[nodiscard]] Result<std::vector<Node>> list_active() const;
  /// Services with an address that were seen within ten seconds, those seen last first. One may be
  /// slow to say that it lives: whoever wants something of it sees.
  [[nodiscard]] Result<std::vector<Node>> list_serving() const;
  /// A service that answers no more: nobody is sent there.
  Result<> drop_address(const NodeIdentity& self);
  /// Drops processes not seen for five seconds.
  Result<std::int64_t> expire();

 private:
  Database& database_;
  const Clock& clock_;
};

}  // namespace orch::storage
