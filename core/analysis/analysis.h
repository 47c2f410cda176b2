#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/analysis/analysis_rules.h"
#include "core/analysis/circumstances.h"
#include "core/analysis/codes.h"
#include "core/analysis/facts.h"
#include "core/model/topology.h"

namespace orch {

/// The cluster of an analysed server.
struct AnalysedCluster {
  std::string name{};
  std::string alias{};                 ///< the name where there is none
  std::string domain{};                ///< likewise
  bool recovers_masters{false};        ///< RecoverMasterClusterFilters
  bool recovers_intermediates{false};  ///< RecoverIntermediateMasterClusterFilters
};

/// What is wrong with one server, how it is known, and what would be done about it.
struct Analysis {
  InstanceKey key{};
  InstanceKey source{};  ///< whom it follows
  AnalysedCluster cluster{};
  Location location{};
  BinlogCoordinates binlog{};
  bool is_cluster_master{false};  ///< the cluster is called after it

  AnalysisCode code{AnalysisCode::NoProblem};
  std::vector<StructureCode> structure{};

  /// The texts in it are empty here; they stand in `gtid`.
  Facts facts{};
  struct {
    std::string mode{};
    std::string min_of_replicas{};
    std::string max_of_replicas{};
    std::string max_errant{};
  } gtid{};
  std::vector<InstanceKey> replicas{};  ///< all of them, by key (ANA-4)
  std::string probe_error{};            ///< why its latest probe went wrong; "" when it did not
  std::optional<TimePoint> last_checked{};

  Downtime downtime{};                         ///< of the server itself
  std::chrono::seconds downtime_remaining{0};  ///< until its end, never negative (ANA-2)
  bool replicas_downtimed{false};  ///< what is wrong concerns replicas that nobody cares for
  bool skippable_due_to_downtime{false};
  std::optional<MaintenanceMark> maintenance{};  ///< (ANA-1)

  std::optional<RecoveryKind> recovery{};  ///< what could be done
  bool actionable{false};                  ///< an automatic run would do it
  std::string why_not{};                   ///< why nothing would be done by itself
  Emergent emergent{Emergent::None};
  bool announced{false};
};

/// Every server that something is to be said about (analysis document): masters first, then those
/// that clusters are called after, then more replicas first, then by key. `topology` holds all
/// replicas of the servers in question; one cluster by itself is a topology, too.
[[nodiscard]] std::vector<Analysis> analyse(const Topology& topology,
                                            const Circumstances& circumstances,
                                            const AnalysisRules& rules, const AnalysisHints& hints,
                                            TimePoint now);

/// The worst of its codes.
[[nodiscard]] Badness badness_of(const Analysis& analysis);
/// "DeadMaster, NoLoggingReplicasStructureWarning": the codes in their order; NoProblem only when
/// there is no other.
[[nodiscard]] std::string codes_text(const Analysis& analysis);
/// What was counted, in words: "3 of 3 replicas answer, none replicates, 3 confirm the loss".
[[nodiscard]] std::string evidence(const Analysis& analysis);
/// The role that hooks are told: co-master, group-member, master, intermediate-master.
[[nodiscard]] std::string_view instance_type(const Analysis& analysis);

}  // namespace orch
