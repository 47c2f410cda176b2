#pragma once

#include <string_view>

#include "cmd/command/command.h"
#include "core/config/load.h"

namespace orch::cmd {

/// The one verb that is answered although the configuration has errors, since it tells them.
constexpr std::string_view kConfigCheck = "config check";

/// What is wrong with a configuration and with the files that it names, all at once; failed when
/// something is an error.
Reply config_check(const LoadedConfig& loaded);

}  // namespace orch::cmd
