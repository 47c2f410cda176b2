#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"

namespace orch::storage {

/// A token for this process, by which other processes of this machine can tell whether it still
/// runs. 64 hex digits, as orchestrator has them. Errors: Broken when the system has no random
/// bytes.
Result<std::string> make_process_token();

/// Whether the token is one of make_process_token() on this machine, and its process is gone.
/// Anything else may well be alive.
bool is_process_gone(std::string_view token);

}  // namespace orch::storage
