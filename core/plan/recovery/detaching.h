#pragma once

#include <string>
#include <vector>

#include "core/plan/policy.h"
#include "core/plan/step.h"

namespace orch {

// Who is left with a dead primary as its source is detached: it keeps its link and its place, under
// a name that leads nowhere. A primary that comes back then gives it nothing that the new one
// lacks. Reversible, by reattach-replica-master-host.

/// What is next for the lost replicas that still follow the old primary; no steps: nothing. Each is
/// tried once, with limits; one that holds what it has not applied, which detaching would throw
/// away, is left as it is. The facts name those that are begun.
[[nodiscard]] Run detach_lost(const InstanceKey& old_primary, const std::vector<LostReplica>& lost,
                              const Policy& policy, const Progress& so_far, const Topology& fresh);
/// Says of each of them whether it is detached, and why not.
[[nodiscard]] std::vector<std::string> detaching_notes(const InstanceKey& old_primary,
                                                       const std::vector<LostReplica>& lost,
                                                       const Policy& policy, const Progress& so_far,
                                                       const Topology& fresh);

/// For a promoted server whose promotion is not applied, so that it stays a replica of the old
/// primary: it is detached, if operators want it, and else follows the old primary as before. Tried
/// once.
[[nodiscard]] std::vector<Step> settle_link_of(const Instance& winner,
                                               const InstanceKey& old_primary, const Policy& policy,
                                               const Progress& so_far, const Topology& fresh);
/// A note about that.
[[nodiscard]] std::string link_note(const Instance& winner, const InstanceKey& old_primary,
                                    const Policy& policy, const Progress& so_far,
                                    const Topology& fresh);

}  // namespace orch
