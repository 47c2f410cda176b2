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
/// In front of them all, where there is one, whom operators prefer: see preference().
[[nodiscard]] Choice choose_candidate(const Topology& topology, const InstanceKey& failed,
                                      const Policy& policy,
                                      const std::vector<Verdict>& ruled_out = {});

/// As choose_candidate, for the server that the operator named; fit or the reason why not.
[[nodiscard]] Verdict judge_designated(const Topology& topology, const InstanceKey& failed,
                                       const InstanceKey& designated, const Policy& policy);

/// Whether a MariaDB server holds something to apply, and one place in its relay logs where to go
/// on. With several domains there may be no such place: parallel appliers may have stopped at a
/// different one in each.
[[nodiscard]] bool has_place_in_relay_logs(const Instance& instance);
/// Whether a MariaDB server that follows by GTID and has stopped receiving can apply what its delay
/// holds back, or what it was stopped with: the link is changed without GTID, which keeps the relay
/// logs, and the applier goes on at that place.
[[nodiscard]] bool can_undelay(const Instance& instance);

/// What the replica holds and can still apply: what it received, but on MariaDB with GTID only
/// what it has executed when neither thread runs, as starting either discards its relay logs; see
/// can_undelay() for whom not.
[[nodiscard]] Position usable_position(const Instance& instance);

/// Whether the server promotion-wise belongs where operators allow it; "" or the contract's text.
[[nodiscard]] std::string site_objection(const Instance& failed, const Instance& instance,
                                         const Policy& policy);
/// Rule must_not, or PromotionIgnoreHostnameFilters.
[[nodiscard]] bool is_banned(const Instance& instance, const Policy& policy);

/// What a replica wrote by itself: executed under its own name, and held by nobody but servers
/// below it. "" = none.
[[nodiscard]] std::string errant_transactions(const Topology& topology, const Instance& instance);

/// MariaDB's positions tell only the last transaction of all writers: once the source is further,
/// the binary log alone shows that a replica wrote. What this one wrote, and the log of nobody
/// but itself and those below it has; "" = nothing, or nobody tells. Also what it wrote as a master
/// before the others were set up.
[[nodiscard]] std::string unknown_writes(const Topology& topology, const Instance& instance);

}  // namespace orch
