#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace orch {

/// What one node of several knows of a server by its own looks.
struct Opinion {
  bool known{false};    ///< it watches the server
  bool answers{false};  ///< the latest look that has ended found it
  bool fresh{false};    ///< that look ended after the question was put
};

/// One node's word on whether a server is dead.
enum class Vote { Dead, Alive, Silent };

/// A node that cannot reach the server says so however old its latest look is: none has gone well
/// since. That the server lives is worth something only when it was seen just now.
[[nodiscard]] Vote vote_of(const Opinion& opinion);

/// Diagnosis by quorum (HA-15): a server that does not answer the node that leads is dead when more
/// than half of all nodes, that one included, cannot reach it. A node that cannot be asked, or has
/// not seen enough, is one that does not agree.
[[nodiscard]] bool is_dead_by_majority(std::size_t agreeing_others, std::size_t nodes);

}  // namespace orch
