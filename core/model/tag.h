#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace orch {

/// A label on an instance; the value may be empty.
struct Tag {
  std::string name{};
  std::string value{};

  friend bool operator==(const Tag&, const Tag&) = default;
};

/// "name=value", also for an empty value.
std::string to_string(const Tag& tag);

/// What a person writes about tags (command line document, 7.9): `name`, `name=value`, `~name`,
/// `~name=value`; `!` is the same as `~`.
struct TagExpression {
  Tag tag{};
  bool has_value{false};  ///< there was a `=`
  bool negated{false};
};

/// Errors: InvalidInput, "Unable to parse tag: TEXT".
Result<TagExpression> parse_tag_expression(std::string_view text);

/// Expressions separated by commas; at least one. Errors: as above.
Result<std::vector<TagExpression>> parse_tag_expressions(std::string_view text);

}  // namespace orch
