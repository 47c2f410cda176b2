#include "core/model/tag.h"

#include "core/base/text.h"

namespace orch {

std::string to_string(const Tag& tag) {
  return tag.name + "=" + tag.value;
}

Result<TagExpression> parse_tag_expression(std::string_view text) {
  std::string_view rest = trim(text);
  TagExpression expression;
  if (rest.starts_with('~') || rest.starts_with('!')) {
    expression.negated = true;
    rest = trim(rest.substr(1));
  }
  const std::size_t equals = rest.find('=');
  expression.tag.name = trim(rest.substr(0, equals));
  if (equals != std::string_view::npos) {
    expression.has_value = true;
    expression.tag.value = trim(rest.substr(equals + 1));
  }
  const bool bare =
      expression.tag.name.empty() || expression.tag.name.find_first_of("~!") != std::string::npos;
  if (bare) return fail(ErrorKind::InvalidInput, "Unable to parse tag: " + std::string(text));
  return expression;
}

Result<std::vector<TagExpression>> parse_tag_expressions(std::string_view text) {
  std::vector<TagExpression> expressions;
  for (const std::string_view part : split(text, ',')) {
    ORCH_ASSIGN(TagExpression expression, parse_tag_expression(part));
    expressions.push_back(std::move(expression));
  }
  return expressions;
}

}  // namespace orch
