#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/config/settings.h"
#include "core/execute/hooks.h"
#include "storage/journal_store.h"

namespace orch::ha {

/// Learns what hooks do while they do it; each function may be empty. `hook` is
/// "PreFailoverProcesses 1 of 2".
struct HookWatch {
  /// How far an earlier run of the same recovery had come with it.
  std::function<std::optional<storage::JournalState>(const std::string& hook)> earlier{};
  /// Before it starts; a failure keeps it from starting, and counts as its own.
  std::function<Result<>(const std::string& hook)> before{};
  std::function<void(const std::string& hook, const std::string& failure)> after{};
  std::function<void(const std::string& message)> tell{};  ///< one line of the recovery's story
};

/// One list of the configuration, and what it runs with.
struct HookList {
  std::string_view name{};  ///< of the key
  const HookEntries& texts;
  /// The first that fails ends the list; else it goes on, and the first failure counts. A hook may
  /// choose otherwise for itself, unless the list vouches for something.
  bool stop_on_error{false};
  bool foreground{false};  ///< they vouch for something: all are waited for, and none is left out
};

/// Runs the texts one after the other (recovery document, 16): values from `context`, each within
/// its time, and none beyond `deadline`. What an earlier run did is not done again. Nor is what it
/// had begun, of which nobody knows how it ended: that is an error, unless the list stops on errors
/// and the answer is waited for, so that the hook is asked again. Errors: Refused, naming the list,
/// the hook's place in it and what it said.
Result<> run_hooks(const HookList& list, const HookContext& context, const HookSettings& settings,
                   const HookWatch& watch, std::optional<SteadyPoint> deadline = std::nullopt);

/// PostTakeMasterProcesses, after a replica took its source's place: no placeholders, but two
/// arguments, successor and demoted server as host:port, and ORC_SUCCESSOR_HOST and
/// ORC_FAILED_HOST, which here alone hold host:port (REC-46). Errors: as run_hooks(), after all
/// have run.
Result<> run_take_master_hooks(const RecoverySettings& settings, const InstanceKey& successor,
                               const InstanceKey& demoted, const HookWatch& watch);

/// How the hooks of one list ended.
struct HookCounts {
  std::uint64_t done{0};  ///< among them those that were left to themselves
  std::uint64_t failed{0};
  std::chrono::nanoseconds took{0};  ///< all of them together
};
/// Of this process, since it began; by the list's name.
[[nodiscard]] std::map<std::string, HookCounts> hook_counts();

[[nodiscard]] HookSettings hook_settings_of(const RecoverySettings& settings);

}  // namespace orch::ha
