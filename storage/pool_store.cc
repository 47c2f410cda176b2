#include "storage/pool_store.h"

#include "storage/statements.h"

namespace orch::storage {

namespace {

constexpr std::string_view kSqlForgetPool = "delete from database_instance_pool where pool = ?";
constexpr std::string_view kSqlListPool = R"(
    select i.cluster_name, coalesce(a.alias, ''), p.pool, p.hostname, p.port
      from database_instance_pool p
      join database_instance i on i.hostname = p.hostname and i.port = p.port
      left join cluster_alias a on a.cluster_name = i.cluster_name
     order by i.cluster_name, p.pool, p.hostname, p.port)";
constexpr std::string_view kSqlExpirePool =
    "delete from database_instance_pool where registered_at < ?";

}  // namespace

Result<> PoolStore::save(const std::string& pool, std::span<const InstanceKey> members) {
  std::vector<std::vector<SqlValue>> rows;
  for (const InstanceKey& key : members) {
    rows.push_back({key.hostname, port_of(key), pool, format_time(clock_.now())});
  }
  return database_.transaction([&]() -> Result<> {
    ORCH_TRY(database_.execute(kSqlForgetPool, {pool}));
    return save_rows(database_, "database_instance_pool", {"hostname", "port", "pool"},
                     {"hostname", "port", "pool", "registered_at"}, rows);
  });
}

Result<std::vector<PoolMember>> PoolStore::list() const {
  std::vector<PoolMember> members;
  ORCH_TRY(database_.select(kSqlListPool, {}, [&members](const Row& row) {
    members.push_back({row.text(0), row.text(1), row.text(2), read_key(row, 3)});
  }));
  return members;
}

Result<std::int64_t> PoolStore::expire(std::chrono::minutes age) {
  return database_.execute(kSqlExpirePool, {format_time(clock_.now() - age)});
}

}  // namespace orch::storage
