#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cmd/command/services.h"
#include "core/base/result.h"
#include "core/config/settings.h"
#include "core/json/json.h"
#include "ha/raft/group.h"
#include "ha/raft/settings.h"

namespace orch::cmd {

/// Questions of one node to another.
inline constexpr std::string_view kIsWell = "is it well";
inline constexpr std::string_view kWell = "well";
inline constexpr std::string_view kHostName = "host name";

/// Leads or follows, and nothing keeps it from leading.
bool is_sound(const ha::raft::Status& status);
/// The object RaftStatus of the API.
Json raft_status_json(const Services& services, const ha::raft::Group& group);
/// The nodes that vote, answer, and have a backend that answers.
std::vector<std::string> healthy_members(const ha::raft::Group& group);
/// With the port that is meant where none is written.
std::string full_address(const RaftSettings& settings, const std::string& address);

/// What a node of the configured group starts with, but for what it calls.
ha::raft::Settings raft_settings(const RaftSettings& from);

/// Lets the node with that address lead. Errors: NotFound; the group's.
Result<> yield_to(ha::raft::Group& group, const std::string& address);
/// Lets one whose address or host name contains the hint lead, this one if that fits.
Result<> yield_to_hint(ha::raft::Group& group, const std::string& hint);

}  // namespace orch::cmd
