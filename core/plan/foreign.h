#pragma once

#include "core/model/topology.h"
#include "core/plan/position.h"

namespace orch {

/// What a server holds of this cluster's transactions. One that replicates from several sources
/// holds other clusters', too: of it counts what was written by servers that the others, who follow
/// one source each, belong to or have transactions of (of MariaDB by GTID domain; two clusters that
/// share a domain and server ids cannot be told apart).
[[nodiscard]] Position without_foreign(const Instance& holder, Position held,
                                       const Topology& cluster);

}  // namespace orch
