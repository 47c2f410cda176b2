#pragma once

#include <optional>

#include "core/model/topology.h"
#include "core/plan/policy.h"
#include "core/plan/step.h"

namespace orch {

// What an applier keeps back of what was received.

/// Takes the delay from a MariaDB server that follows by GTID and has stopped receiving, and lets
/// it apply what it holds. Nothing where that is done, was tried, or cannot be.
[[nodiscard]] std::optional<Run> undelay(const Instance& server, const Progress& so_far);

/// undelay() leaves a server that goes on without GTID: back to it, when all that was received by
/// it is applied. Nothing where there is nothing to do.
[[nodiscard]] std::optional<Run> back_to_gtid(const Instance& server, const Progress& so_far);

/// The same when another one was promoted: what it still holds is thrown away.
[[nodiscard]] std::optional<Run> give_up_undelayed(const InstanceKey& winner,
                                                   const Progress& so_far, const Topology& fresh);

}  // namespace orch
