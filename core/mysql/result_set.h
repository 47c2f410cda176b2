#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace orch {

/// What a statement answered: all rows, as text. Statements without rows leave the columns empty.
struct ResultSet {
  using Value = std::optional<std::string>;  ///< nothing is NULL

  std::vector<std::string> columns{};
  std::vector<std::vector<Value>> rows{};  ///< each as wide as `columns`
  std::uint64_t affected_rows{0};

  [[nodiscard]] bool empty() const { return rows.empty(); }
  /// Where the column is; names differ in letter case between servers, so that case is ignored.
  [[nodiscard]] std::optional<std::size_t> column(std::string_view name) const;
};

/// One row by column names. A column that the server did not return reads like NULL: nothing, ""
/// or the default. Valid as long as the set.
class Row {
 public:
  Row(const ResultSet& set, std::size_t index) : set_(set), index_(index) {}

  [[nodiscard]] bool has(std::string_view column) const { return set_.column(column).has_value(); }
  [[nodiscard]] std::optional<std::string_view> find(std::string_view column) const;
  [[nodiscard]] std::string text(std::string_view column) const;
  /// A whole number; nothing for NULL and for any other text.
  [[nodiscard]] std::optional<std::int64_t> number(std::string_view column) const;

 private:
  const ResultSet& set_;
  std::size_t index_;
};

}  // namespace orch
