#pragma once

#include "core/plan/step.h"

namespace orch {

/// Servers move below `via` by the first planner, and from there by the second one, to which it
/// looks as if its run began when they had come below `via`.
[[nodiscard]] Decision next_of_two_legs(const Planner& first, const InstanceKey& via,
                                        const Planner& second, const Progress& so_far,
                                        const Topology& fresh);

}  // namespace orch
