#pragma once

#include "core/json/analysis_json.h"
#include "core/json/json.h"
#include "core/model/recovery.h"

namespace orch {

// Recoveries in the objects of orchestrator's API (api document, 6.5).

/// TopologyRecovery of a recovery on record. `details`: ClusterInfo of its cluster, or null.
Json to_json(const RecoveryRecord& record, const SpeakingNode& node, const Json& details);
/// TopologyRecovery of a detection.
Json to_json(const FailureDetection& detection, const SpeakingNode& node, const Json& details);
Json to_json(const RecoveryStep& step);

}  // namespace orch
