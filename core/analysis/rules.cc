#include "core/analysis/rules.h"

namespace orch {

namespace {

using enum AnalysisCode;

// What several rules ask.

bool some_replicas(const Facts& f) {
  return f.replicas.all > 0;
}
bool none_replicates(const Facts& f) {
  return f.replicas.replicating == 0;
}
bool all_answer(const Facts& f) {
  return f.replicas.valid == f.replicas.all;
}
bool none_answers(const Facts& f) {
  return f.replicas.valid == 0;
}
bool some_answer(const Facts& f) {
  return f.replicas.valid > 0 && f.replicas.valid < f.replicas.all;
}
bool alive_for_replicas(const Facts& f) {
  return f.replicas.valid > 0 && f.replicas.replicating > 0;
}
/// Old values of replicas that cannot be reached say nothing (ANA-9).
bool all_lag(const Facts& f) {
  return alive_for_replicas(f) && f.replicas.lagging == f.replicas.valid &&
         f.replicas.valid_delayed < f.replicas.valid;
}
/// A server that could be read in part is called unreachable only when a replica complains too.
bool missed(const Facts& f) {
  return alive_for_replicas(f) && (!f.partly_reachable || f.replicas.failing_to_connect > 0);
}

bool semi_sync_waits(const Facts& f) {
  return f.semi_sync_enabled && f.semi_sync_on && f.semi_sync_wanted > 0;
}
bool lacks_semi_sync(const Facts& f) {
  return semi_sync_waits(f) && f.semi_sync_clients < f.semi_sync_wanted;
}
/// An idle master's position does not move either: where it is known that nobody waits, nothing is
/// locked (ANA-12).
bool commits_hang(const Facts& f) {
  return f.stands_still && f.semi_sync_waiting.value_or(1) > 0;
}
/// What a replica has received before it acknowledges anything it never acknowledges: it has been
/// switched on, and who waits for that goes on waiting.
bool wait_in_vain(const Facts& f) {
  return f.judges_sickness && semi_sync_waits(f) && f.stands_still &&
         f.semi_sync_waiting.value_or(0) > 0;
}

// Keep the specific above the general: the first rule that holds names the problem.

constexpr Rule kTooOldRules[] = {
    {RecordsTooOld,
     [](const Facts& f) {
       return f.too_old;
     }},
    {RecordsTooOld,
     [](const Facts& f) {
       return 2 * f.replicas.stale > f.replicas.all;
     }},
};

constexpr Rule kGroupRules[] = {
    {DeadReplicationGroupMemberWithReplicas,
     [](const Facts& f) {
       return !f.reachable && some_replicas(f) && none_replicates(f);
     }},
    {UnreachableReplicationGroupMember,
     [](const Facts& f) {
       return f.checked && !f.reachable;
     }},
    {ReplicationGroupWithoutQuorum,
     [](const Facts& f) {
       return f.reachable && 2 * f.group_online <= f.group_size;
     }},
    {AllReplicationGroupMemberReplicasNotReplicating,
     [](const Facts& f) {
       return f.reachable && some_replicas(f) && none_replicates(f);
     }},
};

constexpr Rule kMasterRules[] = {
    {DeadMasterWithoutReplicas,
     [](const Facts& f) {
       return !f.reachable && !some_replicas(f);
     }},
    {DeadMaster,
     [](const Facts& f) {
       return !f.reachable && all_answer(f) && none_replicates(f);
     }},
    {DeadMasterAndReplicas,
     [](const Facts& f) {
       return !f.reachable && some_replicas(f) && none_answers(f);
     }},
    {DeadMasterAndSomeReplicas,
     [](const Facts& f) {
       return !f.reachable && some_answer(f) && none_replicates(f);
     }},
    {UnreachableMasterWithLaggingReplicas,
     [](const Facts& f) {
       return !f.reachable && all_lag(f);
     }},
    {UnreachableMaster,
     [](const Facts& f) {
       return !f.reachable && missed(f);
     }},
    // A master that could be read only in part may be locked or have too many, too.
    {LockedSemiSyncMaster,
     [](const Facts& f) {
       return (lacks_semi_sync(f) && commits_hang(f)) || wait_in_vain(f);
     }},
    {LockedSemiSyncMasterHypothesis,
     [](const Facts& f) {
       return lacks_semi_sync(f);
     }},
    {MasterWithTooManySemiSyncReplicas,
     [](const Facts& f) {
       return f.wants_exact_semi_sync && semi_sync_waits(f) &&
              f.semi_sync_clients > f.semi_sync_wanted;
     }},
    {NoWriteableMasterStructureWarning,
     [](const Facts& f) {
       return f.reachable && f.read_only && f.replicas.replicating > 0 && f.wants_writable_master;
     }},
    {MasterSingleReplicaNotReplicating,
     [](const Facts& f) {
       return f.reachable && f.replicas.all == 1 && all_answer(f) && none_replicates(f);
     }},
    {MasterSingleReplicaDead,
     [](const Facts& f) {
       return f.reachable && f.replicas.all == 1 && none_answers(f);
     }},
    {AllMasterReplicasNotReplicating,
     [](const Facts& f) {
       return f.reachable && f.replicas.all > 1 && all_answer(f) && none_replicates(f);
     }},
    {AllMasterReplicasNotReplicatingOrDead,
     [](const Facts& f) {
       return f.reachable && some_answer(f) && none_replicates(f);
     }},
    {AllMasterReplicasDead,
     [](const Facts& f) {
       return f.reachable && f.replicas.all > 1 && none_answers(f);
     }},
};

// A co-master without a source of its own has been through the masters' table before.
constexpr Rule kCoMasterRules[] = {
    {DeadCoMasterWithoutReplicas,
     [](const Facts& f) {
       return f.checked && !f.reachable && !some_replicas(f);
     }},
    {DeadCoMaster,
     [](const Facts& f) {
       return !f.reachable && some_replicas(f) && all_answer(f) && none_replicates(f);
     }},
    {DeadCoMasterAndReplicas,
     [](const Facts& f) {
       return !f.reachable && some_replicas(f) && none_answers(f);
     }},
    {DeadCoMasterAndSomeReplicas,
     [](const Facts& f) {
       return !f.reachable && some_answer(f) && none_replicates(f);
     }},
    {UnreachableCoMasterWithLaggingReplicas,
     [](const Facts& f) {
       return !f.reachable && all_lag(f);
     }},
    {UnreachableCoMaster,
     [](const Facts& f) {
       return !f.reachable && missed(f);
     }},
    {AllCoMasterReplicasNotReplicating,
     [](const Facts& f) {
       return f.reachable && some_replicas(f) && none_replicates(f);
     }},
};

constexpr Rule kIntermediateRules[] = {
    {DeadIntermediateMasterWithSingleReplicaFailingToConnect,
     [](const Facts& f) {
       return !f.reachable && f.replicas.all == 1 && all_answer(f) && none_replicates(f) &&
              f.replicas.failing_to_connect == 1;
     }},
    {DeadIntermediateMasterWithSingleReplica,
     [](const Facts& f) {
       return !f.reachable && f.replicas.all == 1 && all_answer(f) && none_replicates(f);
     }},
    {DeadIntermediateMaster,
     [](const Facts& f) {
       return !f.reachable && f.replicas.all > 1 && all_answer(f) && none_replicates(f);
     }},
    {DeadIntermediateMasterAndSomeReplicas,
     [](const Facts& f) {
       return !f.reachable && some_answer(f) && none_replicates(f);
     }},
    {DeadIntermediateMasterAndReplicas,
     [](const Facts& f) {
       return !f.reachable && some_replicas(f) && none_answers(f);
     }},
    {UnreachableIntermediateMasterWithLaggingReplicas,
     [](const Facts& f) {
       return !f.reachable && all_lag(f);
     }},
    {UnreachableIntermediateMaster,
     [](const Facts& f) {
       return !f.reachable && !f.partly_reachable && alive_for_replicas(f);
     }},
    {AllIntermediateMasterReplicasFailingToConnectOrDead,
     [](const Facts& f) {
       return f.reachable && f.replicas.all > 1 && none_replicates(f) &&
              f.replicas.failing_to_connect > 0 &&
              f.replicas.failing_to_connect == f.replicas.valid;
     }},
    {AllIntermediateMasterReplicasNotReplicating,
     [](const Facts& f) {
       return f.reachable && f.replicas.valid > 0 && none_replicates(f);
     }},
    {AllIntermediateMasterReplicasDead,
     [](const Facts& f) {
       return f.reachable && some_replicas(f) && none_answers(f);
     }},
};

constexpr Rule kLinkRules[] = {
    {BinlogServerFailingToConnectToMaster,
     [](const Facts& f) {
       return f.binlog_server && f.failing_to_connect;
     }},
    {FirstTierReplicaFailingToConnectToMaster,
     [](const Facts& f) {
       return f.depth == 1 && f.failing_to_connect;
     }},
};

constexpr Rule kReplicaRules[] = {
    {UnreachableReplica,
     [](const Facts& f) {
       return !f.reachable;
     }},
    {ReplicaNotReplicating,
     [](const Facts& f) {
       return !f.replicating;
     }},
    {LaggingReplica,
     [](const Facts& f) {
       return f.lagging;
     }},
};

constexpr RuleTable kTables[] = {
    {"records", [](const Facts&) { return true; }, kTooOldRules},
    {"group", [](const Facts& f) { return f.group_member; }, kGroupRules},
    {"master", [](const Facts& f) { return f.master && !f.group_member; }, kMasterRules},
    {"co-master", [](const Facts& f) { return f.co_master && !f.group_member; }, kCoMasterRules},
    {"intermediate", [](const Facts& f) { return !f.master && !f.co_master && !f.group_member; },
     kIntermediateRules},
    {"link", [](const Facts& f) { return !f.group_member; }, kLinkRules},
    {"replica",
     [](const Facts& f) { return f.judges_replicas && f.configured_replica && !f.master; },
     kReplicaRules},
};

constexpr StructureRule kStructureRules[] = {
    {StructureCode::NoLoggingReplicasStructureWarning,
     [](const Facts& f) {
       return f.master && f.replicas.all > 1 && f.replicas.logging == 0;
     }},
    {StructureCode::NoFailoverSupportStructureWarning,
     [](const Facts& f) {
       return f.master && f.replicas.all > 1 && !f.oracle_gtid_below && !f.mariadb_gtid_below &&
              !f.binlog_servers_below && !f.pseudo_gtid;
     }},
    {StructureCode::StatementAndMixedLoggingReplicasStructureWarning,
     [](const Facts& f) {
       return f.master && f.replicas.logging_statements > 0 && f.replicas.logging_mixed > 0;
     }},
    {StructureCode::StatementAndRowLoggingReplicasStructureWarning,
     [](const Facts& f) {
       return f.master && f.replicas.logging_statements > 0 && f.replicas.logging_rows > 0;
     }},
    {StructureCode::MixedAndRowLoggingReplicasStructureWarning,
     [](const Facts& f) {
       return f.master && f.replicas.logging_mixed > 0 && f.replicas.logging_rows > 0;
     }},
    {StructureCode::MultipleMajorVersionsLoggingReplicasStructureWarning,
     [](const Facts& f) {
       return f.master && f.replicas.logging_major_versions > 1;
     }},
    {StructureCode::DifferentGTIDModesStructureWarning,
     [](const Facts& f) {
       // Of a dead server that was never read nothing is known.
       const bool is_known = f.reachable || !f.gtid_mode.empty();
       return is_known && f.replicas.all > 0 &&
              (f.gtid_mode != f.min_gtid_mode || f.gtid_mode != f.max_gtid_mode);
     }},
    {StructureCode::ErrantGTIDStructureWarning,
     [](const Facts& f) {
       return !f.max_errant.empty();
     }},
    {StructureCode::NoWriteableMasterStructureWarning,
     [](const Facts& f) {
       return f.master && f.read_only;
     }},
    {StructureCode::NotEnoughValidSemiSyncReplicasStructureWarning,
     [](const Facts& f) {
       return f.master && f.semi_sync_enabled && !f.semi_sync_on && f.semi_sync_wanted > 0 &&
              f.semi_sync_clients < f.semi_sync_wanted;
     }},
};

}  // namespace

std::span<const RuleTable> rule_tables() {
  return kTables;
}

std::span<const StructureRule> structure_rules() {
  return kStructureRules;
}

AnalysisCode judge(const Facts& facts) {
  for (const RuleTable& table : kTables) {
    if (!table.applies(facts)) continue;
    for (const Rule& rule : table.rules) {
      if (rule.holds(facts)) return rule.code;
    }
  }
  return NoProblem;
}

std::vector<StructureCode> judge_structure(const Facts& facts) {
  std::vector<StructureCode> codes;
  for (const StructureRule& rule : kStructureRules) {
    if (rule.holds(facts)) codes.push_back(rule.code);
  }
  return codes;
}

}  // namespace orch
