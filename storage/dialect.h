#pragma once

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

  /// INSERT ... that replaces the named columns of the row with the same key, and leaves the
  /// others: `ON CONFLICT (keys) DO UPDATE` or `ON DUPLICATE KEY UPDATE`. `rows` value tuples.
  [[nodiscard]] std::string upsert(std::string_view table, const std::vector<std::string>& keys,
                                   const std::vector<std::string>& columns,
                                   std::size_t rows = 1) const;
  /// "INSERT OR IGNORE INTO" / "INSERT IGNORE INTO".
  [[nodiscard]] std::string_view insert_ignore() const;

 private:
  Kind kind_;
};

}  // namespace orch::storage
