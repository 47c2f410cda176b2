#include "storage/history_store.h"

#include <chrono>
#include <map>
#include <utility>

#include "storage/statements.h"

namespace orch::storage {

namespace {

constexpr std::string_view kSqlSnapshot = R"(
    database_instance_topology_history
           (snapshot_unix_timestamp, hostname, port, master_host, master_port, cluster_name, version)
    select ?, hostname, port, master_host, master_port, cluster_name, version
      from database_instance)";

}  // namespace

Result<std::int64_t> HistoryStore::save_snapshot() {
  const std::int64_t now =
      std::chrono::floor<std::chrono::seconds>(clock_.now()).time_since_epoch().count();
  std::string sql(database_.dialect().insert_ignore());
  sql += kSqlSnapshot;
  return database_.execute(sql, {now});
}

Result<std::vector<Instance>> HistoryStore::list(const std::string& cluster,
                                                 const std::string& pattern) const {
  std::string sql = R"(
    select hostname, port, master_host, master_port, cluster_name, version
      from database_instance_topology_history
     where snapshot_unix_timestamp )";
  sql.append(database_.dialect().matches()).append(R"( ? and cluster_name = ?
     order by snapshot_unix_timestamp)");
  std::map<InstanceKey, Instance> latest;
  ORCH_TRY(database_.select(sql, {pattern, cluster}, [&latest](const Row& row) {
    Instance instance;
    instance.key = read_key(row, 0);
    instance.replication.source = read_key(row, 2);
    instance.cluster_name = row.view(4);
    instance.server.version = row.view(5);
    latest[instance.key] = std::move(instance);
  }));
  std::vector<Instance> instances;
  for (auto& [key, instance] : latest)
    instances.push_back(std::move(instance));
  return instances;
}

}  // namespace orch::storage
