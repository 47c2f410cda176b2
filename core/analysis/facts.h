#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/analysis/analysis_rules.h"
#include "core/analysis/circumstances.h"
#include "core/model/instance.h"

namespace orch {

/// How many replicas of a server ... "Valid" is: its latest check went well, and not too long ago.
struct ReplicaCounts {
  int all{0};
  int valid{0};
  int replicating{0};         ///< valid, both threads run
  int failing_to_connect{0};  ///< valid, and its receiver says that it cannot connect
  /// Valid, and its receiver says so or keeps trying: it confirms that the server is gone (ANA-7).
  int confirming{0};
  /// Valid, and its receiver runs. It may take slave_net_timeout to notice a loss (ANA-8).
  int receiving{0};
  /// Valid; its receiver runs, and has heard nothing for longer than the heartbeat period. Where
  /// the server cannot be reached either, such a replica neither receives nor replicates.
  int deaf{0};
  int lagging{0};        ///< valid: old values say nothing (ANA-9)
  int delayed{0};        ///< on purpose; valid or not
  int valid_delayed{0};  ///< on purpose, and valid
  int downtimed{0};
  int stale{0};  ///< its record is too old to judge (ANA-3)
  int semi_sync_enabled{0};
  int logging{0};  ///< log_bin and log_slave_updates; the next four among these
  int logging_statements{0};
  int logging_mixed{0};
  int logging_rows{0};
  int logging_major_versions{0};
};

/// Everything that rules look at, about one server; counted once.
struct Facts {
  // roles
  bool master{false};
  bool co_master{false};
  bool group_member{false};
  bool binlog_server{false};
  bool configured_replica{false};

  // how it was seen
  bool checked{false};  ///< it was checked at least once, and seen
  bool reachable{false};
  bool partly_reachable{false};
  bool too_old{false};  ///< its own record is too old to judge

  // itself
  bool read_only{false};
  bool failing_to_connect{false};
  bool replicating{false};
  bool lagging{false};
  unsigned depth{0};

  // semi-sync as a source
  bool semi_sync_enabled{false};
  bool semi_sync_on{false};
  unsigned semi_sync_wanted{0};   ///< how many must acknowledge
  unsigned semi_sync_clients{0};  ///< how many can
  bool stands_still{false};       ///< its binary log has not moved for long
  /// How many sessions wait for an acknowledgement, where that is known (ANA-12).
  std::optional<unsigned> semi_sync_waiting{};

  // those who follow it
  ReplicaCounts replicas{};
  bool oracle_gtid_below{false};  ///< all valid replicas; likewise the next two
  bool mariadb_gtid_below{false};
  bool binlog_servers_below{false};
  bool pseudo_gtid{false};
  std::string_view gtid_mode{};      ///< these four point into the records
  std::string_view min_gtid_mode{};  ///< among the replicas, as texts
  std::string_view max_gtid_mode{};
  std::string_view max_errant{};  ///< among the replicas that are not downtimed

  // its replication group
  int group_size{0};
  int group_online{0};

  // what operators want
  bool wants_exact_semi_sync{false};
  bool wants_writable_master{false};
  bool judges_replicas{false};
  bool judges_sickness{false};
};

/// Who replicates from whom, by the replicas' own word. Points into the instances given.
class Census {
 public:
  /// `instances`: ordered by key, as a Topology has them.
  Census(std::span<const Instance> instances, const Circumstances& circumstances);

  [[nodiscard]] std::span<const Instance> instances() const { return instances_; }
  [[nodiscard]] const Instance* find(const InstanceKey& key) const;
  /// The places, in `instances()`, of those who replicate from the one at `place`.
  [[nodiscard]] std::span<const std::uint32_t> replicas_of(std::size_t place) const {
    return {members_.data() + first_[place], members_.data() + first_[place + 1]};
  }

 private:
  std::span<const Instance> instances_;
  std::vector<std::uint32_t> first_;    ///< per instance, where its replicas begin in members_
  std::vector<std::uint32_t> members_;  ///< grouped by source
};

/// Whether nothing can be wrong with the server at `place` but what its source tells
/// (ReduceReplicationAnalysisCount): a healthy leaf, or a server that was never seen. Quicker than
/// its facts.
[[nodiscard]] bool may_be_left_out(const Census& census, std::size_t place,
                                   const AnalysisRules& rules);

/// Whether commits of the server wait, or may wait, in vain: its binlog coordinates must be
/// watched, to tell an idle or a busy master from a locked one (ANA-11: also while it is locked).
[[nodiscard]] bool needs_coordinates_watched(const Instance& instance,
                                             const Circumstances& circumstances);

/// The facts about the server at `place`. `now` is compared with the times of checks.
[[nodiscard]] Facts facts_of(const Census& census, std::size_t place,
                             const Circumstances& circumstances, const AnalysisRules& rules,
                             TimePoint now);

}  // namespace orch
