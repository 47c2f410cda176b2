#pragma once

#include "core/plan/policy.h"
#include "core/plan/step.h"

namespace orch {

/// How the others are moved.
enum class RegroupBy { Best, Gtid, PseudoGtid };

/// The best replica of `of` becomes the source of the others (refactoring document, 7). The account
/// names it as `promoted`; with no replicas at all, nobody.
[[nodiscard]] Planner regroup_replicas(InstanceKey of, RegroupBy by, Policy policy);

/// The most advanced binlog server among the replicas of `of` becomes the source of the others, at
/// the same coordinates.
[[nodiscard]] Planner regroup_binlog_servers(InstanceKey of, Policy policy);

}  // namespace orch
