#include "ha/recovery_hooks.h"

#include <fmt/format.h>

namespace orch::ha {

std::vector<HookList> lists_before(const RecoveryWork& work, const RecoverySettings& settings) {
  std::vector<HookList> lists;
  if (is_takeover(work)) {
    lists.push_back(
        {"PreGracefulTakeoverProcesses", settings.pre_graceful_takeover_processes, true});
    lists.push_back({"OnFailureDetectionProcesses", settings.on_failure_detection_processes, true});
  }
  lists.push_back({"PreFailoverProcesses", settings.pre_failover_processes, true});
  return lists;
}

std::vector<HookList> lists_after(const RecoveryWork& work, const RecoverySettings& settings,
                                  bool successful) {
  if (!successful) {
    return {{"PostUnsuccessfulFailoverProcesses", settings.post_unsuccessful_failover_processes}};
  }
  std::vector<HookList> lists;
  if (replaces_master(work.kind)) {
    lists.push_back({"PostMasterFailoverProcesses", settings.post_master_failover_processes});
  }
  if (work.kind == RecoveryKind::DeadIntermediateMaster ||
      work.kind == RecoveryKind::DeadGroupMember) {
    lists.push_back({"PostIntermediateMasterFailoverProcesses",
                     settings.post_intermediate_master_failover_processes});
  }
  lists.push_back({"PostFailoverProcesses", settings.post_failover_processes});
  if (is_takeover(work)) {
    lists.push_back({"PostGracefulTakeoverProcesses", settings.post_graceful_takeover_processes});
  }
  return lists;
}

std::vector<std::string> hooks_of(const RecoveryWork& work, const RecoverySettings& settings) {
  std::vector<std::string> lines;
  const auto add = [&](const HookList& list) {
    if (!work.hooks && !list.foreground) return;
    for (std::size_t i = 0; i < list.texts.size(); ++i) {
      const Hook& hook = list.texts[i];
      const std::int64_t limit = hook.timeout.value_or(std::chrono::seconds(0)).count();
      lines.push_back(fmt::format("{} {} of {}: {}{}", list.name, i + 1, list.texts.size(),
                                  hook.command,
                                  limit > 0 ? fmt::format(" (at most {} s)", limit) : ""));
    }
  };
  if (!is_takeover(work)) {
    add({"OnFailureDetectionProcesses", settings.on_failure_detection_processes});
  }
  for (const HookList& list : lists_before(work, settings))
    add(list);
  const bool fences =
      work.kind == RecoveryKind::DeadMaster || work.kind == RecoveryKind::DeadCoMaster;
  if (fences && settings.fencing_policy != "off") {
    add({"FenceProcesses", settings.fence_processes, true, true});
  }
  for (const HookList& list : lists_after(work, settings, true))
    add(list);
  return lines;
}

}  // namespace orch::ha
