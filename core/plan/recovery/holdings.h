#pragma once

#include <chrono>
#include <functional>

#include "core/model/topology.h"
#include "core/plan/policy.h"
#include "core/plan/position.h"
#include "core/plan/recovery/dead_primary.h"

namespace orch {

// Who holds what of a failed server's transactions.

/// Whether what the replica has beyond `held` it wrote itself: no reason to fetch it.
[[nodiscard]] bool is_only_errant(const Instance& replica, const Position& held,
                                  const Topology& fresh);

/// The server below `failed` that has most of what the winner lacks, by that measure; null when
/// none has any of it.
[[nodiscard]] const Instance* ahead_of(const Instance& winner, const InstanceKey& failed,
                                       const std::function<Position(const Instance&)>& measure,
                                       const Topology& fresh);

/// How long the server may stand still while it applies what it holds: long, when nobody else has
/// all of that and could take its place.
[[nodiscard]] std::chrono::seconds patience_with(const Instance& server, const InstanceKey& failed,
                                                 const Policy& policy, const Topology& fresh);

/// How long a server may stand still while it fetches from that one: short, where that one could
/// serve itself.
[[nodiscard]] std::chrono::seconds fetch_patience(const Instance& ahead,
                                                  const FailoverRequest& request,
                                                  const Policy& policy, const Topology& fresh);

/// Of what came to nothing with these: Denied when all deny; Unreachable when one does not answer,
/// as somebody who sees it might have done it; else Refused.
[[nodiscard]] ErrorKind kind_of_failing(const std::vector<const Instance*>& instances);

}  // namespace orch
