#pragma once

namespace orch {

/// From now on SIGINT, SIGTERM and SIGHUP only ask the process to stop: long work ends itself in
/// good order. A second one ends the process at once.
void stop_on_signals();

/// Whether such a signal came.
[[nodiscard]] bool stop_requested();

}  // namespace orch
