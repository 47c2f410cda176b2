#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace orch {

/// What one node of several knows of a server by its own looks.
struct Opinion {
  bool known{false};    ///< it watches the server, and has looked at it
  bool answers{false};  ///< the latest look found it
  bool fresh{false};    ///< that was just now, or nothing came of the look that runs
};

/// One node's word on whether a server is dead.
enum class Vote { Dead, Alive, Silent };

/// What was seen a while ago says nothing.
[[nodiscard]] Vote vote_of(const Opinion& opinion);

/// Diagnosis by quorum (HA-15): a server that does not answer the node that leads is dead when more
/// than half of all nodes, that one included, cannot reach it. A node that cannot be asked, or has
/// not seen enough, is one that does not agree.
[[nodiscard]] bool is_dead_by_majority(std::size_t agreeing_others, std::size_t nodes);

}  // namespace orch
