#include "ha/hook_lists.h"

#include <fmt/format.h>

#include "core/base/mutex.h"
#include "core/base/text.h"

namespace orch::ha {

namespace {

using storage::JournalState;

constexpr std::size_t kToldOutput = 1000;
constexpr std::string_view kUnknownEnd =
    "its process was gone before it ended; it is not run twice: look how far it came";

void tell(const HookWatch& watch, const std::string& message) {
  if (watch.tell) watch.tell(message);
}

std::string said(const HookOutcome& outcome) {
  std::string_view text = trim(outcome.output);
  const bool cut = text.size() > kToldOutput;
  if (cut) text = text.substr(text.size() - kToldOutput);
  if (text.empty()) return "";
  return (cut ? ": ..." : ": ") + printable(text);
}

/// What hook_counts() tells. Hooks run wherever somebody recovers something, with and without a
/// service; so it is the process that counts.
struct HookTally {
  Mutex mutex;
  std::map<std::string, HookCounts> counts ORCH_GUARDED_BY(mutex);
};

HookTally& hook_tally() {
  static HookTally tally;
  return tally;
}

void count_hook(std::string_view list, bool failed, std::chrono::nanoseconds took) {
  HookTally& tally = hook_tally();
  const MutexLock lock(tally.mutex);
  HookCounts& counts = tally.counts[std::string(list)];
  ++(failed ? counts.failed : counts.done);
  counts.took += took;
}

/// A hook as it is run.
struct PreparedHook {
  std::string name{};
  std::string text{};
  HookVariables variables{};
  std::vector<std::string> arguments{};
};

/// "" when the hook did what it should.
std::string run_one(std::string_view list, const PreparedHook& hook, const HookSettings& settings,
                    const HookWatch& watch, std::optional<SteadyPoint> deadline) {
  if (watch.before) {
    if (auto allowed = watch.before(hook.name); !allowed) return allowed.error().message;
  }
  tell(watch, fmt::format("{}: running", hook.name));
  const auto outcome = run_hook(hook.text, hook.variables, hook.arguments, settings, deadline);
  const std::string failure = outcome ? failure_of(*outcome) : outcome.error().message;
  count_hook(list, !failure.empty(), outcome ? outcome->took : std::chrono::milliseconds(0));
  if (!failure.empty()) {
    tell(watch, fmt::format("{}: failed: {}", hook.name, failure));
  } else if (outcome->asynchronous) {
    tell(watch, fmt::format("{}: started, and left to itself", hook.name));
  } else {
    tell(watch,
         fmt::format("{}: done in {} ms{}", hook.name, outcome->took.count(), said(*outcome)));
  }
  if (watch.after) watch.after(hook.name, failure);
  return failure;
}

/// What an earlier run of the same recovery left of a hook.
enum class Left { All, Nothing, Unknown };

/// Only whose answer decides is asked again.
Left left_by(std::optional<JournalState> earlier, bool decides) {
  const bool failed = earlier == JournalState::Failed && !decides;
  if (earlier == JournalState::Done || failed) return Left::Nothing;
  return earlier == JournalState::Intent && !decides ? Left::Unknown : Left::All;
}

void tell_earlier(const PreparedHook& hook, JournalState earlier, const HookWatch& watch) {
  const bool failed = earlier == JournalState::Failed;
  tell(watch, fmt::format("{}: was {} before", hook.name, failed ? "tried, and failed," : "done"));
}

std::string of_unknown_end(const PreparedHook& hook, const HookWatch& watch) {
  tell(watch, fmt::format("{}: {}", hook.name, kUnknownEnd));
  return std::string(kUnknownEnd);
}

Result<> run_all(const HookList& list,
                 const std::function<PreparedHook(const std::string&)>& prepare,
                 const HookSettings& settings, const HookWatch& watch,
                 std::optional<SteadyPoint> deadline) {
  std::optional<Error> first;
  std::size_t number = 0;
  for (const Hook& entry : list.texts) {
    PreparedHook hook = prepare(entry.command);
    hook.name = fmt::format("{} {} of {}", list.name, ++number, list.texts.size());
    const auto earlier = watch.earlier ? watch.earlier(hook.name) : std::nullopt;
    const bool stops =
        list.foreground ? list.stop_on_error : entry.aborts.value_or(list.stop_on_error);
    const Left left = left_by(earlier, list.stop_on_error && stops);
    if (left == Left::Nothing) {
      tell_earlier(hook, *earlier, watch);
      if (earlier == JournalState::Failed && stops) break;
      continue;
    }
    HookSettings own = settings;
    if (entry.timeout) own.timeout = *entry.timeout;
    const std::string failure = left == Left::Unknown
                                    ? of_unknown_end(hook, watch)
                                    : run_one(list.name, hook, own, watch, deadline);
    if (failure.empty()) continue;
    // One that may say no and is not to: its failure is told, and no more.
    const bool forgiven = list.stop_on_error && !stops;
    if (!first && !forgiven) {
      first = Error{ErrorKind::Refused, fmt::format("{} failed: {}", hook.name, failure)};
    }
    if (stops) break;
  }
  if (first) return fail(*std::move(first));
  return {};
}

}  // namespace

Result<> run_hooks(const HookList& list, const HookContext& context, const HookSettings& settings,
                   const HookWatch& watch, std::optional<SteadyPoint> deadline) {
  const auto prepare = [&](const std::string& text) {
    return PreparedHook{{}, hook_command(text, context), hook_environment(context), {}};
  };
  HookSettings own = settings;
  own.foreground = list.foreground;
  return run_all(list, prepare, own, watch, deadline);
}

Result<> run_take_master_hooks(const RecoverySettings& settings, const InstanceKey& successor,
                               const InstanceKey& demoted, const HookWatch& watch) {
  const std::string winner = to_string(successor);
  const std::string loser = to_string(demoted);
  const auto prepare = [&](const std::string& text) {
    return PreparedHook{
        {}, text, {{"ORC_SUCCESSOR_HOST", winner}, {"ORC_FAILED_HOST", loser}}, {winner, loser}};
  };
  return run_all({"PostTakeMasterProcesses", settings.post_take_master_processes}, prepare,
                 hook_settings_of(settings), watch, std::nullopt);
}

std::map<std::string, HookCounts> hook_counts() {
  HookTally& tally = hook_tally();
  const MutexLock lock(tally.mutex);
  return tally.counts;
}

HookSettings hook_settings_of(const RecoverySettings& settings) {
  HookSettings hooks;
  hooks.shell = settings.processes_shell_command;
  hooks.timeout = settings.hook_timeout_seconds;
  return hooks;
}

}  // namespace orch::ha
