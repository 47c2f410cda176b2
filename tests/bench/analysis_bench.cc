// Prints how long the analysis of many clusters takes, and that of one of them.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "core/analysis/analysis.h"

namespace orch {

namespace {

constexpr int kClusters = 1000;
constexpr int kServers = 10;

/// A master, two servers in the middle, and the rest below these and the master. In every tenth
/// cluster the master is dead.
std::vector<Instance> cluster(int number, TimePoint now) {
  std::vector<Instance> instances;
  const auto key = [number](int server) {
    return InstanceKey{
        "db-" + std::to_string(server) + ".cluster-" + std::to_string(number) + ".example.com",
        3306};
  };
  const bool dead = number % 10 == 0;
  for (int i = 0; i < kServers; ++i) {
    Instance instance;
    instance.key = key(i);
    instance.cluster_name = to_string(key(0));
    instance.server.version = "8.0.36";
    instance.server.log_bin = instance.server.log_replica_updates = true;
    instance.server.binlog_format = "ROW";
    instance.gtid.mode = "ON";
    Freshness& freshness = instance.freshness;
    freshness.last_checked = freshness.last_seen = freshness.last_attempted_check = now;
    if (i > 0) {
      const int source = i < 5 ? 0 : 1 + i % 2;
      instance.replication_depth = i < 5 ? 1 : 2;
      instance.replication.configured = true;
      instance.replication.source = key(source);
      instance.replication.sql_running = true;
      instance.replication.io_running = !dead || i >= 5;
      if (dead && i < 5)
        instance.replication.last_io_error = "error reconnecting to master 'repl@db:3306'";
      instance.gtid.uses_oracle = true;
    } else if (dead) {
      freshness.last_seen = now - std::chrono::seconds(30);
    }
    instances.push_back(std::move(instance));
  }
  return instances;
}

double milliseconds_of(const Topology& topology, TimePoint now, std::size_t& found) {
  const auto start = std::chrono::steady_clock::now();
  found = analyse(topology, {}, {}, {}, now).size();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

void print_figure(const char* what, const Topology& topology, TimePoint now, int runs) {
  std::vector<double> times;
  std::size_t found = 0;
  for (int i = 0; i < runs; ++i)
    times.push_back(milliseconds_of(topology, now, found));
  std::sort(times.begin(), times.end());
  std::printf("%s: min %.3f ms, median %.3f ms; %zu problems\n", what, times.front(),
              times[times.size() / 2], found);
}

}  // namespace

}  // namespace orch

int main() {
  using namespace orch;  // NOLINT(google-build-using-namespace)
  const TimePoint now{std::chrono::seconds(1'769'854'830)};
  std::vector<Instance> all;
  for (int i = 0; i < kClusters; ++i) {
    for (Instance& instance : cluster(i, now))
      all.push_back(std::move(instance));
  }
  print_figure("10,000 instances in 1,000 clusters", Topology(std::move(all)), now, 50);
  print_figure("one cluster of 10, its master dead", Topology(cluster(0, now)), now, 1000);
  print_figure("one cluster of 10, all well", Topology(cluster(1, now)), now, 1000);
  return 0;
}
