#include "core/json/analysis_json.h"

namespace orch {

namespace {

Json cluster_details(const AnalysedCluster& cluster) {
  return {{"ClusterName", cluster.name},
          {"ClusterAlias", cluster.alias},
          {"ClusterDomain", cluster.domain},
          {"CountInstances", 0},
          {"HeuristicLag", 0},
          {"HasAutomatedMasterRecovery", cluster.recovers_masters},
          {"HasAutomatedIntermediateMasterRecovery", cluster.recovers_intermediates}};
}

void add_server(Json& json, const Analysis& analysis) {
  const Facts& facts = analysis.facts;
  const ReplicaCounts& replicas = facts.replicas;
  json["AnalyzedInstanceKey"] = to_json(analysis.key);
  json["AnalyzedInstanceMasterKey"] = to_json(analysis.source);
  json["ClusterDetails"] = cluster_details(analysis.cluster);
  json["AnalyzedInstanceDataCenter"] = analysis.location.data_center;
  json["AnalyzedInstanceRegion"] = analysis.location.region;
  json["AnalyzedInstancePhysicalEnvironment"] = analysis.location.physical_environment;
  json["AnalyzedInstanceBinlogCoordinates"] = to_json(analysis.binlog);
  json["IsMaster"] = facts.master;
  json["IsReplicationGroupMember"] = facts.group_member;
  json["IsCoMaster"] = facts.co_master;
  json["LastCheckValid"] = facts.reachable;
  json["LastCheckPartialSuccess"] = facts.partly_reachable;
  json["CountReplicas"] = replicas.all;
  json["CountValidReplicas"] = replicas.valid;
  json["CountValidReplicatingReplicas"] = replicas.replicating;
  json["CountReplicasFailingToConnectToMaster"] = replicas.failing_to_connect;
  json["CountDowntimedReplicas"] = replicas.downtimed;
  json["ReplicationDepth"] = facts.depth;
  json["Replicas"] = to_json(analysis.replicas);
  json["SlaveHosts"] = to_json(analysis.replicas);
  json["IsFailingToConnectToMaster"] = facts.failing_to_connect;
}

void add_verdict(Json& json, const Analysis& analysis) {
  json["Analysis"] = to_string(analysis.code);
  json["Description"] = traits(analysis.code).description;
  Json structure = nullptr;
  for (const StructureCode code : analysis.structure)
    structure.push_back(to_string(code));
  json["StructureAnalysis"] = structure;
  json["IsDowntimed"] = analysis.downtime.active;
  json["IsReplicasDowntimed"] = analysis.replicas_downtimed;
  const std::optional<TimePoint> end = parse_time(analysis.downtime.end);
  json["DowntimeEndTimestamp"] = analysis.downtime.active && end ? format_time(*end) : "";
  json["DowntimeRemainingSeconds"] = analysis.downtime_remaining.count();
}

void add_replicas(Json& json, const Facts& facts) {
  const ReplicaCounts& replicas = facts.replicas;
  json["IsBinlogServer"] = facts.binlog_server;
  json["PseudoGTIDImmediateTopology"] = facts.pseudo_gtid;
  json["OracleGTIDImmediateTopology"] = facts.oracle_gtid_below;
  json["MariaDBGTIDImmediateTopology"] = facts.mariadb_gtid_below;
  json["BinlogServerImmediateTopology"] = facts.binlog_servers_below;
  json["SemiSyncMasterEnabled"] = facts.semi_sync_enabled;
  json["SemiSyncMasterStatus"] = facts.semi_sync_on;
  json["SemiSyncMasterWaitForReplicaCount"] = facts.semi_sync_wanted;
  json["SemiSyncMasterClients"] = facts.semi_sync_clients;
  json["CountSemiSyncReplicasEnabled"] = replicas.semi_sync_enabled;
  json["CountLoggingReplicas"] = replicas.logging;
  json["CountStatementBasedLoggingReplicas"] = replicas.logging_statements;
  json["CountMixedBasedLoggingReplicas"] = replicas.logging_mixed;
  json["CountRowBasedLoggingReplicas"] = replicas.logging_rows;
  json["CountDistinctMajorVersionsLoggingReplicas"] = replicas.logging_major_versions;
  json["CountDelayedReplicas"] = replicas.delayed;
  json["CountLaggingReplicas"] = replicas.lagging;
}

}  // namespace

Json to_json(const Analysis& analysis, const SpeakingNode& node) {
  Json json;
  add_server(json, analysis);
  add_verdict(json, analysis);
  add_replicas(json, analysis.facts);
  json["IsActionableRecovery"] = false;
  json["ProcessingNodeHostname"] = node.hostname;
  json["ProcessingNodeToken"] = node.token;
  json["CountAdditionalAgreeingNodes"] = 0;
  json["StartActivePeriod"] = "";
  json["SkippableDueToDowntime"] = analysis.skippable_due_to_downtime;
  json["GTIDMode"] = analysis.gtid.mode;
  json["MinReplicaGTIDMode"] = analysis.gtid.min_of_replicas;
  json["MaxReplicaGTIDMode"] = analysis.gtid.max_of_replicas;
  json["MaxReplicaGTIDErrant"] = analysis.gtid.max_errant;
  json["CommandHint"] = "";
  json["IsReadOnly"] = analysis.facts.read_only;
  return json;
}

Json to_full_json(const Analysis& analysis, const SpeakingNode& node) {
  Json json = to_json(analysis, node);
  const ReplicaCounts& replicas = analysis.facts.replicas;
  json["IsActionableRecovery"] = analysis.actionable;
  json["Severity"] = to_string(badness_of(analysis));
  json["Recovery"] = analysis.recovery ? to_string(*analysis.recovery) : std::string_view();
  json["WhyNot"] = analysis.why_not;
  json["Evidence"] = evidence(analysis);
  json["IsUnderMaintenance"] = analysis.maintenance.has_value();
  json["MaintenanceOwner"] = analysis.maintenance ? analysis.maintenance->owner : "";
  json["MaintenanceReason"] = analysis.maintenance ? analysis.maintenance->reason : "";
  json["IsRecordTooOld"] = analysis.facts.too_old;
  json["CountStaleReplicas"] = replicas.stale;
  json["CountReplicasConfirmingFailure"] = replicas.confirming;
  json["CountReplicasHearingNothing"] = replicas.deaf;
  json["CountReplicasReceiving"] = replicas.receiving;
  json["LastCheckedTimestamp"] =
      analysis.last_checked ? format_time(*analysis.last_checked) : std::string();
  json["LastCheckError"] = analysis.probe_error;
  return json;
}

}  // namespace orch
