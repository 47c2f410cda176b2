#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/execute/hook_text.h"

namespace orch {

struct HookSettings {
  std::string shell{"bash"};                  ///< ProcessesShellCommand; may have arguments
  std::chrono::milliseconds timeout{60'000};  ///< HookTimeoutSeconds; 0 = none
  std::size_t output_limit{64 * 1024};        ///< how much of its output is kept
  bool foreground{false};  ///< a text that ends in `&` is waited for like any other
};

/// How a hook ended.
struct HookOutcome {
  bool asynchronous{false};          ///< started, and left to itself
  std::optional<int> exit_status{};  ///< nothing when it was killed
  std::optional<int> signal{};       ///< that killed it
  bool timed_out{false};             ///< and was therefore killed, with its process group
  std::string output{};              ///< stdout and stderr as they came, bounded
  std::chrono::milliseconds took{0};
};

/// What went wrong: "exit status 3: OUTPUT", "killed by signal 9", "not done after 60000 ms, and
/// therefore killed"; "" when nothing did. Never more than a few lines of output.
[[nodiscard]] std::string failure_of(const HookOutcome& outcome);

/// Runs a shell text: written to a file that only this user can read, which the shell gets as its
/// argument, before `arguments`. The hook has a process group of its own, no input, this process's
/// environment and `variables`, and none of its open files. What it prints beyond the limit is
/// read and dropped. What it leaves running in the background is not waited for.
/// A text that ends in `&` runs asynchronously, unless settings say otherwise: its outcome never
/// matters, and it has no deadline. Not later than `deadline` it is killed, whatever the timeout
/// says. Errors: NotFound, there is no such shell; Broken, it cannot be started.
Result<HookOutcome> run_hook(const std::string& text, const HookVariables& variables,
                             const std::vector<std::string>& arguments,
                             const HookSettings& settings,
                             std::optional<SteadyPoint> deadline = std::nullopt);

}  // namespace orch
