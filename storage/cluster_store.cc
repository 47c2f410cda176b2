#include "storage/cluster_store.h"

#include <algorithm>
#include <map>
#include <span>

#include "core/json/instance_list.h"
#include "core/model/instance_key.h"
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
    select i.cluster_name, i.suggested_cluster_alias, i.hostname, i.port,
           case when d.hostname is null then 0 else 1 end,
           coalesce(i.last_checked <= i.last_seen, 0), i.read_only, i.slave_hosts
      from database_instance i
      left join database_instance_downtime d
        on d.hostname = i.hostname and d.port = i.port
       and d.downtime_active = 1 and d.reason = 'lost-in-recovery' and d.end_timestamp > ?
     where i.cluster_name <> ''
     order by coalesce(i.last_checked <= i.last_seen, 0), i.read_only desc, i.num_slave_hosts,
              i.hostname desc, i.port desc)";
constexpr std::string_view kSqlListAliases = "select alias, cluster_name from cluster_alias";
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

/// A cluster, as far as its servers tell an alias.
struct Claimant {
  std::string alias{};  ///< by its best source; "" when no server tells one
  int rank{0};          ///< of that source among all: the best is last
  int servers{0};       ///< without those that a recovery left behind
  bool top_is_lost{false};
  bool takes_writes{false};             ///< its top answers, and is writable
  bool replica_answers{false};          ///< at least one below its top
  std::vector<InstanceKey> replicas{};  ///< of its top, as that one itself told

  /// A server that was taken out, or was left behind, is no rival of a cluster.
  [[nodiscard]] bool alone() const { return servers < 2 || top_is_lost; }
};

using Claimants = std::map<std::string, Claimant>;  ///< by the cluster's name

bool has_replica(const Claimant& cluster, const std::string& server) {
  return std::any_of(cluster.replicas.begin(), cluster.replicas.end(),
                     [&](const InstanceKey& replica) { return to_string(replica) == server; });
}

/// Claims of one alias, put into order. Who holds it keeps it: that its master is dead makes it
/// nobody else's, but a replica's that somebody promoted by hand when nothing else was left.
void put_in_order(std::span<AliasClaim> claims, const Claimants& clusters,
                  const std::string& holder) {
  std::sort(claims.begin(), claims.end(), [&](const AliasClaim& a, const AliasClaim& b) {
    return a.alone != b.alone ? b.alone : clusters.at(a.cluster).rank > clusters.at(b.cluster).rank;
  });
  const auto held = clusters.find(holder);
  if (held == clusters.end()) return;
  auto first = std::find_if(claims.begin(), claims.end(),
                            [&](const AliasClaim& claim) { return claim.cluster == holder; });
  const Claimant& was = held->second;
  const bool is_over = was.top_is_lost || (!was.takes_writes && !was.replica_answers);
  const auto heir = std::find_if(claims.begin(), claims.end(), [&](const AliasClaim& claim) {
    return is_over && clusters.at(claim.cluster).takes_writes && has_replica(was, claim.cluster);
  });
  if (heir != claims.end()) first = heir;
  if (first != claims.end()) std::rotate(claims.begin(), first, first + 1);
}

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

Result<std::vector<AliasClaim>> ClusterStore::list_claims() const {
  Claimants clusters;
  int rank = 0;
  ORCH_TRY(database_.select(kSqlListSuggested, {format_time(clock_.now())}, [&](const Row& row) {
    Claimant& cluster = clusters[row.text(0)];
    const InstanceKey key{row.text(2), static_cast<std::uint16_t>(row.integer(3))};
    const bool lost = row.boolean(4);
    const bool answers = row.boolean(5);
    ++rank;
    if (to_string(key) == row.view(0)) {
      cluster.top_is_lost = lost;
      cluster.takes_writes = answers && !row.boolean(6);
      cluster.replicas = parse_instance_list(row.view(7));
    } else {
      cluster.replica_answers = cluster.replica_answers || answers;
    }
    if (lost) return;
    ++cluster.servers;
    if (row.view(1).empty()) return;
    cluster.alias = row.text(1);
    cluster.rank = rank;
  }));
  std::map<std::string, std::string> holders;
  ORCH_TRY(database_.select(kSqlListAliases, {},
                            [&](const Row& row) { holders[row.text(0)] = row.text(1); }));
  std::map<std::string, std::vector<AliasClaim>> by_alias;
  for (const auto& [name, cluster] : clusters) {
    if (!cluster.alias.empty())
      by_alias[cluster.alias].push_back({cluster.alias, name, cluster.alone()});
  }
  std::vector<AliasClaim> claims;
  for (auto& [alias, group] : by_alias) {
    put_in_order(group, clusters, holders[alias]);
    const std::string& first = group.front().cluster;
    for (AliasClaim& claim : group) {
      claim.kin = has_replica(clusters.at(first), claim.cluster) ||
                  has_replica(clusters.at(claim.cluster), first);
    }
    claims.insert(claims.end(), group.begin(), group.end());
  }
  return claims;
}

Result<std::vector<std::string>> ClusterStore::find_rivals(const std::string& alias) const {
  ORCH_ASSIGN(std::vector<AliasClaim> claims, list_claims());
  std::erase_if(claims, [&](const AliasClaim& claim) { return claim.alias != alias || claim.kin; });
  if (!claims.empty() && !claims.front().alone)
    std::erase_if(claims, [](const AliasClaim& claim) { return claim.alone; });
  std::vector<std::string> names;
  if (claims.size() < 2) return names;
  for (AliasClaim& claim : claims)
    names.push_back(std::move(claim.cluster));
  return names;
}

Result<> ClusterStore::rebuild_aliases() {
  return database_.transaction([&]() -> Result<> {
    ORCH_ASSIGN(const std::vector<AliasClaim> claims, list_claims());
    std::map<std::string, std::string> cluster_of;
    for (const AliasClaim& claim : claims)
      cluster_of.emplace(claim.alias, claim.cluster);  // the first of several
    ORCH_TRY(database_.select(kSqlListWithoutAlias, {},
                              [&](const Row& row) { cluster_of[row.text(0)] = row.text(0); }));
    for (const auto& [alias, cluster] : cluster_of)
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
