#include "core/model/instance_order.h"

#include <algorithm>

#include <doctest/doctest.h>

namespace orch {

namespace {

Instance member(const std::string& host, const std::string& cluster, unsigned depth,
                std::size_t replicas) {
  Instance i;
  i.key = {host, 3306};
  i.cluster_name = cluster;
  i.replication_depth = depth;
  i.replicas.resize(replicas);
  return i;
}

template <typename Precedes>
std::string sorted(const Precedes& precedes) {
  std::vector<Instance> all{member("e", "x", 1, 2), member("d", "y", 0, 1), member("c", "x", 0, 1),
                            member("b", "x", 0, 1), member("a", "x", 0, 0)};
  std::sort(all.begin(), all.end(), precedes);
  std::string hosts;
  for (const Instance& i : all)
    hosts += i.key.hostname;
  return hosts;
}

}  // namespace

TEST_SUITE("core/model/instance_order") {
  TEST_CASE("importance is depth, then many replicas, then cluster and key") {
    CHECK(sorted(before_by_importance) == "bcdae");
  }
  TEST_CASE("lists of clusters go by cluster, depth and key") {
    CHECK(sorted(before_by_cluster) == "abced");
  }
  TEST_CASE("the busiest come first") {
    CHECK(sorted(before_by_replicas) == "ebcda");
  }
}

}  // namespace orch
