#include "core/model/left_out.h"

#include <algorithm>

#include "core/base/text.h"

namespace orch {

namespace {

constexpr std::size_t kRoom = 128;  // as wide as the backend's column

}  // namespace

bool applies_part(const Instance& replica) {
  return replica.replication.has_filters || (replica.server.skips_errors && is_replica(replica));
}

std::vector<const Instance*> leaving_out(const Topology& topology, const InstanceKey& source,
                                         const Instance& replica) {
  std::vector<const Instance*> found;
  std::vector<InstanceKey> way{replica.key};
  if (applies_part(replica)) found.push_back(&replica);
  for (const Instance* above : topology.ancestors_of(replica.key)) {
    // In a circle, what the last one filters came from somebody on the way.
    const Instance* next = topology.source_of(above->key);
    const bool is_round = next != nullptr && std::ranges::find(way, next->key) != way.end();
    const bool filters = applies_part(*above) && above->key != source && !is_round;
    if (filters || above->server.filters_binlog) found.push_back(above);
    if (above->key == source) break;
    way.push_back(above->key);
  }
  return found;
}

std::string incomplete_by(const Topology& topology, const Instance& replica) {
  std::string text = replica.incomplete;
  std::vector<std::string> told = words(text, ",");
  for (const Instance* one : leaving_out(topology, {}, replica)) {
    const std::string name = to_string(one->key).substr(0, kRoom);
    if (std::ranges::find(told, name) != told.end()) continue;
    if (text.size() + 1 + name.size() > kRoom && !text.empty()) continue;
    text += (text.empty() ? "" : ",") + name;
    told.push_back(name);
  }
  return text;
}

}  // namespace orch
