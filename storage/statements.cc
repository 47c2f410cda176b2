#include "storage/statements.h"

#include <algorithm>
#include <cstdint>

#include "core/base/text.h"

namespace orch::storage {

namespace {

/// SQLite allows 32766 values in a statement, MySQL 65535. More rows than this gain nothing.
constexpr std::size_t kMostValues = 32'000;
constexpr std::size_t kMostRows = 50;

}  // namespace

InstanceKey read_key(const Row& row, std::size_t first_column) {
  const std::int64_t port = row.integer(first_column + 1);
  const bool fits = port >= 0 && port <= UINT16_MAX;
  return {row.text(first_column), fits ? static_cast<std::uint16_t>(port) : std::uint16_t{0}};
}

Result<std::optional<std::string>> select_text(Database& database, std::string_view sql,
                                               std::initializer_list<SqlValue> arguments) {
  std::optional<std::string> found;
  ORCH_TRY(database.select(sql, arguments, [&found](const Row& row) {
    if (!found) found = row.text(0);
  }));
  return found;
}

Result<> save_rows(Database& database, std::string_view table,
                   const std::vector<std::string_view>& keys,
                   const std::vector<std::string_view>& columns,
                   const std::vector<std::vector<SqlValue>>& rows) {
  const std::size_t most = std::clamp<std::size_t>(kMostValues / columns.size(), 1, kMostRows);
  std::vector<SqlValue> values;
  for (std::size_t done = 0; done < rows.size();) {
    const std::size_t now = std::min(most, rows.size() - done);
    values.clear();
    for (std::size_t i = done; i < done + now; ++i) {
      values.insert(values.end(), rows[i].begin(), rows[i].end());
    }
    ORCH_TRY(database.execute(database.dialect().upsert(table, keys, columns, now),
                              std::span<const SqlValue>(values)));
    done += now;
  }
  return {};
}

Result<std::int64_t> add_row(Database& database, std::string_view table,
                             const std::vector<std::string_view>& columns,
                             std::initializer_list<SqlValue> values) {
  return database.execute(database.dialect().insert_if_absent(table, columns), values);
}

std::string join_keys(const std::vector<InstanceKey>& keys) {
  std::string text;
  for (const InstanceKey& key : keys) {
    if (!text.empty()) text += ",";
    text += to_string(key);
  }
  return text;
}

std::vector<InstanceKey> split_keys(std::string_view text) {
  std::vector<InstanceKey> keys;
  for (const std::string& word : words(text, ", ")) {
    // The last colon: IPv6 addresses stand without brackets here.
    const std::size_t colon = word.rfind(':');
    if (colon == std::string::npos || colon == 0) continue;
    const std::optional<std::uint64_t> port = parse_uint(std::string_view(word).substr(colon + 1));
    if (!port || *port > UINT16_MAX) continue;
    keys.push_back({word.substr(0, colon), static_cast<std::uint16_t>(*port)});
  }
  return keys;
}

}  // namespace orch::storage
