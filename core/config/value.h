#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/config/problem.h"

namespace orch {

/// What a file says, before any key gives it a meaning: the common form of JSON and YAML.
struct ConfigValue {
  enum class Kind {
    Null,
    Bool,    ///< text is "true" or "false"
    Number,  ///< text is the number as written, in JSON's grammar
    String,
    Plain,  ///< a YAML scalar without quotes: the key decides what it is
    List,
    Object,
  };

  Kind kind{Kind::Null};
  std::string text{};
  std::vector<ConfigValue> items{};  ///< of a List or an Object, in the file's order
  std::string key{};                 ///< of a member of an Object
  int line{0};                       ///< where the key stands
};

/// A file's content, or the one problem that made it unreadable (its `file` is empty).
struct ParsedConfig {
  ConfigValue root{};
  std::optional<ConfigProblem> problem{};
};

/// Values nested deeper than this are refused.
constexpr int kDeepestConfig = 200;

/// Whether the text is a number in JSON's grammar.
bool is_json_number(std::string_view text);

/// One JSON object; what follows it is ignored. No comments. Bytes of strings pass unchanged.
ParsedConfig parse_json_config(std::string_view text);

/// One YAML document whose root is a mapping. Anchors, aliases and tags other than !!str are
/// refused, as are control characters.
ParsedConfig parse_yaml_config(std::string_view text);

}  // namespace orch
