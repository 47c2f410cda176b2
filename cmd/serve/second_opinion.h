#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/engine/engine.h"
#include "core/model/instance_key.h"

namespace orch::cmd {

/// Puts a question to a node. Errors: it cannot be asked.
using AskNode = std::function<Result<std::string>(const std::string& node, const std::string&)>;

/// Whether more than half of all nodes cannot reach a server either, as this one cannot
/// (FailureDetectionQuorum). All others are asked at once, and again and again for as long as
/// `patience`. Errors: Refused, with what each node says.
Result<> agree_on_death(const InstanceKey& key, const std::vector<std::string>& others,
                        const AskNode& ask, std::chrono::milliseconds patience);

/// Of the others, the one that reaches most of these servers, which this node does not, when more
/// than half of all nodes reach several.
std::optional<std::string> who_reaches(const std::vector<InstanceKey>& keys,
                                       const std::vector<std::string>& others, const AskNode& ask);

/// What a node answers to that question, and "" to any other.
std::string answer_question(Engine& engine, std::string_view question);

}  // namespace orch::cmd
