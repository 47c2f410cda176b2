#pragma once

#include <vector>

#include "core/plan/step.h"

namespace orch {

/// What puts servers back as they were before this run, where it can be done: writable again, the
/// threads started that ran. Only for servers that this run changed (REF-2); nothing that was
/// tried already.
[[nodiscard]] std::vector<Step> undo_steps(const Progress& so_far, const Topology& fresh);

}  // namespace orch
