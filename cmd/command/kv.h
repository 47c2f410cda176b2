#pragma once

#include "cmd/command/services.h"

namespace orch::cmd {

/// Tells the key-value stores who the masters of all clusters are, as far as they have it
/// otherwise.
Result<> refresh_kv_stores(const Services& services);

}  // namespace orch::cmd
