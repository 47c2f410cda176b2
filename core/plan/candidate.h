#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/model/topology.h"
#include "core/plan/policy.h"
#include "core/plan/position.h"

namespace orch {

/// A server and what speaks for or against it.
struct Verdict {
  InstanceKey key{};
  bool fit{false};
  std::string because{};  ///< "has received the most", "promotion rule must_not", ...
};

/// Who may be promoted.
struct Choice {
  std::optional<InstanceKey> winner{};
  std::vector<Verdict> ranked{};  ///< everybody looked at: the fit ones first, best first
};

/// Ranks those who may take the place of `failed`: its replicas, servers that follow nobody (a
/// promotion that was interrupted), and replicas of replicas that may not be promoted. Best first
/// by what each has received, then executed; then not delayed, promotion rule, logs updates, lower
/// version, smaller binlog format, site of the failed one, no errant GTIDs, key (REC-17, REC-18).
[[nodiscard]] Choice choose_candidate(const Topology& topology, const InstanceKey& failed,
                                      const Policy& policy,
                                      const std::vector<Verdict>& ruled_out = {});

/// As choose_candidate, for the server that the operator named; fit or the reason why not.
[[nodiscard]] Verdict judge_designated(const Topology& topology, const InstanceKey& failed,
                                       const InstanceKey& designated, const Policy& policy);

/// What the failed server is known to have had and `winner` lacks: "nothing",
/// "3 transactions (...)", or "unknown: ...".
[[nodiscard]] std::string lost_with(const Topology& topology, const InstanceKey& failed,
                                    const InstanceKey& winner);

/// Whether the server promotion-wise belongs where operators allow it; "" or the contract's text.
[[nodiscard]] std::string site_objection(const Instance& failed, const Instance& instance,
                                         const Policy& policy);
/// Rule must_not, or PromotionIgnoreHostnameFilters.
[[nodiscard]] bool is_banned(const Instance& instance, const Policy& policy);

/// What a replica wrote by itself: executed under its own name and held by nobody else. "" = none.
[[nodiscard]] std::string errant_transactions(const Topology& topology, const Instance& instance);

}  // namespace orch
