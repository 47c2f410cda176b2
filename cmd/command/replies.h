#pragma once

#include <vector>

#include "cmd/command/command.h"
#include "cmd/command/services.h"
#include "core/model/instance.h"

namespace orch::cmd {

// The shapes that many commands answer in.

/// One line, as it is; JSON: a string.
Reply line_reply(std::string line);
/// One line that is an instance; JSON: its key.
Reply key_reply(const InstanceKey& key);
/// Lines that are instances; JSON: an array of keys.
/// Where key_reply() would answer, and there is none: null in JSON.
Reply no_key_reply();
Reply keys_reply(const std::vector<InstanceKey>& keys);
/// Instances: their names as lines, their state as a table, the API's objects as JSON.
Reply instances_reply(const Services& services, const std::vector<Instance>& instances);
/// Lines that are one text each; JSON: an array of strings.
Reply lines_reply(std::vector<std::string> lines);

}  // namespace orch::cmd
