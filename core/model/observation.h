#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/model/instance.h"

namespace orch {

/// One name and what it resolved to.
struct ResolvedName {
  std::string hostname{};
  std::string resolved{};
};

/// How a probe of one server ended.
enum class ProbeOutcome {
  Clean,    ///< all that matters was answered; refused optional statements: see `soft_errors`
  Soft,     ///< the server was read, but a secondary statement failed: see `soft_errors`
  Partial,  ///< logged in and read the basics, then failed
  Failed,   ///< nothing was read
  Skipped,  ///< a filter on the replication user says: leave it alone, record no check
};

/// What queries of the user's own were to tell, and did not: refused, or not answered in time.
struct Untold {
  bool alias{false};
  bool data_center{false};
  bool region{false};
  bool physical_environment{false};
  bool semi_sync_priority{false};
  bool cluster_alias{false};

  bool operator==(const Untold&) const = default;
};

/// Everything that one probe learnt; the caller decides what to keep where. Names of the cluster,
/// depth, ancestry and errant GTIDs come afterwards, from the source's record: see settle().
struct Observation {
  InstanceKey asked{};  ///< the key as the caller gave it
  ProbeOutcome outcome{ProbeOutcome::Failed};
  std::optional<Error> error{};  ///< Partial and Failed: why
  std::vector<Error> soft_errors{};
  Instance instance{};  ///< meaningful when found(): Clean, Soft

  /// Peers that read the binary log and did not register with host and port: the port is a guess,
  /// the peer may be no replica at all. Part of `instance.replicas` once seen to follow this
  /// server: see crawl().
  std::vector<InstanceKey> replica_candidates{};
  /// Left out of both by DiscoveryIgnoreReplicaHostnameFilters.
  std::vector<InstanceKey> ignored_replicas{};

  std::optional<PromotionRule> detected_promotion_rule{};
  std::string detected_cluster_alias{};   ///< "" when not asked or not answered
  std::string detected_cluster_domain{};  ///< likewise
  Untold untold{};
  std::vector<ResolvedName> resolved{};
  std::optional<bool> tls_required{};  ///< found out by trying (mixed TLS)
  int round_trips{0};  ///< packets sent that a reply was awaited for, login excluded

  [[nodiscard]] bool found() const {
    return outcome == ProbeOutcome::Clean || outcome == ProbeOutcome::Soft;
  }
};

/// What was untold stays as the server's record has it.
void keep_untold(Observation& seen, const Instance& record);

}  // namespace orch
