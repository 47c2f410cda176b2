#include "storage/pseudo_gtid_store.h"

#include "storage/statements.h"

namespace orch::storage {

namespace {

constexpr std::string_view kSqlListInjected =
    "select cluster_name from cluster_injected_pseudo_gtid order by cluster_name";
constexpr std::string_view kSqlExpireInjected =
    "delete from cluster_injected_pseudo_gtid where time_injected < ?";

}  // namespace

Result<> PseudoGtidStore::save(const std::vector<std::string>& clusters) {
  if (clusters.empty()) return {};
  const std::string now = format_time(clock_.now());
  std::vector<std::vector<SqlValue>> rows;
  for (const std::string& cluster : clusters)
    rows.push_back({cluster, now});
  return save_rows(database_, "cluster_injected_pseudo_gtid", {"cluster_name"},
                   {"cluster_name", "time_injected"}, rows);
}

Result<std::set<std::string>> PseudoGtidStore::list() const {
  std::set<std::string> clusters;
  ORCH_TRY(database_.select(kSqlListInjected, {},
                            [&](const Row& row) { clusters.insert(row.text(0)); }));
  return clusters;
}

Result<std::int64_t> PseudoGtidStore::expire(std::chrono::minutes age) {
  return database_.execute(kSqlExpireInjected, {format_time(clock_.now() - age)});
}

}  // namespace orch::storage
