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

/// Puts a question to a node, and waits for a moment only. Errors: it cannot be asked.
using AskNode = std::function<Result<std::string>(const std::string& node, const std::string&)>;

/// Whether more than half of all nodes cannot reach a server either, as this one cannot
/// (FailureDetectionQuorum). All others are asked at once, and again and again for as long as
/// `patience`; one that does not answer holds that up by what `ask` waits. An answer counts for
/// this server alone, each having a connection of its own, and only the exact word for "no, I do
/// not reach it, as of now" counts as agreement: a node that lies can prevent a failover no more
/// than one that is away, and brings none about by itself, as this node must see the failure, too.
/// Errors: Refused, with what each node says.
Result<> agree_on_death(const InstanceKey& key, const std::vector<std::string>& others,
                        const AskNode& ask, std::chrono::milliseconds patience);

/// Of the others, the one that reaches most of these servers, which this node does not, when more
/// than half of all nodes reach several, or the only one.
std::optional<std::string> who_reaches(const std::vector<InstanceKey>& keys,
                                       const std::vector<std::string>& others, const AskNode& ask);

/// What a node answers to that question, and "" to any other.
std::string answer_question(Engine& engine, std::string_view question);

}  // namespace orch::cmd
