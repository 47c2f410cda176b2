#include "ha/kv.h"

#include "core/base/name_lookup.h"

namespace orch::ha {

namespace {

constexpr std::chrono::seconds kLookUp{2};

}  // namespace

Result<> check_kv_stores(const KvSettings& settings) {
  if (settings.consul_address.empty() && settings.zk_address.empty()) return {};
  return fail(ErrorKind::InvalidInput,
              "this version writes to the internal key-value store only: unset ConsulAddress and "
              "ZkAddress, or use another tool to feed them");
}

std::vector<KvPair> master_pairs(const KvSettings& settings, const std::string& alias,
                                 const InstanceKey& master) {
  if (alias.empty()) return {};
  std::string ipv4;
  std::string ipv6;
  const Result<NameLookup> lookup =
      look_up_name(master.hostname, std::chrono::steady_clock::now() + kLookUp);
  // A name that does not resolve has empty addresses, as the contract says.
  for (const std::string& address : lookup ? lookup->addresses : std::vector<std::string>()) {
    (is_ipv4(address) ? ipv4 : ipv6) = address;
  }
  const std::string base = settings.kv_cluster_master_prefix + alias;
  return {{base, to_string(master)},
          {base + "/hostname", master.hostname},
          {base + "/port", std::to_string(master.port)},
          {base + "/ipv4", ipv4},
          {base + "/ipv6", ipv6}};
}

Result<> publish(storage::KvStore store, const std::vector<KvPair>& pairs) {
  for (const KvPair& pair : pairs)
    ORCH_TRY(store.save(pair.key, pair.value));
  return {};
}

}  // namespace orch::ha
