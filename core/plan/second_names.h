#pragma once

#include <vector>

#include "core/plan/step.h"

namespace orch {

// A server may be on record under two names: what a plan does to one of them, it undoes by what it
// does to the other.

struct SecondNames {
  std::vector<InstanceKey> meant{};  ///< names that the plan goes by, if there are others
  /// Servers without a uuid are one when they have one server id, which by mistake two may have.
  /// If not set, these must hold the same, too, until somebody is told to take writes.
  bool ids_tell{false};
};

/// The plan, as if each server were on record once. Other names of a server are left alone, and the
/// account notes them.
[[nodiscard]] Planner with_one_name_each(SecondNames names, Planner planner);

}  // namespace orch
