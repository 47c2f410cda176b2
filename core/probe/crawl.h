#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/pattern.h"
#include "core/model/instance_key.h"
#include "core/model/observation.h"
#include "core/model/topology.h"
#include "core/probe/cluster_name.h"

namespace orch {

/// Prober::probe, or a test's stand-in. Thread-safe.
using ProbeFunction = std::function<Observation(const InstanceKey& key, SteadyPoint deadline)>;

struct CrawlSettings {
  std::size_t width{32};                            ///< probes at once
  std::chrono::milliseconds probe_timeout{12'000};  ///< bound on each
  HostFilter ignore_hosts{};     ///< DiscoveryIgnoreHostnameFilters: never probed
  HostFilter ignore_replicas{};  ///< DiscoveryIgnoreReplicaHostnameFilters
  HostFilter ignore_sources{};   ///< DiscoveryIgnoreMasterHostnameFilters
  /// Who was known to follow a server, which may be dead now, or not name a replica that is; may be
  /// empty. Called by one thread at a time.
  std::function<std::vector<InstanceKey>(const InstanceKey& source)> known_replicas{};
};

/// A key that was named and is none of the topology's, or must be left alone.
struct SkippedKey {
  InstanceKey key{};
  std::string because{};
};

/// A server of the topology that could not be read.
struct UnreachedKey {
  InstanceKey key{};
  Error error{};
};

struct CrawlProgress {
  std::size_t found{0};
  std::size_t unreachable{0};
  std::size_t under_way{0};  ///< known and not answered yet
};

/// What became of a whole topology; each list by key.
struct CrawlResult {
  std::vector<Observation> found{};
  std::vector<SkippedKey> skipped{};
  std::vector<UnreachedKey> unreachable{};
  /// "db3:3306 and db4:3306 have the same server_id 7", ...
  std::vector<std::string> warnings{};
};

/// Reads the whole topology around the seeds in parallel: sources, replicas and group members of
/// what was found, each server once, whatever names it has. `on_progress` (may be empty) is called
/// one call at a time, from any thread.
CrawlResult crawl(const ProbeFunction& probe, const std::vector<InstanceKey>& seeds,
                  const CrawlSettings& settings,
                  const std::function<void(const CrawlProgress&)>& on_progress = {});

/// "a:1 and b:1 have the same server_id 7: ..." for each pair of the same uuid or id; binlog
/// servers have their source's on purpose.
std::vector<std::string> twins(const std::vector<const Instance*>& found);

/// "a:1 follows b:1 follows c:1 follows a:1: ...", for every circle but those of two co-masters.
std::vector<std::string> circle_warnings(const Topology& topology);

/// settle() for everything found, sources before replicas. `stored` (may be empty) answers for
/// sources that were not found.
void settle_all(CrawlResult& result, const SettleRules& rules,
                const std::function<std::optional<Instance>(const InstanceKey&)>& stored = {});

}  // namespace orch
