#pragma once

#include <vector>

#include "core/model/topology.h"

namespace orch {

// A binlog server (MaxScale) hands on its source's log under the same names and positions. A
// master, its binlog servers and theirs are a family: coordinates mean the same on all of them.

[[nodiscard]] bool is_binlog_server(const Topology& topology, const InstanceKey& key);

/// Whose log the server hands out: its own, or that of the first above it that is no binlog server.
[[nodiscard]] InstanceKey owner_of_log(const Topology& topology, const InstanceKey& server);

/// Whether a replica of `source` goes on below `other` at the coordinates where it is: both are of
/// one family, and at least one of them is a binlog server.
[[nodiscard]] bool hand_out_one_log(const Topology& topology, const InstanceKey& source,
                                    const InstanceKey& other);

/// How much of the log of its family the server can hand out: a binlog server what it has fetched.
[[nodiscard]] const BinlogCoordinates& handed_out_up_to(const Instance& server);

/// Those among `replicas`, and in the place of each binlog server also its replicas, and theirs.
[[nodiscard]] std::vector<const Instance*> with_those_below_binlog_servers(
    const Topology& topology, std::vector<const Instance*> replicas);

}  // namespace orch
