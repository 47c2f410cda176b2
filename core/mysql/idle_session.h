#pragma once

#include <chrono>
#include <memory>

#include "core/base/result.h"
#include "core/mysql/connection.h"
#include "core/ports/watched_session.h"

namespace orch {

/// Logs in and keeps the session open, without a statement, for as long as the server lets it. The
/// network is asked for signs of life when `silence` has passed without one, and counts as broken
/// after as long again (TCP keep-alive and TCP_USER_TIMEOUT, tcp(7)): a host that vanished without
/// a word is found out. Errors: those of Connection::connect.
Result<std::unique_ptr<WatchedSession>> open_idle_session(const ConnectOptions& options,
                                                          std::chrono::milliseconds silence,
                                                          SteadyPoint deadline);

}  // namespace orch
