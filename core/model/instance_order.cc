#include "core/model/instance_order.h"

#include <tuple>

namespace orch {

bool before_by_importance(const Instance& a, const Instance& b) {
  if (a.replication_depth != b.replication_depth) return a.replication_depth < b.replication_depth;
  if (a.replicas.size() != b.replicas.size()) return a.replicas.size() > b.replicas.size();
  return std::tie(a.cluster_name, a.key) < std::tie(b.cluster_name, b.key);
}

bool before_by_cluster(const Instance& a, const Instance& b) {
  return std::tie(a.cluster_name, a.replication_depth, a.key) <
         std::tie(b.cluster_name, b.replication_depth, b.key);
}

bool before_by_replicas(const Instance& a, const Instance& b) {
  if (a.replicas.size() != b.replicas.size()) return a.replicas.size() > b.replicas.size();
  return a.key < b.key;
}

}  // namespace orch
