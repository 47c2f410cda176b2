#pragma once

#include <chrono>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/execute/live_connection.h"
#include "core/model/instance.h"

namespace orch {

// Making a server take no more writes. SET GLOBAL read_only waits for locked tables and for commits
// under way; it must not go on waiting, and succeed later, once we have given up.

/// Sets read_only (and super_read_only as configured, or when `strict`). When `strict`, waits too
/// until no prepared XA transaction is left, for some seconds at most. Errors: those of the server;
/// Conflict when something holds it up until shortly before the deadline, or could still be
/// committed.
Result<> make_read_only(Connection& connection, const Instance& instance, bool strict,
                        const LiveServerSettings& settings, SteadyPoint deadline);

/// See Servers::check_hand_over().
Result<> check_hand_over(Connection& connection, const Instance& instance, SteadyPoint deadline);

/// See Servers::fence().
Result<> fence_server(Connection& connection, const Instance& instance,
                      const LiveServerSettings& settings, SteadyPoint deadline);

}  // namespace orch
