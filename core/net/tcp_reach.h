#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/instance_key.h"

namespace orch {

/// Whether a TCP connection to one of the addresses can be opened by the deadline.
/// Errors: Unreachable, and the message names `key`.
Result<> reach_tcp(const InstanceKey& key, const std::vector<std::string>& addresses,
                   SteadyPoint deadline);

/// Connects to one of the addresses, writes all bytes, and closes. Errors: as reach_tcp().
Result<> send_tcp(const InstanceKey& key, const std::vector<std::string>& addresses,
                  std::string_view bytes, SteadyPoint deadline);

}  // namespace orch
