#pragma once

#include <string>
#include <string_view>

#include "core/config/keys.h"

namespace orch {

/// "Discovery": a heading for people.
std::string_view to_string(ConfigArea area);

/// What a key holds, for people: "true or false", "seconds", "list of strings", ...
std::string_view type_text(const ConfigKey& key);

/// Whether the key's value must not be shown.
bool is_secret(const ConfigKey& key);

/// The key's value as JSON; a secret as "***", or "" when it is empty.
std::string value_as_json(const ConfigKey& key, const Config& config);

/// All keys and values as one line of JSON, without a line end: `dump-config`.
std::string dump_config(const Config& config);

}  // namespace orch
