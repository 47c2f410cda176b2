#pragma once

#include <string>
#include <vector>

#include "core/config/settings.h"
#include "ha/hook_lists.h"
#include "ha/recovery_work.h"

namespace orch::ha {

/// The lists of hooks that come before anything is changed, and those that come after. They refer
/// to the settings.
[[nodiscard]] std::vector<HookList> lists_before(const RecoveryWork& work,
                                                 const RecoverySettings& settings);
[[nodiscard]] std::vector<HookList> lists_after(const RecoveryWork& work,
                                                const RecoverySettings& settings, bool successful);

/// The work's hooks in the order in which they would run, as far as all goes well:
/// "PreFailoverProcesses 1 of 2: text", with a limit of its own behind it.
[[nodiscard]] std::vector<std::string> hooks_of(const RecoveryWork& work,
                                                const RecoverySettings& settings);

}  // namespace orch::ha
