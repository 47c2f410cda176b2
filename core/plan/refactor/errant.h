#pragma once

#include "core/plan/policy.h"
#include "core/plan/step.h"

namespace orch {

// Errant GTIDs: what a replica wrote by itself (refactoring document, 10).

/// Makes the server forget them: an empty binary log, gtid_purged without them. Only for a server
/// without replicas.
[[nodiscard]] Planner reset_errant(InstanceKey server, Policy policy);

/// Commits empty transactions under their names on the cluster's master, so that all have them.
/// Refused above 10,000 of them (REF-19).
[[nodiscard]] Planner inject_errant(InstanceKey server, Policy policy);

}  // namespace orch
