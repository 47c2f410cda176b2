#include "storage/history_store.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "storage/statements.h"

namespace orch::storage {

namespace {

constexpr std::string_view kSqlListForSnapshot = R"(
    select hostname, port, master_host, master_port, cluster_name, version
      from database_instance
     order by hostname, port)";
constexpr std::size_t kRowsAtOnce = 50;

}  // namespace

/// The rows are read and then written as they are: an INSERT ... SELECT does not do the same on
/// every server that statements are replicated to (HA-5).
Result<std::int64_t> HistoryStore::save_snapshot() {
  const std::int64_t now =
      std::chrono::floor<std::chrono::seconds>(clock_.now()).time_since_epoch().count();
  const std::vector<std::string_view> columns = {"snapshot_unix_timestamp",
                                                 "hostname",
                                                 "port",
                                                 "master_host",
                                                 "master_port",
                                                 "cluster_name",
                                                 "version"};
  std::int64_t saved = 0;
  const auto work = [&]() -> Result<> {
    saved = 0;
    std::vector<SqlValue> values;
    ORCH_TRY(database_.select(kSqlListForSnapshot, {}, [&](const Row& row) {
      values.insert(values.end(), {now, row.text(0), row.integer(1), row.text(2), row.integer(3),
                                   row.text(4), row.text(5)});
    }));
    for (std::size_t begin = 0; begin < values.size();) {
      const std::size_t count = std::min(values.size() - begin, kRowsAtOnce * columns.size());
      const std::string insert = database_.dialect().insert_if_absent(
          "database_instance_topology_history", columns, count / columns.size());
      ORCH_ASSIGN(
          const std::int64_t rows,
          database_.execute(insert, std::span<const SqlValue>(values).subspan(begin, count)));
      saved += rows;
      begin += count;
    }
    return {};
  };
  ORCH_TRY(database_.transaction(work));
  return saved;
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
