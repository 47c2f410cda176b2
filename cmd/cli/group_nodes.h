#pragma once

#include <string>
#include <vector>

#include "cmd/cli/remote.h"
#include "cmd/http/address.h"
#include "core/config/config.h"

namespace orch::cmd {

/// Where the nodes of the configured raft group may answer requests, the likely ones first: at
/// `known`, where nodes have said that they do, and on each host of RaftNodes where a node with
/// this configuration would.
std::vector<HttpAddress> group_addresses(const Config& config,
                                         const std::vector<std::string>& known,
                                         const ServiceAccess& access);

}  // namespace orch::cmd
