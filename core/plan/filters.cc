#include "core/plan/filters.h"

namespace orch {

const Instance* filter_between(const Topology& topology, const InstanceKey& source,
                               const Instance& replica) {
  const Instance* found = replica.replication.has_filters ? &replica : nullptr;
  for (const Instance* above : topology.ancestors_of(replica.key)) {
    if (above->key == source) break;
    if (above->replication.has_filters) found = above;
  }
  return found;
}

std::string filter_text(const Topology& topology, const InstanceKey& source,
                        const Instance& replica) {
  const Instance* filter = filter_between(topology, source, replica);
  if (filter == nullptr) return "";
  const std::string by_way = filter->key == replica.key
                                 ? ""
                                 : "replicates by way of " + to_string(filter->key) + ", which ";
  return by_way + "filters what it replicates, so that rows may be missing";
}

}  // namespace orch
