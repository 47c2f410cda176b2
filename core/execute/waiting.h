#pragma once

#include <chrono>
#include <functional>

#include "core/execute/executor.h"

namespace orch {

/// Between two looks at a server that is waited for: twice as long each time, up to the longest.
inline constexpr std::chrono::milliseconds kFirstPause{10};
inline constexpr std::chrono::milliseconds kLongestPause{500};

/// The error with the server's name in front, unless it stands there already.
[[nodiscard]] Error told_of(const InstanceKey& server, Error error);

/// Reads the server until the condition holds. A receiver has to be seen at work twice: between its
/// login and the source's answer to what it asks for it runs, and a moment later it may be dead
/// (error 1236). Errors: Refused when the condition cannot come true by itself, Unreachable when it
/// did not in time, Conflict when somebody wants the run to end.
[[nodiscard]] Result<> wait_until(const InstanceKey& server, const WaitFor& wait,
                                  WholeTransactions& servers, const ExecutorSettings& settings,
                                  const std::function<bool()>& wants_to_stop);

}  // namespace orch
