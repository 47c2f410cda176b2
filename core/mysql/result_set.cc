#include "core/mysql/result_set.h"

#include "core/base/text.h"

namespace orch {

std::optional<std::size_t> ResultSet::column(std::string_view name) const {
  if (name.empty()) return std::nullopt;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    // A status has some sixty columns, and is asked for most of them under two names.
    const std::string& column = columns[i];
    if (column.size() != name.size() || (column.back() | 0x20) != (name.back() | 0x20)) {
      continue;
    }
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
