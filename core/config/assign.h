#pragma once

#include <optional>

#include "core/config/keys.h"
#include "core/config/problem.h"
#include "core/config/value.h"

namespace orch {

/// Gives the key's field the value that a file holds for it. `null` leaves a scalar alone and
/// empties a list or an object; an object gains or changes entries, all else is replaced.
/// The answer has no file, line or key. With an error, the field is as it was; with a warning, it
/// was set to something near.
std::optional<ConfigProblem> assign(const ConfigKey& key, const ConfigValue& value, Config& config);

}  // namespace orch
