#include "core/model/tag.h"

#include <string>

#include <doctest/doctest.h>

namespace orch {

TEST_SUITE("core/model/tag") {
  TEST_CASE("a tag expression has a name, perhaps a value, perhaps a negation") {
    struct Case {
      std::string text;
      Tag tag;
      bool has_value;
      bool negated;
    };
    for (const Case& each :
         {Case{"name", {"name", ""}, false, false},
          Case{" name = value ", {"name", "value"}, true, false},
          Case{"name=", {"name", ""}, true, false}, Case{"name=a=b", {"name", "a=b"}, true, false},
          Case{"~name", {"name", ""}, false, true},
          Case{"!name=value", {"name", "value"}, true, true}}) {
      CAPTURE(each.text);
      const auto parsed = parse_tag_expression(each.text);
      REQUIRE(parsed.has_value());
      CHECK(parsed->tag == each.tag);
      CHECK(parsed->has_value == each.has_value);
      CHECK(parsed->negated == each.negated);
    }
    CHECK(to_string(Tag{"name", ""}) == "name=");
  }

  TEST_CASE("a text without a name is refused with the text") {
    for (const std::string text : {"", " ", "=value", "~", "~=x", "~~name"}) {
      const auto parsed = parse_tag_expression(text);
      REQUIRE_FALSE(parsed.has_value());
      CHECK(parsed.error().kind == ErrorKind::InvalidInput);
      CHECK(parsed.error().message == "Unable to parse tag: " + text);
    }
  }

  TEST_CASE("a list of expressions fails at the first bad one") {
    const auto parsed = parse_tag_expressions("a,~b=c");
    REQUIRE(parsed.has_value());
    REQUIRE(parsed->size() == 2);
    CHECK(parsed->at(1).negated);
    CHECK_FALSE(parse_tag_expressions("a,,b").has_value());
  }
}

}  // namespace orch
