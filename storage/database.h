#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "storage/dialect.h"

namespace orch::storage {

/// NULL, integer, real, text (or blob).
using SqlValue = std::variant<std::monostate, std::int64_t, double, std::string>;

/// One row of an answer, valid during the call that brings it. Readers are forgiving, as the
/// contract asks: NULL or unparsable text reads as 0, false or "". Columns by their place in the
/// SELECT list.
class Row {
 public:
  virtual ~Row() = default;

  [[nodiscard]] virtual bool is_null(std::size_t column) const = 0;
  [[nodiscard]] virtual std::int64_t integer(std::size_t column) const = 0;
  /// Valid as long as the row.
  [[nodiscard]] virtual std::string_view view(std::size_t column) const = 0;

  [[nodiscard]] bool boolean(std::size_t column) const { return integer(column) != 0; }
  [[nodiscard]] std::string text(std::size_t column) const { return std::string(view(column)); }
  /// A timestamp column in any form that parse_time() reads.
  [[nodiscard]] std::optional<TimePoint> time(std::size_t column) const {
    return parse_time(view(column));
  }
};

/// The door to the backend database: SQLite, or MySQL behind the same interface. One statement at a
/// time; safe for several threads. A busy database is waited for, and what gave way to somebody
/// else's transaction is done again, within a bound.
/// Errors: Unreachable (cannot open, locked for too long), Denied (read-only), Broken (no database,
/// damaged, full disk); every message names the file or server.
class Database {
 public:
  virtual ~Database() = default;

  [[nodiscard]] virtual const Dialect& dialect() const = 0;
  /// The file or server, for node_health and for messages.
  [[nodiscard]] virtual const std::string& name() const = 0;

  /// Calls `each` for every row.
  virtual Result<> select(std::string_view sql, std::span<const SqlValue> arguments,
                          const std::function<void(const Row&)>& each) = 0;
  /// How many rows were changed.
  virtual Result<std::int64_t> execute(std::string_view sql,
                                       std::span<const SqlValue> arguments) = 0;
  /// Runs several statements without arguments, separated by `;`; stops at the first failure.
  virtual Result<> execute_script(std::string_view sql) = 0;
  /// Runs `work` as one transaction: all of it or, when it fails, nothing. Nested calls join.
  /// `work` may be run more than once: nothing remains of the times before in the database, unless
  /// the connection broke just while it was committed. So it begins anew each time, and tells what
  /// an earlier time has written from what others have.
  virtual Result<> transaction(const std::function<Result<>()>& work) = 0;
  /// Runs `work`, which only reads, on what the database holds when it first does: what others
  /// write meanwhile does not show, and they need not wait. As transaction() otherwise.
  virtual Result<> reading(const std::function<Result<>()>& work) { return transaction(work); }
  /// The generated key of the latest INSERT of this connection.
  [[nodiscard]] virtual std::int64_t last_insert_id() const = 0;

  Result<> select(std::string_view sql, std::initializer_list<SqlValue> arguments,
                  const std::function<void(const Row&)>& each) {
    return select(sql, std::span<const SqlValue>(arguments.begin(), arguments.size()), each);
  }
  Result<std::int64_t> execute(std::string_view sql,
                               std::initializer_list<SqlValue> arguments = {}) {
    return execute(sql, std::span<const SqlValue>(arguments.begin(), arguments.size()));
  }
};

}  // namespace orch::storage
