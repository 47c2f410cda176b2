#include "storage/quarantine_store.h"

#include "storage/statements.h"

namespace orch::storage {

namespace {

constexpr std::string_view kSqlSelect = R"(
    select quarantine_id, hostname, port, server_uuid, server_id, cluster_alias,
           successor_hostname, successor_port, recovery_uid, reason, owner, since, released_at,
           released_by, release_reason
      from orch_quarantine
     where released_at is null)";
constexpr std::string_view kSqlRelease = R"(
    update orch_quarantine
       set released_at = ?, released_by = ?, release_reason = ?
     where released_at is null and hostname = ? and port = ?)";

Result<std::vector<Quarantine>> list_quarantine(Database& database, std::string_view rest,
                                                std::initializer_list<SqlValue> arguments) {
  std::vector<Quarantine> entries;
  ORCH_TRY(database.select(
      std::string(kSqlSelect) + std::string(rest), arguments, [&entries](const Row& row) {
        entries.push_back({.id = row.integer(0),
                           .key = read_key(row, 1),
                           .server_uuid = row.text(3),
                           .server_id = static_cast<std::uint32_t>(row.integer(4)),
                           .cluster_alias = row.text(5),
                           .successor = read_key(row, 6),
                           .recovery_uid = row.text(8),
                           .reason = row.text(9),
                           .owner = row.text(10),
                           .since = row.time(11),
                           .released_at = row.time(12),
                           .released_by = row.text(13),
                           .release_reason = row.text(14)});
      }));
  return entries;
}

}  // namespace

Result<> QuarantineStore::save(const Quarantine& entry) {
  return database_.transaction([&]() -> Result<> {
    ORCH_ASSIGN([[maybe_unused]] const bool replaced,
                release(entry.key, entry.owner, "replaced by a new entry"));
    ORCH_TRY(add_row(
        database_, "orch_quarantine",
        {"hostname", "port", "server_uuid", "server_id", "cluster_alias", "successor_hostname",
         "successor_port", "recovery_uid", "reason", "owner", "since", "release_reason"},
        {entry.key.hostname, port_of(entry.key), entry.server_uuid, std::int64_t{entry.server_id},
         entry.cluster_alias, entry.successor.hostname, port_of(entry.successor),
         entry.recovery_uid, entry.reason, entry.owner, format_time(clock_.now()), std::string()}));
    return {};
  });
}

Result<std::optional<Quarantine>> QuarantineStore::find(const InstanceKey& key) const {
  ORCH_ASSIGN(
      std::vector<Quarantine> entries,
      list_quarantine(database_, " and hostname = ? and port = ? order by quarantine_id desc",
                      {key.hostname, port_of(key)}));
  if (entries.empty()) return std::optional<Quarantine>();
  return std::optional<Quarantine>(std::move(entries.front()));
}

Result<std::vector<Quarantine>> QuarantineStore::list() const {
  return list_quarantine(database_, " order by hostname, port, quarantine_id", {});
}

Result<bool> QuarantineStore::release(const InstanceKey& key, const std::string& by,
                                      const std::string& reason) {
  ORCH_ASSIGN(const std::int64_t rows,
              database_.execute(kSqlRelease, {format_time(clock_.now()), by, reason, key.hostname,
                                              port_of(key)}));
  return rows > 0;
}

}  // namespace orch::storage
