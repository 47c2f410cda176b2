#include "cmd/command/kv.h"

#include <algorithm>

#include "cmd/command/families.h"
#include "cmd/command/names.h"
#include "core/json/json.h"
#include "ha/quarantine.h"
#include "ha/recovery_work.h"
#include "storage/journal_store.h"
#include "storage/quarantine_store.h"

namespace orch::cmd {

namespace {

/// Clusters whose master is being replaced: their records may name the old one.
Result<std::vector<ha::RecoveryWork>> recoveries_under_way(const Services& services) {
  ORCH_ASSIGN(const std::vector<storage::RecoveryRun> runs,
              services.store<storage::JournalStore>().list_unfinished());
  std::vector<ha::RecoveryWork> works;
  for (const storage::RecoveryRun& run : runs) {
    ORCH_ASSIGN(works.emplace_back(), ha::read_work(run));
  }
  return works;
}

/// Whether it lost its place to one that takes writes: it may take some itself until it is fenced.
Result<bool> is_former(const Services& services, const Instance& master,
                       const std::vector<Instance>& masters) {
  ORCH_ASSIGN(const std::optional<storage::Quarantine> entry,
              services.store<storage::QuarantineStore>().find(master.key));
  if (!entry || !ha::other_server(*entry, master).empty()) return false;
  for (const Instance& other : masters) {
    if (other.key == master.key) continue;
    ORCH_ASSIGN(const std::string alias, services.clusters().alias_of(other.cluster_name));
    if (other.key == entry->successor || alias == entry->cluster_alias) return true;
  }
  return false;
}

/// Of all clusters, or of one.
Result<ha::KvPairs> pairs_of_masters(const Services& services, const std::string& cluster) {
  ORCH_ASSIGN(const std::vector<ha::RecoveryWork> busy, recoveries_under_way(services));
  ORCH_ASSIGN(const std::vector<Instance> masters, services.instances().list_cluster_masters());
  ha::KvPairs all;
  for (const Instance& master : masters) {
    if (!cluster.empty() && master.cluster_name != cluster) continue;
    ORCH_ASSIGN(const std::string alias, services.clusters().alias_of(master.cluster_name));
    const bool in_recovery = std::ranges::any_of(busy, [&](const ha::RecoveryWork& work) {
      return work.cluster == master.cluster_name || work.cluster_alias == alias;
    });
    if (in_recovery) continue;
    ORCH_ASSIGN(const bool former, is_former(services, master, masters));
    if (former) continue;
    const ha::KvPairs pairs = ha::master_pairs(
        services.config().kv, services.store<storage::HostnameStore>(), alias, master.key);
    all.insert(all.end(), pairs.begin(), pairs.end());
  }
  return all;
}

Result<Reply> run_submit_masters(Services& services, const Args& args) {
  std::string cluster;
  if (args.legacy || !args.instance.empty() || !args.alias.empty()) {
    ORCH_ASSIGN(cluster, cluster_to_change(services, args));
  }
  ha::KvPairs pairs;
  const auto read = [&]() -> Result<ha::KvPairs> {
    ORCH_ASSIGN(pairs, pairs_of_masters(services, cluster));
    return pairs;
  };
  ORCH_TRY(services.kv().submit(services.store<storage::KvStore>(), read, true));
  Reply reply;
  Json list = Json::array();
  for (const ha::KvPair& pair : pairs) {
    reply.lines.push_back(pair.key + ":" + pair.value);
    list.push_back({{"Key", pair.key}, {"Value", pair.value}});
  }
  reply.json = dump(list);
  return reply;
}

}  // namespace

Result<> refresh_kv_stores(const Services& services) {
  return services.kv().submit(
      services.store<storage::KvStore>(), [&] { return pairs_of_masters(services, ""); }, false);
}

std::vector<Command> kv_commands() {
  return {
      {.name = "submit-masters-to-kv-stores",
       .section = "Key-value",
       .help = "Write the masters of one or all clusters to the key-value store",
       .example = "shop",
       .words = {Word::Cluster},
       .access = Access::Write,
       .run = run_submit_masters},
  };
}

}  // namespace orch::cmd
