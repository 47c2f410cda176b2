#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace orch::storage {

/// The few fragments in which the two databases differ. Pure.
class Dialect {
 public:
  enum class Kind { Sqlite, MySql };

  explicit Dialect(Kind kind) : kind_(kind) {}
  [[nodiscard]] Kind kind() const { return kind_; }

  /// INSERT of `rows` value tuples that, where a row with the same key is there, updates all
  /// columns of `columns` but the keys, and leaves the other columns alone.
  [[nodiscard]] std::string upsert(std::string_view table,
                                   const std::vector<std::string_view>& keys,
                                   const std::vector<std::string_view>& columns,
                                   std::size_t rows = 1) const;
  /// INSERT of `rows` value tuples that leaves a row with the same key as it is.
  [[nodiscard]] std::string insert_if_absent(std::string_view table,
                                             const std::vector<std::string_view>& columns,
                                             std::size_t rows = 1) const;
  /// "insert or ignore into" / "insert ignore into".
  [[nodiscard]] std::string_view insert_ignore() const;
  /// "(a || b)" / "concat(a, b)".
  [[nodiscard]] std::string concat(std::initializer_list<std::string_view> parts) const;
  /// "like" / "rlike": the pattern look-ups of history and attributes (schema document, 10).
  [[nodiscard]] std::string_view matches() const;

 private:
  Kind kind_;
};

}  // namespace orch::storage
