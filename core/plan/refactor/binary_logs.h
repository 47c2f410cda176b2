#pragma once

#include <cstdint>
#include <string>

#include "core/base/result.h"
#include "core/plan/policy.h"
#include "core/plan/step.h"

namespace orch {

/// How many flushes make the log that comes after `current` in number the current one. Errors:
/// Refused, for one that is behind, has another base name or is more than 1,000 away.
[[nodiscard]] Result<std::uint64_t> flushes_until(const std::string& current,
                                                  const std::string& target);

/// One flush; with a name, as many as it takes until that log is the current one. Errors: Refused,
/// for a log that is behind the current one, has another base name or is more than 1,000 away.
[[nodiscard]] Planner flush_binary_logs(InstanceKey server, std::string until);

/// Drops the logs before that one, or before the current one for "latest", unless a known replica
/// has not applied all of them. Forced, it asks for no replica.
[[nodiscard]] Planner purge_binary_logs(InstanceKey server, std::string up_to, bool forced = false);

}  // namespace orch
