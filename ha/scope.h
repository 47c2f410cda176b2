#pragma once

#include <string>
#include <vector>

#include "core/model/topology.h"
#include "ha/parts.h"
#include "ha/recovery_work.h"

namespace orch::ha {

// Whom a recovery looks at.

/// The records of everybody in the clusters of the failed server, of its successor ("" = none yet)
/// and of those who were told before to take its place, and of its replicas. Nobody else: a master
/// of another cluster would look like a successor.
Result<Topology> records_of(const Parts& parts, const RecoveryWork& work,
                            const InstanceKey& winner);

/// Tags those that lack rows, before they are moved elsewhere: core/model/left_out.h.
Result<> mark_incomplete(const Parts& parts, const Topology& records);

/// Whom recoveries of the same failure, but for that one, told to take writes before they failed:
/// each may do so now, whatever its record says. Until a recovery succeeded or was acknowledged, or
/// the failed server was seen again.
Result<std::vector<InstanceKey>> promoted_before(const Parts& parts, const InstanceKey& failed,
                                                 const std::string& uid);

/// Whether another server could take the place of a master and of the one that was to follow it, as
/// far as the records tell: only then what waits for that one is ended.
Result<bool> can_replace_both(const Parts& parts, RecoveryWork work);

}  // namespace orch::ha
