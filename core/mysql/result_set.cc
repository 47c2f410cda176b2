#include "core/mysql/result_set.h"

#include "core/base/text.h"

namespace orch {

std::optional<std::size_t> ResultSet::column(std::string_view name) const {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (equals_ignoring_case(columns[i], name)) return i;
  }
  return std::nullopt;
}

std::optional<std::string_view> Row::find(std::string_view column) const {
  const auto at = set_.column(column);
  if (!at || !set_.rows[index_][*at]) return std::nullopt;
  return *set_.rows[index_][*at];
}

std::string Row::text(std::string_view column) const {
  return std::string(find(column).value_or(std::string_view()));
}

std::optional<std::int64_t> Row::number(std::string_view column) const {
  const auto value = find(column);
  return value ? parse_int(*value) : std::nullopt;
}

}  // namespace orch
