#include "ha/raft/snapshot.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/base/text.h"
#include "ha/raft/command.h"
#include "ha/raft/packing.h"
#include "ha/raft/tables.h"
#include "storage/instance_store.h"

namespace orch::ha::raft {

namespace {

using storage::SqlValue;

constexpr std::string_view kMark = "orch raft state\n";
constexpr std::uint64_t kSnapshotForm = 1;  // grows when what follows changes
constexpr std::size_t kRowsAtOnce = 50;

constexpr std::string_view kSqliteColumns = "select name from pragma_table_info(?) order by name";
constexpr std::string_view kMySqlColumns =
    "select column_name from information_schema.columns where table_schema = database() and "
    "table_name = ? order by column_name";

/// By name: two databases may have got their columns in different order.
Result<std::vector<std::string>> columns_of(storage::Database& database, std::string_view table) {
  const bool sqlite = database.dialect().kind() == storage::Dialect::Kind::Sqlite;
  std::vector<std::string> columns;
  ORCH_TRY(database.select(
      sqlite ? kSqliteColumns : kMySqlColumns, {std::string(table)},
      [&columns](const storage::Row& row) { columns.push_back(to_lower(row.view(0))); }));
  return columns;
}

Result<> write_table(storage::Database& database, std::string_view table, Packer& packer) {
  ORCH_ASSIGN(const std::vector<std::string> columns, columns_of(database, table));
  packer.text(table);
  packer.number(columns.size());
  for (const std::string& column : columns)
    packer.text(column);
  Packer rows;
  std::size_t count = 0;
  ORCH_TRY(database.select(fmt::format("select {} from {}", join(columns, ", "), table), {},
                           [&](const storage::Row& row) {
                             ++count;
                             for (std::size_t i = 0; i < columns.size(); ++i) {
                               rows.value(row.is_null(i) ? SqlValue(std::monostate{})
                                                         : SqlValue(row.text(i)));
                             }
                           }));
  packer.number(count);
  packer.text(rows.take());
  return {};
}

Result<> load_table(storage::Database& database, Unpacker& from) {
  const std::string table(from.text());
  const bool known = std::ranges::any_of(
      shared_tables(), [&table](const SharedTable& each) { return each.name == table; });
  if (!known) {
    return fail(ErrorKind::Broken,
                fmt::format("the snapshot has a table '{}', of a later version of orch: update "
                            "this node",
                            printable(table)));
  }
  std::vector<std::string> columns;
  const std::size_t width = from.count();
  for (std::size_t i = 0; i < width; ++i)
    columns.emplace_back(from.text());
  const std::vector<std::string_view> names(columns.begin(), columns.end());
  const std::uint64_t count = from.number();
  Unpacker rows(from.text());
  std::vector<SqlValue> values;
  for (std::uint64_t done = 0; done < count && !rows.damaged();) {
    const std::size_t now = std::min<std::uint64_t>(kRowsAtOnce, count - done);
    values.clear();
    for (std::size_t i = 0; i < now * width; ++i)
      values.push_back(rows.value());
    ORCH_ASSIGN(const std::int64_t added,
                database.execute(database.dialect().insert_if_absent(table, names, now),
                                 std::span<const SqlValue>(values)));
    if (std::cmp_not_equal(added, now)) {
      return fail(ErrorKind::Broken, "the snapshot has rows that exclude each other in " + table);
    }
    done += now;
  }
  if (rows.at_end()) return {};
  return fail(ErrorKind::Broken, "the snapshot is damaged in " + table);
}

Result<std::set<InstanceKey>> load_servers(storage::Database& database, const Clock& clock,
                                           Unpacker& from) {
  std::set<InstanceKey> wanted;
  const std::size_t count = from.count();
  for (std::size_t i = 0; i < count && !from.damaged(); ++i) {
    std::string hostname(from.text());
    wanted.insert({std::move(hostname), static_cast<std::uint16_t>(from.number())});
  }
  storage::InstanceStore store(database, clock, {});
  ORCH_ASSIGN(const std::vector<InstanceKey> known, store.list_keys());
  std::set<InstanceKey> gone;
  for (const InstanceKey& key : known) {
    if (wanted.erase(key) > 0) continue;
    ORCH_TRY(store.forget(key));
    gone.insert(key);
  }
  for (const InstanceKey& key : wanted)
    ORCH_TRY(store.insert_if_absent(key));
  return gone;
}

/// What follows the checksum; nothing when that is wrong.
std::string_view body_of(std::string_view snapshot) {
  if (!snapshot.starts_with(kMark)) return {};
  Unpacker header(snapshot.substr(kMark.size()));
  const std::uint64_t checksum = header.number();
  const std::string_view body = header.text();
  return header.at_end() && checksum == crc32_of(body) ? body : std::string_view();
}

struct Header {
  Progress progress{};
  storage::Dialect::Kind dialect{};
  std::uint64_t form{};
};

Header read_header(Unpacker& from) {
  Header header;
  header.form = from.number();
  header.dialect = static_cast<storage::Dialect::Kind>(from.number() & 1U);
  header.progress.applied = from.number();
  header.progress.changed = from.number();
  return header;
}

}  // namespace

Result<std::string> write_snapshot(storage::Database& database, const Progress& progress) {
  Packer body;
  body.number(kSnapshotForm);
  body.number(static_cast<std::uint64_t>(database.dialect().kind()));
  body.number(progress.applied);
  body.number(progress.changed);
  body.number(shared_tables().size());
  for (const SharedTable& table : shared_tables())
    ORCH_TRY(write_table(database, table.name, body));
  std::vector<std::pair<std::string, std::int64_t>> servers;
  ORCH_TRY(database.select(
      "select hostname, port from database_instance", {},
      [&servers](const storage::Row& row) { servers.emplace_back(row.text(0), row.integer(1)); }));
  body.number(servers.size());
  for (const auto& [hostname, port] : servers) {
    body.text(hostname);
    body.number(static_cast<std::uint64_t>(port));
  }
  const std::string packed = body.take();
  Packer whole;
  whole.number(crc32_of(packed));
  whole.text(packed);
  return std::string(kMark) + whole.take();
}

Result<Progress> check_snapshot(const storage::Database& database, std::string_view snapshot) {
  const std::string_view body = body_of(snapshot);
  if (body.empty()) {
    return fail(ErrorKind::Broken,
                fmt::format("a snapshot of {} bytes is damaged, or none of orch's: it is not used",
                            snapshot.size()));
  }
  Unpacker from(body);
  const Header header = read_header(from);
  if (header.form != kSnapshotForm) {
    return fail(ErrorKind::Broken, "the snapshot is of another version of orch: update this node");
  }
  if (header.dialect != database.dialect().kind()) {
    return fail(ErrorKind::Broken,
                fmt::format("this node's backend is {}, and the group's is {}: all nodes of a raft "
                            "group need the same kind (BackendDB)",
                            to_string(database.dialect().kind()), to_string(header.dialect)));
  }
  return header.progress;
}

Result<std::set<InstanceKey>> load_snapshot(storage::Database& database, const Clock& clock,
                                            std::string_view snapshot) {
  Unpacker from(body_of(snapshot));
  read_header(from);
  ORCH_TRY(clear_decisions(database));
  const std::size_t tables = from.count();
  for (std::size_t i = 0; i < tables && !from.damaged(); ++i)
    ORCH_TRY(load_table(database, from));
  ORCH_ASSIGN(std::set<InstanceKey> gone, load_servers(database, clock, from));
  if (from.at_end()) return gone;
  return fail(ErrorKind::Broken, "the snapshot is damaged");
}

Result<> clear_decisions(storage::Database& database) {
  for (const SharedTable& table : shared_tables())
    ORCH_TRY(database.execute(fmt::format("delete from {}", table.name)));
  return {};
}

}  // namespace orch::ha::raft
