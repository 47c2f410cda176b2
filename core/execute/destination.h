#pragma once

#include <functional>
#include <set>
#include <vector>

#include "core/base/result.h"
#include "core/execute/executor.h"
#include "core/model/topology.h"
#include "core/plan/step.h"
#include "core/ports/maintenance.h"

namespace orch {

/// What is needed to look at servers again, and to wait for those who work on them.
struct Lookout {
  MaintenanceLocks& locks;
  const Pace& pace;
  /// Reads those servers anew: the topology as it then is.
  std::function<Topology(const Topology& fresh, const std::set<InstanceKey>& asked)> survey{};
};

/// Whether the server of these steps, which is locked, may be pointed where they point it: two
/// operations at once, each of which locks what it moves alone, must not make a circle. Nobody else
/// works on a destination or on those above it (or does not any more after a moment), and none of
/// them has come to be below the server since it was read. `seen`: those locked by this operation,
/// and those looked at since all of its servers were. Errors: Conflict.
Result<> check_destinations(const std::vector<Step>& steps, std::set<InstanceKey>& seen,
                            const Lookout& lookout, Topology& fresh);

}  // namespace orch
