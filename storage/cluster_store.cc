#include "storage/cluster_store.h"

#include <map>

#include "storage/statements.h"

namespace orch::storage {

namespace {

constexpr std::string_view kSqlListCluster = R"(
    select i.cluster_name, coalesce(max(a.alias), ''), coalesce(max(d.domain_name), ''), count(*)
      from database_instance i
      left join cluster_alias a on a.cluster_name = i.cluster_name
      left join cluster_domain_name d on d.cluster_name = i.cluster_name
     group by i.cluster_name
     order by i.cluster_name)";
constexpr std::string_view kSqlListNames =
    "select distinct cluster_name from database_instance order by cluster_name";
constexpr std::string_view kSqlFindAlias = "select alias from cluster_alias where cluster_name = ?";
constexpr std::string_view kSqlFindOverride =
    "select alias from cluster_alias_override where cluster_name = ?";
constexpr std::string_view kSqlSaveOverride =
    "replace into cluster_alias_override (cluster_name, alias) values (?, ?)";
// REPLACE, since both columns are unique: the row of another cluster with this alias goes, too.
constexpr std::string_view kSqlSaveAlias =
    "replace into cluster_alias (cluster_name, alias, last_registered) values (?, ?, ?)";
/// The best source of an alias comes last: valid, then writable, then with the most replicas.
constexpr std::string_view kSqlListSuggested = R"(
    select i.cluster_name, i.suggested_cluster_alias
      from database_instance i
      left join database_instance_downtime d
        on d.hostname = i.hostname and d.port = i.port
       and d.downtime_active = 1 and d.reason = 'lost-in-recovery' and d.end_timestamp > ?
     where i.suggested_cluster_alias <> '' and d.hostname is null
     order by coalesce(i.last_checked <= i.last_seen, 0), i.read_only desc, i.num_slave_hosts,
              i.hostname desc, i.port desc)";
constexpr std::string_view kSqlListWithoutAlias = R"(
    select cluster_name
      from database_instance
     group by cluster_name
    having max(suggested_cluster_alias) = '' and cluster_name <> '')";
constexpr std::string_view kSqlExpireAliases =
    "delete from cluster_alias where last_registered < ?";
constexpr std::string_view kSqlFindDomain =
    "select domain_name from cluster_domain_name where cluster_name = ?";
constexpr std::string_view kSqlExpireDomains =
    "delete from cluster_domain_name where last_registered < ?";

/// Aliases as one REPLACE after the other would leave them.
class AliasBook {
 public:
  void enter(const std::string& cluster, const std::string& alias) {
    if (const auto former = cluster_of_.find(alias); former != cluster_of_.end()) {
      alias_of_.erase(former->second);
    }
    if (const auto former = alias_of_.find(cluster); former != alias_of_.end()) {
      cluster_of_.erase(former->second);
    }
    alias_of_[cluster] = alias;
    cluster_of_[alias] = cluster;
  }
  [[nodiscard]] const std::map<std::string, std::string>& aliases() const { return alias_of_; }

 private:
  std::map<std::string, std::string> alias_of_;
  std::map<std::string, std::string> cluster_of_;
};

}  // namespace

std::string ClusterStore::alias_from(const std::string& name, const std::string& stored) const {
  if (!stored.empty() && stored != name) return stored;
  const std::string by_name = alias_by_name_ ? alias_by_name_(name) : std::string();
  return by_name.empty() ? name : by_name;
}

Result<std::vector<ClusterInfo>> ClusterStore::list() const {
  std::vector<ClusterInfo> clusters;
  ORCH_TRY(database_.select(kSqlListCluster, {}, [&](const Row& row) {
    ClusterInfo info{.name = row.text(0), .domain = row.text(2), .instance_count = row.integer(3)};
    info.alias = alias_from(info.name, row.text(1));
    clusters.push_back(std::move(info));
  }));
  return clusters;
}

Result<std::vector<std::string>> ClusterStore::list_names() const {
  std::vector<std::string> names;
  ORCH_TRY(database_.select(kSqlListNames, {},
                            [&names](const Row& row) { names.push_back(row.text(0)); }));
  return names;
}

Result<std::optional<ClusterInfo>> ClusterStore::find(const std::string& name) const {
  ORCH_ASSIGN(const std::vector<ClusterInfo> clusters, list());
  for (const ClusterInfo& cluster : clusters) {
    if (cluster.name == name) return std::optional<ClusterInfo>(cluster);
  }
  return std::optional<ClusterInfo>{};
}

Result<std::optional<std::string>> ClusterStore::find_name(const std::string& name_or_alias) const {
  ORCH_ASSIGN(const std::vector<std::string> names, find_names(name_or_alias));
  return names.empty() ? std::nullopt : std::optional<std::string>(names.front());
}

Result<std::vector<std::string>> ClusterStore::find_names(const std::string& name_or_alias) const {
  ORCH_ASSIGN(const std::vector<ClusterInfo> clusters, list());
  std::vector<std::string> by_alias;
  for (const ClusterInfo& cluster : clusters) {
    if (cluster.name == name_or_alias) return std::vector<std::string>{cluster.name};
    if (cluster.alias == name_or_alias) by_alias.push_back(cluster.name);
  }
  return by_alias;
}

Result<std::string> ClusterStore::alias_of(const std::string& name) const {
  ORCH_ASSIGN(const std::optional<std::string> stored,
              select_text(database_, kSqlFindAlias, {name}));
  return alias_from(name, stored.value_or(""));
}

Result<std::optional<std::string>> ClusterStore::find_alias_override(
    const std::string& name) const {
  return select_text(database_, kSqlFindOverride, {name});
}

Result<> ClusterStore::save_alias_override(const std::string& name, const std::string& alias) {
  ORCH_TRY(database_.execute(kSqlSaveOverride, {name, alias}));
  return {};
}

Result<> ClusterStore::save_alias(const std::string& name, const std::string& alias) {
  ORCH_TRY(database_.execute(kSqlSaveAlias, {name, alias, format_time(clock_.now())}));
  return {};
}

Result<> ClusterStore::rebuild_aliases() {
  return database_.transaction([&]() -> Result<> {
    AliasBook book;
    ORCH_TRY(database_.select(kSqlListSuggested, {format_time(clock_.now())},
                              [&book](const Row& row) { book.enter(row.text(0), row.text(1)); }));
    ORCH_TRY(database_.select(kSqlListWithoutAlias, {},
                              [&book](const Row& row) { book.enter(row.text(0), row.text(0)); }));
    for (const auto& [cluster, alias] : book.aliases())
      ORCH_TRY(save_alias(cluster, alias));
    return {};
  });
}

Result<std::int64_t> ClusterStore::expire_aliases(std::chrono::hours age) {
  return database_.execute(kSqlExpireAliases, {format_time(clock_.now() - age)});
}

Result<std::optional<std::string>> ClusterStore::find_domain(const std::string& name) const {
  return select_text(database_, kSqlFindDomain, {name});
}

Result<> ClusterStore::save_domain(const std::string& name, const std::string& domain) {
  return save_rows(database_, "cluster_domain_name", {"cluster_name"},
                   {"cluster_name", "domain_name", "last_registered"},
                   {{name, domain, format_time(clock_.now())}});
}

Result<std::int64_t> ClusterStore::expire_domains(std::chrono::minutes age) {
  return database_.execute(kSqlExpireDomains, {format_time(clock_.now() - age)});
}

Result<> ClusterStore::rename(const std::string& from, const std::string& to) {
  if (from == to) return {};
  return database_.transaction([&]() -> Result<> {
    for (const std::string table :
         {"cluster_alias", "cluster_alias_override", "cluster_domain_name"}) {
      const std::string where = " where cluster_name = ?";
      std::optional<std::string> present;
      ORCH_ASSIGN(present,
                  select_text(database_, "select cluster_name from " + table + where, {from}));
      if (!present) continue;
      ORCH_TRY(database_.execute("delete from " + table + where, {to}));
      ORCH_TRY(database_.execute("update " + table + " set cluster_name = ?" + where, {to, from}));
    }
    return {};
  });
}

Result<> ClusterStore::forget(const std::string& name) {
  return database_.transaction([&]() -> Result<> {
    ORCH_TRY(database_.execute("delete from cluster_alias where cluster_name = ?", {name}));
    ORCH_TRY(database_.execute("delete from cluster_domain_name where cluster_name = ?", {name}));
    return {};
  });
}

}  // namespace orch::storage
