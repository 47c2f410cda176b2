#pragma once

#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace orch {

/// What a host name stands for, by the system's resolver (hosts file, DNS). The system's own
/// patience does not count: an answer that is not there at `deadline` is given up. Addresses stand
/// for themselves. Errors: Unreachable.
struct NameLookup {
  std::string canonical_name{};          ///< without a dot at its end
  std::vector<std::string> addresses{};  ///< IPv4 before IPv6, without duplicates; not empty
};
Result<NameLookup> look_up_name(const std::string& host, SteadyPoint deadline);

}  // namespace orch
