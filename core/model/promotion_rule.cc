#include "core/model/promotion_rule.h"

#include <array>
#include <utility>

namespace orch {

namespace {

constexpr std::array<std::pair<PromotionRule, std::string_view>, 5> kRules{{
    {PromotionRule::Must, "must"},
    {PromotionRule::Prefer, "prefer"},
    {PromotionRule::Neutral, "neutral"},
    {PromotionRule::PreferNot, "prefer_not"},
    {PromotionRule::MustNot, "must_not"},
}};

}  // namespace

std::string_view to_string(PromotionRule rule) {
  return kRules[static_cast<std::size_t>(rule)].second;
}

std::optional<PromotionRule> parse_promotion_rule(std::string_view text) {
  for (const auto& [rule, name] : kRules) {
    if (name == text) return rule;
  }
  return std::nullopt;
}

}  // namespace orch
