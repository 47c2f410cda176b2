#pragma once

#include <string_view>
#include <vector>

#include "cmd/command/command.h"
#include "core/config/load.h"

namespace orch::cmd {

/// The one verb that is answered although the configuration has errors, since it tells them.
constexpr std::string_view kConfigCheck = "config check";

/// What is wrong with a configuration and with the files that it names, all at once. With an error
/// a service does not start, or does not take it.
std::vector<ConfigProblem> problems_of(const LoadedConfig& loaded);

/// The same as an answer; failed when something is an error.
Reply config_check(const LoadedConfig& loaded);

}  // namespace orch::cmd
