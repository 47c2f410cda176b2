#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "core/model/instance.h"
#include "core/model/replication_rules.h"

namespace orch {

// Which servers informative commands name. Pure; answers point into the instances given.

using InstanceFilter = std::function<bool(const Instance&)>;
using Chosen = std::vector<const Instance*>;

/// Never promoted: the rule must_not, or `ignored` (PromotionIgnoreHostnameFilters; may be empty).
[[nodiscard]] bool is_banned_from_promotion(const Instance& instance,
                                            const InstanceFilter& ignored);

/// The best candidate among the replicas of `source` (absent: unknown). Best first: larger executed
/// coordinates (numeric: DISC-10), logs updates, lower major version, smaller binlog format, data
/// center of the source, no errant GTIDs, promotion rule, key; the first that is fit, and not above
/// the replicas' most frequent version and format, counts. Nothing when none is.
[[nodiscard]] const Instance* candidate_replica(const Instance* source,
                                                std::span<const Instance> replicas,
                                                const InstanceFilter& ignored);

/// Those whose lag tells how much load a cluster bears: per data center two at depth 1, for each of
/// these two of its replicas, and per data center two at depth 3. `ignored`:
/// OSCIgnoreHostnameFilters; may be empty.
[[nodiscard]] Chosen osc_replicas(std::span<const Instance> cluster, const InstanceFilter& ignored);

/// Replicas that can serve row images: ROW, logging updates, valid; fewest replicas first.
[[nodiscard]] Chosen gh_ost_replicas(std::span<const Instance> cluster);

/// The largest lag among the OSC replicas, unknown lag as 0; nothing when there are none.
[[nodiscard]] std::optional<std::chrono::seconds> heuristic_lag(std::span<const Instance> cluster,
                                                                const InstanceFilter& ignored);

/// The master of one cluster: of those at depth 0 and the co-masters the writable first, then the
/// least deep, then by key. Nothing when there is none.
[[nodiscard]] const Instance* cluster_master(std::span<const Instance> cluster);

/// Per cluster, by its name, the first writable one at depth 0 or co-master.
[[nodiscard]] Chosen writable_cluster_masters(std::span<const Instance> instances);

/// What operators chose about promotions.
struct PromotionLimits {
  bool prevent_cross_data_center{false};  ///< PreventCrossDataCenterMasterFailover
  bool prevent_cross_region{false};       ///< PreventCrossRegionMasterFailover
  InstanceFilter ignored{};               ///< PromotionIgnoreHostnameFilters
  ReplicationRules rules{};
};

/// The server that should finally be the master after `promoted` took the place of `failed`
/// (absent: unknown): a member with a better rule and site, or `promoted` itself.
[[nodiscard]] const Instance& promoted_replacement(std::span<const Instance> cluster,
                                                   const Instance& promoted, const Instance* failed,
                                                   const PromotionLimits& limits);

}  // namespace orch
