#pragma once

#include <optional>
#include <string>

#include "core/base/result.h"
#include "core/execute/live_connection.h"

namespace orch {

/// Ends the sessions of clients: not ours, not replicas', not the server's own. Why the first of
/// those stays that could not be ended (on MySQL an account with SYSTEM_USER is beyond the reach of
/// others); nothing when all are gone. Errors are those of the session.
Result<std::optional<Error>> end_client_sessions(Connection& connection,
                                                 const LiveServerSettings& settings,
                                                 SteadyPoint deadline);

}  // namespace orch
