#pragma once

#include <string>

#include "core/base/result.h"
#include "core/execute/executor.h"

namespace orch {

/// The name by which the replica is told of its source: one that is registered for that, else what
/// the change says, else for a source that stays the name that it goes by there (its certificate
/// may have no other), else the source's own. Errors: those of `written_name`.
[[nodiscard]] Result<std::string> name_to_write(const Instance& replica, const PointTo& target,
                                                const Topology& fresh,
                                                const ExecutorSettings& settings,
                                                SteadyPoint deadline);

}  // namespace orch
