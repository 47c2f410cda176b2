#pragma once

#include <string>

#include "core/analysis/analysis.h"
#include "core/json/json.h"

namespace orch {

/// Who says it: ProcessingNodeHostname and ProcessingNodeToken.
struct SpeakingNode {
  std::string hostname{};
  std::string token{};
};

/// The ReplicationAnalysis object of orchestrator's API, all 57 fields (api document, 6.4).
/// DowntimeRemainingSeconds counts down to 0 (ANA-2); IsActionableRecovery is always false there.
Json to_json(const Analysis& analysis, const SpeakingNode& node);

/// The same with the truth about actionability, and fields of our own: Severity, Recovery, WhyNot,
/// Evidence, IsUnderMaintenance, MaintenanceOwner, MaintenanceReason, IsRecordTooOld,
/// CountStaleReplicas, CountReplicasConfirmingFailure, CountReplicasReceiving,
/// LastCheckedTimestamp, LastCheckError.
Json to_full_json(const Analysis& analysis, const SpeakingNode& node);

}  // namespace orch
