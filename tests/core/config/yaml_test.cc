#include <doctest/doctest.h>

#include "core/config/value.h"

namespace orch {

namespace {

using YamlKind = ConfigValue::Kind;

std::string yaml_problem(std::string_view text) {
  const ParsedConfig parsed = parse_yaml_config(text);
  return parsed.problem ? parsed.problem->message : "";
}

}  // namespace

TEST_SUITE("core/config/yaml") {
  TEST_CASE("a mapping keeps its members, their lines and their kinds") {
    const ParsedConfig parsed = parse_yaml_config(
        "# comment\n"
        "Debug: true\n"
        "WebMessage: 'true'   # quoted\n"
        "RaftNodes:\n  - a\n  - \"b\"\n"
        "ClusterNameToAlias: {x: y}\n"
        "Empty:\n"
        "Tagged: !!str 5\n"
        "Text: |\n  line one\n  line two\n");
    REQUIRE_FALSE(parsed.problem);
    const auto& members = parsed.root.items;
    REQUIRE(members.size() == 7);
    CHECK(members[0].line == 2);
    CHECK(members[0].kind == YamlKind::Plain);
    CHECK(members[1].line == 3);
    CHECK(members[1].kind == YamlKind::String);
    CHECK(members[2].line == 4);
    REQUIRE(members[2].items.size() == 2);
    CHECK(members[2].items[1].text == "b");
    CHECK(members[3].line == 7);
    CHECK(members[3].items[0].key == "x");
    CHECK(members[4].kind == YamlKind::Null);
    CHECK(members[5].kind == YamlKind::String);
    CHECK(members[6].text == "line one\nline two\n");
  }

  TEST_CASE("JSON is read as YAML too") {
    const ParsedConfig parsed = parse_yaml_config("{\"Debug\": true,\n \"RaftNodes\": [\"a\"]}");
    REQUIRE_FALSE(parsed.problem);
    CHECK(parsed.root.items.size() == 2);
    CHECK(parsed.root.items[1].line == 2);
  }

  TEST_CASE("a syntax error is told with line and column") {
    const ParsedConfig parsed = parse_yaml_config("Debug: true\nRaftNodes: [a, b\nX: y\n");
    REQUIRE(parsed.problem);
    CHECK(parsed.problem->line > 1);
    CHECK(parsed.problem->column > 0);
    CHECK(parsed.problem->message.starts_with("not valid YAML: "));
  }

  TEST_CASE("a quote that is not closed is told with the line where it opens") {
    for (const std::string_view text :
         {"a: b\nc: \"d\ne: f\n", "a: b\nc: 'd\n", "a: b\nc: 'd''", "a: b\nc: \"d\\\"",
          "a: b\n\"c: d\n", "a:\n- 'b\n", "a: [\nb, \"]\n"}) {
      CAPTURE(text);
      const ParsedConfig parsed = parse_yaml_config(text);
      REQUIRE(parsed.problem);
      CHECK(parsed.problem->line == 2);
      CHECK(parsed.problem->message == "not valid YAML: the quote is not closed");
    }
    CHECK(yaml_problem("a: \"b\\\"\\\\\"\nc: 'd'''\ne: it's # \"") == "");
  }

  TEST_CASE("a line without a colon is no setting") {
    for (const std::string_view text :
         {"a: b\nc d\n", "a: b\nc:d\n", "a: b\nc d\ne: f\n", "a: [b]\n-b:2\n", "a:\n- b:1\n-c:2"}) {
      CAPTURE(text);
      const ParsedConfig parsed = parse_yaml_config(text);
      REQUIRE(parsed.problem);
      CHECK(parsed.problem->line > 1);
      CHECK(parsed.problem->message.starts_with("not valid YAML: "));
    }
    CHECK(yaml_problem("\xEF\xBB\xBF"
                       "a:\r\nb : # none\nc: {d: , e:}\n\"f\":\ng: ~\nh:") == "");
    CHECK(yaml_problem("a: |\n  text\n  # of it\n...\n") == "");
    CHECK(yaml_problem("a: >\n  text\nb: |\n") == "");
    CHECK(yaml_problem("a: |\n  text") == "");
  }

  TEST_CASE("what is not a mapping is refused") {
    CHECK(yaml_problem("- a\n- b\n") == "expected a mapping of keys");
    CHECK(yaml_problem("just text") == "expected a mapping of keys");
    CHECK(yaml_problem("# nothing\n") == "it holds no settings");
    CHECK(yaml_problem("a: b\n---\nc: d\n") == "more than one YAML document");
  }

  TEST_CASE("keys are strings") {
    CHECK(yaml_problem("[a, b]: c\n").find("a key must be a string") != std::string::npos);
    CHECK(yaml_problem("? {a: b}\n: c\n").find("a key must be a string") != std::string::npos);
    CHECK(yaml_problem("~: c\n").find("a key must be a string") != std::string::npos);
    CHECK(yaml_problem("5: c\n") == "");
  }

  TEST_CASE("anchors and aliases are refused, so no bomb goes off") {
    CHECK(yaml_problem("a: &x [1]\nb: c\n").find("anchors are not supported") != std::string::npos);
    CHECK(yaml_problem("a: &x y\n").find("anchors are not supported") != std::string::npos);
    CHECK(yaml_problem("a: &x\nb: *x\n").find("not supported") != std::string::npos);
    std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n";
    for (int i = 1; i < 10; ++i) {
      bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
      for (int j = 0; j < 9; ++j)
        bomb += "*a" + std::to_string(i - 1) + ",";
      bomb += "]\n";
    }
    CHECK(yaml_problem(bomb).find("anchors are not supported") != std::string::npos);
  }

  TEST_CASE("tags that could change a value are refused") {
    CHECK(yaml_problem("a: !!int 5\n").find("tags are not supported") != std::string::npos);
    CHECK(yaml_problem("a: !include /etc/passwd\n").find("tags are not supported") !=
          std::string::npos);
    CHECK(yaml_problem("a: !mine [b]\n").find("tags are not supported") != std::string::npos);
  }

  TEST_CASE("control characters are refused wherever they stand") {
    for (const char c : {'\0', '\x01', '\x04', '\x1B', '\x7F'}) {
      const std::string text = "a: b\nc: d" + std::string(1, c) + "e\n";
      const ParsedConfig parsed = parse_yaml_config(text);
      REQUIRE(parsed.problem);
      CHECK(parsed.problem->line == 2);
      CHECK(parsed.problem->message == "not valid YAML: it holds a control character");
    }
  }

  TEST_CASE("deep nesting is refused, not followed") {
    CHECK(yaml_problem("a: " + std::string(100000, '[')) != "");
    CHECK(yaml_problem("a: " + std::string(300, '[') + std::string(300, ']')) != "");
    std::string block;
    for (int i = 0; i < 400; ++i)
      block += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
    CHECK(yaml_problem(block) != "");
    CHECK(yaml_problem(std::string(100000, '-')) != "");
  }

  TEST_CASE("a huge scalar is one value") {
    const std::string big(500000, 'x');
    const ParsedConfig parsed = parse_yaml_config("a: " + big + "\n");
    REQUIRE_FALSE(parsed.problem);
    CHECK(parsed.root.items[0].text == big);
  }
}

}  // namespace orch
