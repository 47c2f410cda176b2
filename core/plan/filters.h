#pragma once

#include <set>
#include <string>

#include "core/model/topology.h"

namespace orch {

/// The first server on the way of replication from `source` down to `replica` that leaves rows out:
/// they are missing in everything below it, though their transactions are not. Null: none does.
[[nodiscard]] const Instance* filter_between(const Topology& topology, const InstanceKey& source,
                                             const Instance& replica);

/// Who left out rows, now or when it was elsewhere, that the replica may lack and `source` may
/// have; none: it is whole.
[[nodiscard]] std::set<std::string> left_out(const Topology& topology, const InstanceKey& source,
                                             const Instance& replica);

/// What that means for the replica: "filters what it replicates, so that rows may be missing", or
/// by way of whom, or what its tag says; "" when it is whole.
[[nodiscard]] std::string filter_text(const Topology& topology, const InstanceKey& source,
                                      const Instance& replica);

/// What speaks against following the server, or fetching from it: "leaves databases out of its
/// binary log, ..."; "" = nothing.
[[nodiscard]] std::string binlog_filter_text(const Instance& server);

}  // namespace orch
