#pragma once

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/execute/live_connection.h"
#include "core/model/instance.h"

namespace orch {

// Making a server take no more writes. SET GLOBAL read_only waits for locked tables and for commits
// under way; it must not go on waiting, and succeed later, once we have given up.

/// Sets read_only (and super_read_only as configured, or when `strict`). Errors: those of the
/// server; Conflict when something holds it up until shortly before the deadline.
Result<> make_read_only(Connection& connection, const Instance& instance, bool strict,
                        const LiveServerSettings& settings, SteadyPoint deadline);

/// See Servers::fence().
Result<> fence_server(Connection& connection, const Instance& instance,
                      const LiveServerSettings& settings, SteadyPoint deadline);

}  // namespace orch
