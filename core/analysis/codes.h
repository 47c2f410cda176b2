#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "core/model/recovery.h"

namespace orch {

/// What is wrong with one server, judged by its replicas as much as by itself. The enumerator is
/// the wire word. Those marked "ours" orchestrator does not know.
enum class AnalysisCode {
  NoProblem,
  // masters
  DeadMasterWithoutReplicas,
  DeadMaster,
  DeadMasterAndReplicas,
  DeadMasterAndSomeReplicas,
  UnreachableMasterWithLaggingReplicas,
  UnreachableMaster,
  LockedSemiSyncMaster,
  LockedSemiSyncMasterHypothesis,
  MasterWithTooManySemiSyncReplicas,
  NoWriteableMasterStructureWarning,
  MasterSingleReplicaNotReplicating,
  MasterSingleReplicaDead,
  AllMasterReplicasNotReplicating,
  AllMasterReplicasNotReplicatingOrDead,
  AllMasterReplicasDead,  ///< ours (ANA-5)
  // co-masters
  DeadCoMasterWithoutReplicas,  ///< ours
  DeadCoMaster,
  DeadCoMasterAndReplicas,  ///< ours
  DeadCoMasterAndSomeReplicas,
  UnreachableCoMasterWithLaggingReplicas,  ///< ours
  UnreachableCoMaster,
  AllCoMasterReplicasNotReplicating,
  // intermediate masters
  DeadIntermediateMasterWithSingleReplicaFailingToConnect,
  DeadIntermediateMasterWithSingleReplica,
  DeadIntermediateMaster,
  DeadIntermediateMasterAndSomeReplicas,
  DeadIntermediateMasterAndReplicas,
  UnreachableIntermediateMasterWithLaggingReplicas,
  UnreachableIntermediateMaster,
  AllIntermediateMasterReplicasFailingToConnectOrDead,
  AllIntermediateMasterReplicasNotReplicating,
  AllIntermediateMasterReplicasDead,  ///< ours (ANA-5)
  // anybody
  BinlogServerFailingToConnectToMaster,
  FirstTierReplicaFailingToConnectToMaster,
  // members of a replication group
  DeadReplicationGroupMemberWithReplicas,
  UnreachableReplicationGroupMember,                ///< ours (ANA-6)
  ReplicationGroupWithoutQuorum,                    ///< ours (ANA-6)
  AllReplicationGroupMemberReplicasNotReplicating,  ///< ours (ANA-6)
  // replicas that nobody follows; only where replicas are judged too
  UnreachableReplica,     ///< ours
  ReplicaNotReplicating,  ///< ours
  LaggingReplica,         ///< ours
  // not known
  RecordsTooOld,  ///< ours (ANA-3)
};

/// Weaknesses and symptoms that stand beside the main code, any number of them, in this order.
enum class StructureCode {
  NoLoggingReplicasStructureWarning,
  NoFailoverSupportStructureWarning,
  StatementAndMixedLoggingReplicasStructureWarning,
  StatementAndRowLoggingReplicasStructureWarning,
  MixedAndRowLoggingReplicasStructureWarning,
  MultipleMajorVersionsLoggingReplicasStructureWarning,
  DifferentGTIDModesStructureWarning,
  ErrantGTIDStructureWarning,
  NoWriteableMasterStructureWarning,
  NotEnoughValidSemiSyncReplicasStructureWarning,
  // Ours: sick, by what the server answered to the latest probe or says of its own replication.
  TooManyConnections,
  DiskFull,
  ReadOnlyFileSystem,
  LostPrivileges,
  ServerHangs,
  WritesStall,
};

/// How bad it is: writes fail or soon will; something is broken or would hinder a failover; worth
/// knowing.
enum class Badness { Fine, Notice, Warning, Critical };
std::string_view to_string(Badness badness);  ///< "fine", "notice", "warning", "critical"

/// What sharpens the picture at once, before anything is decided.
enum class Emergent {
  None,
  ReadServer,             ///< probe the server itself (ANA-13: also for DeadMasterAndReplicas)
  ReadServerAndReplicas,  ///< and its replicas
  ReadSource,             ///< probe the server that it follows
  RestartReceivers,       ///< so that connections which only seem to live break
};

/// Everything that is the same for each server with a code.
struct CodeTraits {
  AnalysisCode code{};
  std::string_view name{};
  Badness badness{};
  std::optional<RecoveryKind> recovery{};  ///< what may be done about it
  Emergent emergent{};
  /// A detection is registered and its hooks run, whether or not something is done (ANA-14).
  bool announced{false};
  std::string_view description{};
  std::string_view no_recovery{};  ///< why nothing is done about it; "" where something is
};

struct StructureTraits {
  StructureCode code{};
  std::string_view name{};
  Badness badness{};
  std::string_view description{};
};

std::span<const CodeTraits> analysis_codes();
const CodeTraits& traits(AnalysisCode code);
std::string_view to_string(AnalysisCode code);
std::optional<AnalysisCode> parse_analysis_code(std::string_view name);

std::span<const StructureTraits> structure_codes();
const StructureTraits& traits(StructureCode code);
std::string_view to_string(StructureCode code);

}  // namespace orch
