#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/model/instance_key.h"

namespace orch {

/// The backend's JSON form of an instance list: `[{"Hostname":"db-2","Port":3306}]`, no blanks,
/// sorted by key; `[]` for none.
std::string format_instance_list(std::vector<InstanceKey> keys);

/// Reads that form: keys in any letter case, further keys ignored. A text that is no such list is
/// an empty list, as is an entry without a host name left out. Never throws.
std::vector<InstanceKey> parse_instance_list(std::string_view text);

}  // namespace orch
