#pragma once

#include "core/model/instance.h"

namespace orch {

// Strict orders for sorting, as informative commands print; the key breaks every tie.

/// Depth, more replicas first, cluster name, key: what `find` and `search` print.
[[nodiscard]] bool before_by_importance(const Instance& a, const Instance& b);

/// Cluster name, depth, key: what lists of several clusters print.
[[nodiscard]] bool before_by_cluster(const Instance& a, const Instance& b);

/// More replicas first; key.
[[nodiscard]] bool before_by_replicas(const Instance& a, const Instance& b);

}  // namespace orch
