#include "core/plan/binlog_family.h"

#include <algorithm>

namespace orch {

bool is_binlog_server(const Topology& topology, const InstanceKey& key) {
  const Instance* instance = topology.find(key);
  return instance != nullptr && instance->server.binlog_server;
}

InstanceKey owner_of_log(const Topology& topology, const InstanceKey& server) {
  InstanceKey owner = server;
  // Bounded: they may follow each other in a circle.
  for (std::size_t i = 0; i < topology.instances().size(); ++i) {
    const Instance* instance = topology.find(owner);
    if (instance == nullptr || !instance->server.binlog_server) return owner;
    owner = instance->replication.source;
  }
  return owner;
}

bool hand_out_one_log(const Topology& topology, const InstanceKey& source,
                      const InstanceKey& other) {
  if (!is_binlog_server(topology, source) && !is_binlog_server(topology, other)) return false;
  return owner_of_log(topology, source) == owner_of_log(topology, other);
}

const BinlogCoordinates& handed_out_up_to(const Instance& server) {
  return server.server.binlog_server ? server.replication.exec : server.server.binlog;
}

std::vector<const Instance*> with_those_below_binlog_servers(
    const Topology& topology, std::vector<const Instance*> replicas) {
  for (std::size_t i = 0; i < replicas.size(); ++i) {
    if (!replicas[i]->server.binlog_server) continue;
    for (const Instance* below : topology.replicas_of(replicas[i]->key)) {
      if (std::find(replicas.begin(), replicas.end(), below) == replicas.end()) {
        replicas.push_back(below);
      }
    }
  }
  return replicas;
}

}  // namespace orch
