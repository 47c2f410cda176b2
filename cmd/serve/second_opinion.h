#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/config/settings.h"
#include "core/engine/opinion.h"
#include "core/model/instance_key.h"
#include "ha/coordination.h"

namespace orch::cmd {

/// How long a node looks at a server before it says what it knows.
inline constexpr std::chrono::milliseconds kOpinionLimit{800};

/// Asks a node, at the URL where it answers, what it sees of a server. Errors: it cannot be asked.
using AskNode = std::function<Result<Opinion>(const std::string& url, const InstanceKey& key)>;

/// Whether more than half of all nodes cannot reach a server either, as this one cannot
/// (FailureDetectionQuorum). All are asked at once, and those that have not seen enough yet again
/// and again, for as long as `patience`. Errors: Refused, with what each node says.
Result<> agree_on_death(const InstanceKey& key, const std::vector<ha::OtherNode>& others,
                        const AskNode& ask, std::chrono::milliseconds patience);

/// By the API of the other nodes.
AskNode ask_by_api(const HttpSettings& settings);

/// The body of what a node answers.
std::string opinion_text(const Opinion& opinion);

}  // namespace orch::cmd
