#include "core/model/promotion_rule.h"

#include <doctest/doctest.h>

namespace orch {

TEST_SUITE("core/model/promotion_rule") {
  TEST_CASE("each rule is read back from its own name") {
    const std::string_view names[] = {"must", "prefer", "neutral", "prefer_not", "must_not"};
    for (const std::string_view name : names) {
      const auto rule = parse_promotion_rule(name);
      REQUIRE(rule);
      CHECK(to_string(*rule) == name);
    }
    CHECK(parse_promotion_rule("must_not") == PromotionRule::MustNot);
  }

  TEST_CASE("better rules come first") {
    CHECK(PromotionRule::Must < PromotionRule::Prefer);
    CHECK(PromotionRule::PreferNot < PromotionRule::MustNot);
  }

  TEST_CASE("any other text is no rule") {
    for (const char* text : {"", "Must", "must ", "prefernot"}) {
      CHECK_FALSE_MESSAGE(parse_promotion_rule(text), text);
    }
  }
}

}  // namespace orch
