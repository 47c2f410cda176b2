#pragma once

#include <functional>
#include <string>

#include "core/base/result.h"
#include "core/execute/live_connection.h"
#include "core/model/instance.h"

namespace orch {

/// Makes a semi-sync source read-only whose commits wait for an acknowledgement that does not come:
/// they stay when their sessions are ended, and read_only waits for them. `set` does so in the
/// session `own`, until the time that it is given. Only when that waits, and keeps new writes out,
/// are the clients' sessions ended and semi-sync switched off: nobody is there any more who could
/// be told that a commit succeeded which no replica has. When it fails semi-sync is on as before,
/// and nothing waits. Errors: those of the server; Conflict when something else holds it up, or a
/// session that waits in its commit cannot be ended.
Result<> set_while_commits_wait(const std::function<Result<>(SteadyPoint)>& set,
                                const std::string& own, const Instance& instance,
                                const LiveServerSettings& settings, SteadyPoint deadline);

}  // namespace orch
