#pragma once

#include <string>

#include "core/model/topology.h"

namespace orch {

/// The first server on the way of replication from `source` (itself not) down to `replica` that
/// filters what it replicates: rows that it leaves out are missing in everything below it, though
/// their transactions are not. Null: none does.
[[nodiscard]] const Instance* filter_between(const Topology& topology, const InstanceKey& source,
                                             const Instance& replica);

/// What that means for the replica: "filters what it replicates, so that rows may be missing", or
/// by way of whom; "" without a filter.
[[nodiscard]] std::string filter_text(const Topology& topology, const InstanceKey& source,
                                      const Instance& replica);

}  // namespace orch
