#pragma once

#include <functional>
#include <set>

#include "core/base/result.h"
#include "core/model/topology.h"
#include "core/ports/maintenance.h"

namespace orch {

/// Reads those servers anew: the topology as it then is.
using Survey = std::function<Topology(const Topology& fresh, const std::set<InstanceKey>& asked)>;

/// Whether the server, which is locked, may be pointed below `destination`: two operations at once,
/// each of which locks what it moves alone, must not make a circle. Nobody else works on the
/// destination or on those above it, and none of them has come to be below the server since it was
/// read. `ours` are locked by this operation. Errors: Conflict.
Result<> check_destination(const InstanceKey& server, const InstanceKey& destination,
                           const std::set<InstanceKey>& ours, MaintenanceLocks& locks,
                           const Survey& survey, Topology& fresh);

}  // namespace orch
