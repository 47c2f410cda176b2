#include "ha/hook_lists.h"

#include <fmt/format.h>

#include "core/base/text.h"

namespace orch::ha {

namespace {

constexpr std::size_t kToldOutput = 1000;

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

/// A hook as it is run.
struct PreparedHook {
  std::string name{};
  std::string text{};
  HookVariables variables{};
  std::vector<std::string> arguments{};
};

/// "" when the hook did what it should.
std::string run_one(const PreparedHook& hook, const HookSettings& settings, const HookWatch& watch,
                    std::optional<SteadyPoint> deadline) {
  if (watch.before) {
    if (auto allowed = watch.before(hook.name); !allowed) return allowed.error().message;
  }
  tell(watch, fmt::format("{}: running", hook.name));
  const auto outcome = run_hook(hook.text, hook.variables, hook.arguments, settings, deadline);
  const std::string failure = outcome ? failure_of(*outcome) : outcome.error().message;
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

Result<> run_all(const HookList& list,
                 const std::function<PreparedHook(const std::string&)>& prepare,
                 const HookSettings& settings, const HookWatch& watch,
                 std::optional<SteadyPoint> deadline) {
  std::optional<Error> first;
  std::size_t number = 0;
  for (const std::string& text : list.texts) {
    PreparedHook hook = prepare(text);
    hook.name = fmt::format("{} {} of {}", list.name, ++number, list.texts.size());
    if (watch.is_done && watch.is_done(hook.name)) {
      tell(watch, fmt::format("{}: was done before", hook.name));
      continue;
    }
    const std::string failure = run_one(hook, settings, watch, deadline);
    if (failure.empty() || first) continue;
    first = Error{ErrorKind::Refused, fmt::format("{} failed: {}", hook.name, failure)};
    if (list.stop_on_error) break;
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
  return run_all(list, prepare, settings, watch, deadline);
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

HookSettings hook_settings_of(const RecoverySettings& settings) {
  HookSettings hooks;
  hooks.shell = settings.processes_shell_command;
  hooks.timeout = settings.hook_timeout_seconds;
  return hooks;
}

}  // namespace orch::ha
