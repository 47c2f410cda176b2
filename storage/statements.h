#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/model/instance_key.h"
#include "storage/database.h"

namespace orch::storage {

/// The port as the database has it.
inline std::int64_t port_of(const InstanceKey& key) {
  return key.port;
}

/// Host and port from two columns next to each other; a port that cannot be one reads as 0.
InstanceKey read_key(const Row& row, std::size_t first_column);

/// The first column of the first row; nothing without a row.
Result<std::optional<std::string>> select_text(Database& database, std::string_view sql,
                                               std::initializer_list<SqlValue> arguments);

/// Upserts rows of one table, many with each statement, but never more values than a statement may
/// have (DISC-19). Not a transaction by itself.
Result<> save_rows(Database& database, std::string_view table,
                   const std::vector<std::string_view>& keys,
                   const std::vector<std::string_view>& columns,
                   const std::vector<std::vector<SqlValue>>& rows);

/// Adds one row. A row of the same key, left by a server whose latest writes were lost, does not
/// stop those that follow the statements (HA-5): then nothing is added. How many were.
Result<std::int64_t> add_row(Database& database, std::string_view table,
                             const std::vector<std::string_view>& columns,
                             std::initializer_list<SqlValue> values);

/// A list of host:port separated by commas, as recovery tables have it.
std::string join_keys(const std::vector<InstanceKey>& keys);
std::vector<InstanceKey> split_keys(std::string_view text);

}  // namespace orch::storage
