#include "storage/audit_store.h"

#include "storage/statements.h"

namespace orch::storage {

namespace {

constexpr std::string_view kSqlFindCluster =
    "select cluster_name from database_instance where hostname = ? and port = ?";
constexpr std::string_view kSqlExpireAudit = "delete from audit where audit_timestamp < ?";

}  // namespace

Result<std::string> AuditStore::cluster_of(const InstanceKey& key) const {
  if (key.hostname.empty()) return std::string();
  ORCH_ASSIGN(std::optional<std::string> known,
              select_text(database_, kSqlFindCluster, {key.hostname, port_of(key)}));
  return std::move(known).value_or("");
}

Result<> AuditStore::save(const AuditEntry& entry) {
  const InstanceKey& key = entry.key;
  std::string cluster = entry.cluster_name;
  if (cluster.empty()) {
    ORCH_ASSIGN(cluster, cluster_of(key));
  }
  const TimePoint at = entry.at.value_or(clock_.now());
  ORCH_TRY(
      add_row(database_, "audit",
              {"audit_timestamp", "audit_type", "hostname", "port", "cluster_name", "message"},
              {format_time(at), entry.type, key.hostname, port_of(key), cluster, entry.message}));
  return {};
}

Result<std::vector<AuditEntry>> AuditStore::list(const std::optional<InstanceKey>& key,
                                                 std::size_t page, std::size_t page_size) const {
  std::string sql = R"(
    select audit_id, audit_timestamp, audit_type, hostname, port, cluster_name, message from audit)";
  std::vector<SqlValue> arguments;
  if (key) {
    sql += " where hostname = ? and port = ?";
    arguments = {key->hostname, port_of(*key)};
  }
  sql += " order by audit_timestamp desc, audit_id desc limit ? offset ?";
  arguments.emplace_back(static_cast<std::int64_t>(page_size));
  arguments.emplace_back(static_cast<std::int64_t>(page * page_size));
  std::vector<AuditEntry> entries;
  ORCH_TRY(database_.select(sql, std::span<const SqlValue>(arguments), [&](const Row& row) {
    entries.push_back(
        {row.integer(0), row.time(1), row.text(2), read_key(row, 3), row.text(5), row.text(6)});
  }));
  return entries;
}

Result<std::int64_t> AuditStore::expire(std::chrono::days age) {
  return database_.execute(kSqlExpireAudit, {format_time(clock_.now() - age)});
}

}  // namespace orch::storage
