// Steady-state probes of one server: round trips, our own CPU time and the wall time of each.
// probe_bench HOST PORT USER PASSWORD [PROBES]

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/mysql/connection.h"
#include "core/probe/prober.h"

namespace {

using std::chrono::microseconds;
using std::chrono::steady_clock;

microseconds cpu_time() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + microseconds(time.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

int run(orch::Prober& prober, const orch::InstanceKey& key, int probes) {
  std::vector<microseconds> walls;
  int round_trips = 0;
  const microseconds cpu_before = cpu_time();
  for (int i = 0; i < probes; ++i) {
    const auto start = steady_clock::now();
    const orch::Observation seen = prober.probe(key, prober.deadline());
    walls.push_back(std::chrono::duration_cast<microseconds>(steady_clock::now() - start));
    round_trips += seen.round_trips;
    if (!seen.found()) {
      fmt::print(stderr, "probe_bench: {}\n", seen.error ? seen.error->message : "not found");
      return 1;
    }
  }
  const microseconds cpu = (cpu_time() - cpu_before) / probes;
  std::ranges::sort(walls);
  fmt::print(
      "probe of {}: {:.2f} round trips, {} us of our CPU, wall p50 {} us, p99 {} us ({} probes)\n",
      to_string(key), static_cast<double>(round_trips) / probes, cpu.count(),
      walls[walls.size() / 2].count(), walls[walls.size() * 99 / 100].count(), probes);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    fmt::print(stderr, "usage: probe_bench HOST PORT USER PASSWORD [PROBES]\n");
    return 2;
  }
  const orch::MySqlLibrary library;
  orch::ProbeSettings settings;
  settings.connection.mysql_topology_user = argv[3];
  settings.connection.mysql_topology_password = orch::Secret(argv[4]);
  settings.discovery.mysql_hostname_resolve_method = "none";
  auto prober = orch::Prober::create(std::move(settings));
  const auto key = orch::parse_instance_key(fmt::format("{}:{}", argv[1], argv[2]), 3306);
  const auto probes = argc > 5 ? orch::parse_int(argv[5]) : 2000;
  if (!prober || !key || !probes || *probes < 1 || *probes > 1'000'000) {
    fmt::print(stderr, "probe_bench: wrong arguments\n");
    return 2;
  }
  // The first probe logs in and learns.
  static_cast<void>(prober->probe(*key, prober->deadline()));
  return run(*prober, *key, static_cast<int>(*probes));
}
