#pragma once

#include <optional>
#include <string_view>

namespace orch {

/// How much an operator wants a server promoted, best first.
enum class PromotionRule { Must, Prefer, Neutral, PreferNot, MustNot };

/// "must", "prefer", "neutral", "prefer_not", "must_not".
std::string_view to_string(PromotionRule rule);
std::optional<PromotionRule> parse_promotion_rule(std::string_view text);

}  // namespace orch
