#pragma once

#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/instance_key.h"

namespace orch {

/// Whether a TCP connection to one of the addresses can be opened by the deadline.
/// Errors: Unreachable, and the message names `key`.
Result<> reach_tcp(const InstanceKey& key, const std::vector<std::string>& addresses,
                   SteadyPoint deadline);

}  // namespace orch
