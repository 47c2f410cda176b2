#pragma once

#include <functional>
#include <span>
#include <string>
#include <utility>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace orch {

/// Sets nodes of a ZooKeeper, one after the other, in one session; those that are not there are
/// made, with their parents, persistent and open to everybody. Stops at the first that fails.
/// `servers`: "host[:port],...". `permit` is asked before each. Errors: what it says; InvalidInput,
/// no server is named; Unreachable, Broken.
Result<> set_zookeeper_nodes(const std::string& servers,
                             std::span<const std::pair<std::string, std::string>> nodes,
                             const std::function<Result<>()>& permit, SteadyPoint deadline);

}  // namespace orch
