#pragma once

#include <string>
#include <vector>

#include "core/model/topology.h"

namespace orch {

// Who has taken a failed primary's place already: by an earlier run, or by somebody else.

/// Servers other than the failed one that follow nobody and take writes.
[[nodiscard]] std::vector<const Instance*> writable_tops(const InstanceKey& failed,
                                                         const Topology& fresh);

/// What a writable server lacks of what the replicas hold, or, when none can be compared, of what
/// the failed server is known to have had: only one that lacks nothing can be the result of a
/// promotion that nobody remembers, or one that others follow already. "" = nothing.
[[nodiscard]] std::string lacks_of(const Instance& top, const Instance& failed,
                                   const Topology& fresh);

/// Somebody else takes writes: promoting one more would make two. "" = nobody does.
[[nodiscard]] std::string objection_to_tops(const Instance& failed, const Topology& fresh);

}  // namespace orch
