#include "core/analysis/codes.h"

#include <algorithm>
#include <iterator>

namespace orch {

namespace {

constexpr std::optional<RecoveryKind> kNothing{};

// In the order of the enumeration.
constexpr CodeTraits kCodes[] = {
    {AnalysisCode::NoProblem, "NoProblem", Badness::Fine, kNothing, Emergent::None, false,
     "all is well", ""},
    {AnalysisCode::DeadMasterWithoutReplicas, "DeadMasterWithoutReplicas", Badness::Critical,
     kNothing, Emergent::None, true,
     "the master cannot be reached, and it has no replica that could be asked or promoted",
     "it has no replica to promote"},
    {AnalysisCode::DeadMaster, "DeadMaster", Badness::Critical, RecoveryKind::DeadMaster,
     Emergent::None, true,
     "the master cannot be reached, and none of its replicas, which all answer, replicates", ""},
    {AnalysisCode::DeadMasterAndReplicas, "DeadMasterAndReplicas", Badness::Critical, kNothing,
     Emergent::ReadServer, true, "neither the master nor any of its replicas can be reached",
     "nobody can be asked, let alone promoted: is it the network between orch and them"},
    {AnalysisCode::DeadMasterAndSomeReplicas, "DeadMasterAndSomeReplicas", Badness::Critical,
     RecoveryKind::DeadMaster, Emergent::None, true,
     "the master and some of its replicas cannot be reached, and those that answer do not "
     "replicate",
     ""},
    {AnalysisCode::UnreachableMasterWithLaggingReplicas, "UnreachableMasterWithLaggingReplicas",
     Badness::Critical, kNothing, Emergent::RestartReceivers, true,
     "the master cannot be reached; its replicas run, but all of them lag",
     "its replicas still replicate: it may be alive, or hang"},
    {AnalysisCode::UnreachableMaster, "UnreachableMaster", Badness::Critical, kNothing,
     Emergent::ReadServerAndReplicas, true,
     "the master cannot be reached, yet some of its replicas replicate",
     "its replicas still replicate: it is alive for them"},
    {AnalysisCode::LockedSemiSyncMaster, "LockedSemiSyncMaster", Badness::Critical,
     RecoveryKind::LockedSemiSyncMaster, Emergent::None, true,
     "commits on the master wait for acknowledgements that too few semi-sync replicas can give",
     ""},
    {AnalysisCode::LockedSemiSyncMasterHypothesis, "LockedSemiSyncMasterHypothesis",
     Badness::Warning, kNothing, Emergent::ReadServer, false,
     "the master has fewer semi-sync replicas than it waits for; whether commits hang is not "
     "certain yet",
     "its position has not stood still for long enough to be sure"},
    {AnalysisCode::MasterWithTooManySemiSyncReplicas, "MasterWithTooManySemiSyncReplicas",
     Badness::Warning, RecoveryKind::TooManySemiSyncReplicas, Emergent::None, true,
     "more replicas acknowledge the master's commits than are wanted", ""},
    {AnalysisCode::NoWriteableMasterStructureWarning, "NoWriteableMasterStructureWarning",
     Badness::Critical, RecoveryKind::NonWriteableMaster, Emergent::None, true,
     "the master is read-only", ""},
    {AnalysisCode::MasterSingleReplicaNotReplicating, "MasterSingleReplicaNotReplicating",
     Badness::Warning, kNothing, Emergent::None, true,
     "the master answers, but its one replica does not replicate",
     "the master works; the replica needs repair"},
    {AnalysisCode::MasterSingleReplicaDead, "MasterSingleReplicaDead", Badness::Warning, kNothing,
     Emergent::None, true, "the master answers, but its one replica cannot be reached",
     "the master works; the replica needs repair"},
    {AnalysisCode::AllMasterReplicasNotReplicating, "AllMasterReplicasNotReplicating",
     Badness::Warning, kNothing, Emergent::ReadServer, true,
     "the master answers, but none of its replicas replicates",
     "the master works; the replicas need repair"},
    {AnalysisCode::AllMasterReplicasNotReplicatingOrDead, "AllMasterReplicasNotReplicatingOrDead",
     Badness::Warning, kNothing, Emergent::ReadServer, true,
     "the master answers, but each of its replicas is unreachable or does not replicate",
     "the master works; the replicas need repair"},
    {AnalysisCode::AllMasterReplicasDead, "AllMasterReplicasDead", Badness::Warning, kNothing,
     Emergent::ReadServer, true, "the master answers, but none of its replicas can be reached",
     "the master works; the replicas need repair"},
    {AnalysisCode::DeadCoMasterWithoutReplicas, "DeadCoMasterWithoutReplicas", Badness::Warning,
     kNothing, Emergent::None, true,
     "the co-master cannot be reached, and nobody replicates from it", "nobody depends on it"},
    {AnalysisCode::DeadCoMaster, "DeadCoMaster", Badness::Critical, RecoveryKind::DeadCoMaster,
     Emergent::None, true,
     "the co-master cannot be reached, and none of its replicas, which all answer, replicates", ""},
    {AnalysisCode::DeadCoMasterAndReplicas, "DeadCoMasterAndReplicas", Badness::Critical, kNothing,
     Emergent::ReadServer, true, "neither the co-master nor any of its replicas can be reached",
     "nobody can be asked, let alone promoted: is it the network between orch and them"},
    {AnalysisCode::DeadCoMasterAndSomeReplicas, "DeadCoMasterAndSomeReplicas", Badness::Critical,
     RecoveryKind::DeadCoMaster, Emergent::None, true,
     "the co-master and some of its replicas cannot be reached, and those that answer do not "
     "replicate",
     ""},
    {AnalysisCode::UnreachableCoMasterWithLaggingReplicas, "UnreachableCoMasterWithLaggingReplicas",
     Badness::Warning, kNothing, Emergent::RestartReceivers, true,
     "the co-master cannot be reached; its replicas run, but all of them lag",
     "its replicas still replicate: it may be alive, or hang"},
    {AnalysisCode::UnreachableCoMaster, "UnreachableCoMaster", Badness::Warning, kNothing,
     Emergent::ReadServerAndReplicas, true,
     "the co-master cannot be reached, yet some of its replicas replicate",
     "its replicas still replicate: it is alive for them"},
    {AnalysisCode::AllCoMasterReplicasNotReplicating, "AllCoMasterReplicasNotReplicating",
     Badness::Warning, kNothing, Emergent::None, true,
     "the co-master answers, but none of its replicas replicates",
     "the co-master works; the replicas need repair"},
    {AnalysisCode::DeadIntermediateMasterWithSingleReplicaFailingToConnect,
     "DeadIntermediateMasterWithSingleReplicaFailingToConnect", Badness::Critical,
     RecoveryKind::DeadIntermediateMaster, Emergent::None, true,
     "the intermediate master cannot be reached, and its one replica cannot connect to it either",
     ""},
    {AnalysisCode::DeadIntermediateMasterWithSingleReplica,
     "DeadIntermediateMasterWithSingleReplica", Badness::Warning, kNothing, Emergent::None, true,
     "the intermediate master cannot be reached, and its one replica does not replicate",
     "its replica does not say that the connection is what failed"},
    {AnalysisCode::DeadIntermediateMaster, "DeadIntermediateMaster", Badness::Critical,
     RecoveryKind::DeadIntermediateMaster, Emergent::None, true,
     "the intermediate master cannot be reached, and none of its replicas, which all answer, "
     "replicates",
     ""},
    {AnalysisCode::DeadIntermediateMasterAndSomeReplicas, "DeadIntermediateMasterAndSomeReplicas",
     Badness::Critical, RecoveryKind::DeadIntermediateMaster, Emergent::None, true,
     "the intermediate master and some of its replicas cannot be reached, and those that answer do "
     "not replicate",
     ""},
    {AnalysisCode::DeadIntermediateMasterAndReplicas, "DeadIntermediateMasterAndReplicas",
     Badness::Critical, kNothing, Emergent::None, true,
     "neither the intermediate master nor any of its replicas can be reached",
     "none of its replicas can be reached to be moved"},
    {AnalysisCode::UnreachableIntermediateMasterWithLaggingReplicas,
     "UnreachableIntermediateMasterWithLaggingReplicas", Badness::Warning, kNothing,
     Emergent::RestartReceivers, true,
     "the intermediate master cannot be reached; its replicas run, but all of them lag",
     "its replicas still replicate: it may be alive, or hang"},
    {AnalysisCode::UnreachableIntermediateMaster, "UnreachableIntermediateMaster", Badness::Warning,
     kNothing, Emergent::None, true,
     "the intermediate master cannot be reached, yet some of its replicas replicate",
     "its replicas still replicate: it is alive for them"},
    {AnalysisCode::AllIntermediateMasterReplicasFailingToConnectOrDead,
     "AllIntermediateMasterReplicasFailingToConnectOrDead", Badness::Critical,
     RecoveryKind::DeadIntermediateMaster, Emergent::None, true,
     "the intermediate master answers, but none of its replicas that answer can connect to it", ""},
    {AnalysisCode::AllIntermediateMasterReplicasNotReplicating,
     "AllIntermediateMasterReplicasNotReplicating", Badness::Warning, kNothing, Emergent::None,
     true, "the intermediate master answers, but none of its replicas replicates",
     "the intermediate master works; the replicas need repair"},
    {AnalysisCode::AllIntermediateMasterReplicasDead, "AllIntermediateMasterReplicasDead",
     Badness::Warning, kNothing, Emergent::None, true,
     "the intermediate master answers, but none of its replicas can be reached",
     "the intermediate master works; the replicas need repair"},
    {AnalysisCode::BinlogServerFailingToConnectToMaster, "BinlogServerFailingToConnectToMaster",
     Badness::Warning, kNothing, Emergent::None, true,
     "the binlog server cannot connect to its master",
     "it is the link or the master that needs repair"},
    {AnalysisCode::FirstTierReplicaFailingToConnectToMaster,
     "FirstTierReplicaFailingToConnectToMaster", Badness::Warning, kNothing, Emergent::ReadSource,
     false, "a replica of the master cannot connect to it",
     "the master is judged by all of its replicas"},
    {AnalysisCode::DeadReplicationGroupMemberWithReplicas, "DeadReplicationGroupMemberWithReplicas",
     Badness::Critical, RecoveryKind::DeadGroupMember, Emergent::None, true,
     "the group member cannot be reached, and none of its replicas outside the group replicates",
     ""},
    {AnalysisCode::UnreachableReplicationGroupMember, "UnreachableReplicationGroupMember",
     Badness::Warning, kNothing, Emergent::None, true, "the group member cannot be reached",
     "the group replaces its members itself"},
    {AnalysisCode::ReplicationGroupWithoutQuorum, "ReplicationGroupWithoutQuorum",
     Badness::Critical, kNothing, Emergent::None, true,
     "most members of the replication group are gone, so that it takes no writes",
     "only a person can decide which members the group goes on with"},
    {AnalysisCode::AllReplicationGroupMemberReplicasNotReplicating,
     "AllReplicationGroupMemberReplicasNotReplicating", Badness::Warning, kNothing, Emergent::None,
     true, "the group member answers, but none of its replicas outside the group replicates",
     "the group member works; the replicas need repair"},
    {AnalysisCode::UnreachableReplica, "UnreachableReplica", Badness::Warning, kNothing,
     Emergent::None, false, "the replica cannot be reached", "no master depends on it"},
    {AnalysisCode::ReplicaNotReplicating, "ReplicaNotReplicating", Badness::Warning, kNothing,
     Emergent::None, false, "the replica does not replicate", "the replica needs repair"},
    {AnalysisCode::LaggingReplica, "LaggingReplica", Badness::Notice, kNothing, Emergent::None,
     false, "the replica lags", "it has to catch up"},
    {AnalysisCode::RecordsTooOld, "RecordsTooOld", Badness::Warning, kNothing,
     Emergent::ReadServerAndReplicas, false, "what is known is too old to tell",
     "nothing is decided on old records: read the servers anew with orch discover"},
};

// In the order of the enumeration.
constexpr StructureTraits kStructures[] = {
    {StructureCode::NoLoggingReplicasStructureWarning, "NoLoggingReplicasStructureWarning",
     Badness::Warning,
     "no replica has both log_bin and log_slave_updates: whoever is promoted cannot serve the "
     "others"},
    {StructureCode::NoFailoverSupportStructureWarning, "NoFailoverSupportStructureWarning",
     Badness::Warning,
     "the replicas follow neither by GTID nor by Pseudo-GTID nor through binlog servers: they "
     "cannot be moved beneath another master"},
    {StructureCode::StatementAndMixedLoggingReplicasStructureWarning,
     "StatementAndMixedLoggingReplicasStructureWarning", Badness::Notice,
     "some replicas log statements, others mixed"},
    {StructureCode::StatementAndRowLoggingReplicasStructureWarning,
     "StatementAndRowLoggingReplicasStructureWarning", Badness::Warning,
     "some replicas log statements, others rows"},
    {StructureCode::MixedAndRowLoggingReplicasStructureWarning,
     "MixedAndRowLoggingReplicasStructureWarning", Badness::Notice,
     "some replicas log mixed, others rows"},
    {StructureCode::MultipleMajorVersionsLoggingReplicasStructureWarning,
     "MultipleMajorVersionsLoggingReplicasStructureWarning", Badness::Notice,
     "the replicas are of several major versions"},
    {StructureCode::DifferentGTIDModesStructureWarning, "DifferentGTIDModesStructureWarning",
     Badness::Warning, "the server and its replicas have different GTID modes"},
    {StructureCode::ErrantGTIDStructureWarning, "ErrantGTIDStructureWarning", Badness::Warning,
     "a replica has transactions that its master never had"},
    {StructureCode::NoWriteableMasterStructureWarning, "NoWriteableMasterStructureWarning",
     Badness::Warning, "the master is read-only"},
    {StructureCode::NotEnoughValidSemiSyncReplicasStructureWarning,
     "NotEnoughValidSemiSyncReplicasStructureWarning", Badness::Warning,
     "semi-sync is off, for want of replicas that acknowledge"},
    {StructureCode::TooManyConnections, "TooManyConnections", Badness::Critical,
     "the server takes no more connections"},
    {StructureCode::DiskFull, "DiskFull", Badness::Critical, "the server's disk is full"},
    {StructureCode::ReadOnlyFileSystem, "ReadOnlyFileSystem", Badness::Critical,
     "the server's file system is read-only"},
    {StructureCode::LostPrivileges, "LostPrivileges", Badness::Warning,
     "orch is denied access to the server"},
    {StructureCode::ServerHangs, "ServerHangs", Badness::Critical,
     "the server takes connections but does not answer"},
    {StructureCode::WritesStall, "WritesStall", Badness::Critical,
     "the master answers, and a write to it does not end or is refused"},
};

}  // namespace

std::string_view to_string(Badness badness) {
  switch (badness) {
    case Badness::Fine:
      return "fine";
    case Badness::Notice:
      return "notice";
    case Badness::Warning:
      return "warning";
    case Badness::Critical:
      return "critical";
  }
  return "";
}

std::span<const CodeTraits> analysis_codes() {
  return kCodes;
}

const CodeTraits& traits(AnalysisCode code) {
  return kCodes[static_cast<std::size_t>(code)];
}

std::string_view to_string(AnalysisCode code) {
  return traits(code).name;
}

std::optional<AnalysisCode> parse_analysis_code(std::string_view name) {
  const auto* found = std::find_if(std::begin(kCodes), std::end(kCodes),
                                   [&](const CodeTraits& row) { return row.name == name; });
  if (found == std::end(kCodes)) return std::nullopt;
  return found->code;
}

std::span<const StructureTraits> structure_codes() {
  return kStructures;
}

const StructureTraits& traits(StructureCode code) {
  return kStructures[static_cast<std::size_t>(code)];
}

std::string_view to_string(StructureCode code) {
  return traits(code).name;
}

}  // namespace orch
