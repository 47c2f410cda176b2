#pragma once

#include <vector>

#include "core/plan/policy.h"
#include "core/plan/step.h"

namespace orch {

// Replicas whose source is gone and is not replaced: they go below another server.

/// Where an orphan may go, best first, and why.
struct Refuge {
  InstanceKey server{};
  std::string why{};
};

/// Moves the replicas that `failed` had, side by side, each to the first refuge that takes it; one
/// that no refuge takes is lost and gets its threads back. Done when one was moved; the account
/// names as `promoted` the refuge that took most.
[[nodiscard]] Decision next_of_orphans(const InstanceKey& failed,
                                       const std::vector<Refuge>& refuges, const Policy& policy,
                                       const Progress& so_far, const Topology& fresh);

/// A dead intermediate master: its replicas go below a sibling of its data center, else below the
/// most advanced of themselves, which goes below the failed one's own source, else below a sibling
/// elsewhere, else directly below that source. Siblings by promotion rule and site, then most
/// replicas (REC-34), then most advanced.
[[nodiscard]] Planner dead_intermediate(InstanceKey failed, Policy policy);

/// A dead member of a replication group that has asynchronous replicas: they go below another
/// member that is online; same site first, secondaries before the primary, so that it is spared
/// (REC-35).
[[nodiscard]] Planner dead_group_member(InstanceKey failed, Policy policy);

}  // namespace orch
