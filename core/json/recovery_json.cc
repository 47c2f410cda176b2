#include "core/json/recovery_json.h"

namespace orch {

namespace {

std::string text_of(const std::optional<TimePoint>& time) {
  return time ? format_time(*time) : "";
}

/// The analysis as records have it: who, what, and who was below.
Json analysis_entry(const InstanceKey& failed, const std::string& analysis,
                    const std::string& cluster, const std::string& alias,
                    const std::vector<InstanceKey>& replicas, std::int64_t count,
                    const SpeakingNode& node, const Json& details) {
  Analysis zero;
  zero.key = failed;
  zero.cluster.name = cluster;
  zero.cluster.alias = alias;
  zero.replicas = replicas;
  Json object = to_json(zero, node);
  object["Analysis"] = analysis;
  object["Description"] = "";
  object["CountReplicas"] = count;
  object["ProcessingNodeHostname"] = "";
  object["ProcessingNodeToken"] = "";
  if (details.is_object()) object["ClusterDetails"] = details;
  return object;
}

}  // namespace

Json to_json(const RecoveryRecord& record, const SpeakingNode& node, const Json& details) {
  Json object;
  object["Id"] = record.id;
  object["UID"] = record.uid;
  object["AnalysisEntry"] =
      analysis_entry(record.failed, record.analysis, record.cluster_name, record.cluster_alias,
                     record.affected_replicas, record.affected_count, node, details);
  object["SuccessorKey"] = to_json(record.successor);
  object["SuccessorAlias"] = record.successor_alias;
  object["SuccessorBinlogCoordinates"] = nullptr;
  object["IsActive"] = record.active;
  object["IsSuccessful"] = record.successful;
  object["LostReplicas"] = to_json(record.lost_replicas);
  object["ParticipatingInstanceKeys"] = to_json(record.participants);
  object["AllErrors"] =
      record.errors.empty() ? Json(std::vector<std::string>{""}) : Json(record.errors);
  object["RecoveryStartTimestamp"] = text_of(record.started);
  object["RecoveryEndTimestamp"] = text_of(record.ended);
  object["ProcessingNodeHostname"] = record.node_hostname;
  object["ProcessingNodeToken"] = record.node_token;
  object["Acknowledged"] = record.acknowledged;
  object["AcknowledgedAt"] = text_of(record.acknowledged_at);
  object["AcknowledgedBy"] = record.acknowledged_by;
  object["AcknowledgedComment"] = record.acknowledge_comment;
  object["LastDetectionId"] = record.last_detection_id;
  object["RelatedRecoveryId"] = 0;
  object["Type"] = "";
  object["RecoveryType"] = "NotMasterRecovery";
  return object;
}

Json to_json(const FailureDetection& detection, const SpeakingNode& node, const Json& details) {
  RecoveryRecord record;
  record.id = detection.id;
  record.failed = detection.failed;
  record.analysis = detection.analysis;
  record.cluster_name = detection.cluster_name;
  record.cluster_alias = detection.cluster_alias;
  record.affected_replicas = detection.affected_replicas;
  record.affected_count = detection.affected_count;
  record.active = detection.active;
  record.started = detection.started;
  record.node_hostname = detection.node_hostname;
  record.node_token = detection.node_token;
  Json object = to_json(record, node, details);
  object["AnalysisEntry"]["StartActivePeriod"] = text_of(detection.started);
  object["SuccessorKey"] = nullptr;
  object["AllErrors"] = Json::array();
  object["RelatedRecoveryId"] = detection.related_recovery_id;
  object["RecoveryType"] = "";
  return object;
}

Json to_json(const RecoveryStep& step) {
  return {{"Id", step.id},
          {"RecoveryUID", step.recovery_uid},
          {"AuditAt", text_of(step.at)},
          {"Message", step.message}};
}

}  // namespace orch
