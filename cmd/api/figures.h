#pragma once

#include <vector>

#include "cmd/serve/probe_log.h"
#include "core/json/json.h"

namespace orch::cmd {

// Metrics in the objects of orchestrator's API (api document, 6.8 and 6.9).

Json raw_discoveries(const std::vector<ProbeSample>& samples);
Json aggregated_discoveries(const std::vector<ProbeSample>& samples);
Json raw_queue(const std::vector<QueueSample>& samples);
Json aggregated_queue(const std::vector<QueueSample>& samples);

}  // namespace orch::cmd
