#include <doctest/doctest.h>
#include <fmt/format.h>

#include "core/config/value.h"

namespace orch {

namespace {

using Kind = ConfigValue::Kind;

/// "line:column message" of the problem, or "".
std::string problem(std::string_view text) {
  const ParsedConfig parsed = parse_json_config(text);
  if (!parsed.problem) return "";
  return fmt::format("{}:{} {}", parsed.problem->line, parsed.problem->column,
                     parsed.problem->message);
}

std::string text_of(std::string_view string) {
  const ParsedConfig parsed = parse_json_config(fmt::format("{{\"a\":{}}}", string));
  REQUIRE_FALSE(parsed.problem);
  REQUIRE(parsed.root.items.size() == 1);
  CHECK(parsed.root.items[0].kind == Kind::String);
  return parsed.root.items[0].text;
}

}  // namespace

TEST_SUITE("core/config/json") {
  TEST_CASE("an object keeps its members, their lines and their kinds") {
    const ParsedConfig parsed = parse_json_config(
        "\n{\"a\": true, \"b\": [\"x\", 1.5e3],\r\n\t\"c\": {\"d\": null},\n\"a\": -0}");
    REQUIRE_FALSE(parsed.problem);
    const auto& members = parsed.root.items;
    REQUIRE(members.size() == 4);
    CHECK(members[0].key == "a");
    CHECK(members[0].line == 2);
    CHECK(members[0].kind == Kind::Bool);
    CHECK(members[1].items.size() == 2);
    CHECK(members[1].items[1].kind == Kind::Number);
    CHECK(members[1].items[1].text == "1.5e3");
    CHECK(members[2].line == 3);
    CHECK(members[2].items[0].kind == Kind::Null);
    CHECK(members[3].line == 4);
    CHECK(members[3].text == "-0");
  }

  TEST_CASE("what follows the object is ignored") {
    CHECK(problem("{} trailing {") == "");
    CHECK(problem("{}{") == "");
  }

  TEST_CASE("a syntax error is told with line and column, and never quotes the file") {
    CHECK(problem("{\"a\": 1,\n  \"b\" 2}") == "2:7 not valid JSON: expected ':'");
    CHECK(problem("{\"a\": 1,}") == "1:9 not valid JSON: expected a key in double quotes");
    CHECK(problem("{\"a\": 1 \"b\": 2}") == "1:9 not valid JSON: expected ',' or '}'");
    CHECK(problem("{\"a\": [1 2]}") == "1:10 not valid JSON: expected ',' or ']'");
    CHECK(problem("[]") == "1:1 not valid JSON: expected '{'");
    CHECK(problem("// comment\n{}") == "1:1 not valid JSON: expected '{'");
    CHECK(problem("{\"a\": yes}") == "1:7 not valid JSON: expected a value");
    CHECK(problem("{\"a\": truth}") == "1:7 not valid JSON: expected a value");
    CHECK(problem("{'a': 1}") == "1:2 not valid JSON: expected a key in double quotes");
    CHECK(problem("{\"pw\": \"secret\n\"}").find("secret") == std::string::npos);
  }

  TEST_CASE("a file that breaks off is told so, wherever it does") {
    const std::string whole = R"({"a": [true, "x\u00e9", -1.5e+3], "b": {"c": null}})";
    CHECK(problem(whole) == "");
    for (std::size_t length = 0; length < whole.size(); ++length) {
      CAPTURE(length);
      const std::string message = problem(whole.substr(0, length));
      CHECK(message.find("not valid JSON") != std::string::npos);
    }
    CHECK(problem("{\"a\": ") == "1:7 not valid JSON: the file ends too early, expected a value");
  }

  TEST_CASE("numbers follow the grammar") {
    for (const std::string_view good : {"0", "-0", "10", "1.5", "1e5", "1E-5", "-1.25e+10"}) {
      CAPTURE(good);
      CHECK(is_json_number(good));
    }
    for (const std::string_view bad :
         {"", "-", "01", "+1", ".5", "1.", "1e", "0x10", "1_000", "1 ", "nan", "Infinity"}) {
      CAPTURE(bad);
      CHECK_FALSE(is_json_number(bad));
    }
    CHECK(problem("{\"a\": 01}") == "1:8 not valid JSON: expected ',' or '}'");
  }

  TEST_CASE("escapes of strings are understood") {
    CHECK(text_of(R"("\"\\\/\b\f\n\r\t")") == "\"\\/\b\f\n\r\t");
    CHECK(text_of(R"("\u0041\u00e9\u20AC")") == "A\xC3\xA9\xE2\x82\xAC");
    CHECK(text_of(R"("\uD83D\uDE00")") == "\xF0\x9F\x98\x80");
    CHECK(text_of(R"("\uD83Dx")") == "\xEF\xBF\xBDx");
    CHECK(text_of(R"("\uD83D\n")") == "\xEF\xBF\xBD\n");
    CHECK(text_of(R"("\uDE00")") == "\xEF\xBF\xBD");
    CHECK(text_of(R"("\u0000")") == std::string(1, '\0'));
  }

  TEST_CASE("broken escapes and raw control characters are errors") {
    for (const std::string_view bad : {R"({"a":"\x"})", R"({"a":"\u12"})", R"({"a":"\u12G4"})",
                                       "{\"a\":\"\t\"}", "{\"a\":\"\n\"}"}) {
      CAPTURE(bad);
      CHECK(problem(bad) != "");
    }
    CHECK(problem(std::string_view("{\"a\":\0\"x\"}", 10)) != "");
    CHECK(problem(std::string_view("{\"a\":\"\0\"}", 9)) != "");
    CHECK(problem(std::string_view("{\"a\":\"\\\0\"}", 10)) != "");
  }

  TEST_CASE("deep nesting is refused, not followed") {
    CHECK(problem("{\"a\":" + std::string(100000, '[')) ==
          "1:206 not valid JSON: nested too deeply");
    std::string objects;
    for (int i = 0; i < 100000; ++i)
      objects += "{\"a\":";
    CHECK(problem(objects).find("nested too deeply") != std::string::npos);
  }
}

}  // namespace orch
