#include "ha/kv.h"

#include <fmt/format.h>

#include "cmd/command/families.h"
#include "cmd/command/names.h"
#include "cmd/command/services.h"
#include "core/json/json.h"
#include "storage/kv_store.h"

namespace orch::cmd {

namespace {

Result<Reply> run_submit_masters(Services& services, const Args& args) {
  const KvSettings& settings = services.config().kv;
  ORCH_TRY(ha::check_kv_stores(settings));
  std::string cluster;
  if (args.legacy || !args.instance.empty() || !args.alias.empty()) {
    ORCH_ASSIGN(cluster, cluster_argument(services, args));
  }
  ORCH_ASSIGN(const std::vector<Instance> masters, services.instances().list_cluster_masters());
  Reply reply;
  Json list = Json::array();
  storage::KvStore store = services.store<storage::KvStore>();
  for (const Instance& master : masters) {
    if (!cluster.empty() && master.cluster_name != cluster) continue;
    ORCH_ASSIGN(const std::string alias, services.clusters().alias_of(master.cluster_name));
    for (const ha::KvPair& pair : ha::master_pairs(settings, alias, master.key)) {
      ORCH_TRY(store.save(pair.key, pair.value));
      reply.lines.push_back(pair.key + ":" + pair.value);
      list.push_back({{"Key", pair.key}, {"Value", pair.value}});
    }
  }
  reply.json = dump(list);
  return reply;
}

}  // namespace

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
