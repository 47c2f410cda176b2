#include "core/align/entry_masters.h"

#include <algorithm>
#include <map>
#include <string>

namespace orch {

namespace {

bool takes_entries(const Instance& instance) {
  const bool top = !is_replica(instance) || instance.is_co_master;
  return top && is_valid_and_recent(instance) && !instance.server.read_only &&
         instance.server.log_bin && !instance.server.binlog_server &&
         !(is_group_member(instance) && instance.group.single_primary);
}

/// Whether nobody there would ever be moved by coordinates.
bool uses_gtid_throughout(const std::vector<const Instance*>& members, const Instance& master) {
  bool any = false;
  for (const Instance* member : members) {
    if (!is_replica(*member)) continue;
    if (!uses_gtid(*member)) return false;
    any = true;
  }
  return any || master.gtid.supports_oracle;
}

}  // namespace

std::vector<const Instance*> entry_masters(std::span<const Instance> all) {
  std::map<std::string, std::vector<const Instance*>> clusters;
  for (const Instance& instance : all)
    clusters[instance.cluster_name].push_back(&instance);
  std::vector<const Instance*> masters;
  for (const auto& [name, members] : clusters) {
    const Instance* master = nullptr;
    for (const Instance* member : members) {
      const bool first = master == nullptr || member->key < master->key;
      if (first && takes_entries(*member)) master = member;
    }
    if (name.empty() || master == nullptr || uses_gtid_throughout(members, *master)) continue;
    masters.push_back(master);
  }
  return masters;
}

}  // namespace orch
