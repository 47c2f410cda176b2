#include <fmt/format.h>

#include "cmd/command/families.h"
#include "cmd/command/names.h"
#include "cmd/command/services.h"
#include "core/base/name_lookup.h"
#include "core/json/json.h"
#include "core/model/instance_key.h"
#include "storage/kv_store.h"

namespace orch::cmd {

namespace {

struct KvPair {
  std::string key{};
  std::string value{};
};

/// The five pairs of one master, in the contract's order (key-value document, 2).
std::vector<KvPair> pairs_of(const std::string& prefix, const std::string& alias,
                             const InstanceKey& master) {
  std::string ipv4;
  std::string ipv6;
  const Result<NameLookup> lookup =
      look_up_name(master.hostname, std::chrono::steady_clock::now() + std::chrono::seconds(2));
  // A name that does not resolve has empty addresses, as the contract says.
  for (const std::string& address : lookup ? lookup->addresses : std::vector<std::string>()) {
    (is_ipv4(address) ? ipv4 : ipv6) = address;
  }
  const std::string base = prefix + alias;
  return {{base, to_string(master)},
          {base + "/hostname", master.hostname},
          {base + "/port", std::to_string(master.port)},
          {base + "/ipv4", ipv4},
          {base + "/ipv6", ipv6}};
}

Result<Reply> run_submit_masters(Services& services, const Args& args) {
  const KvSettings& settings = services.config().kv;
  if (!settings.consul_address.empty() || !settings.zk_address.empty()) {
    return fail(ErrorKind::InvalidInput,
                "this version writes to the internal key-value store only: unset ConsulAddress and "
                "ZkAddress, or use another tool to feed them");
  }
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
    for (const KvPair& pair : pairs_of(settings.kv_cluster_master_prefix, alias, master.key)) {
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
