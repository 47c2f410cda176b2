#pragma once

#include <vector>

#include "cmd/serve/probe_log.h"
#include "cmd/serve/service.h"
#include "core/json/json.h"

namespace orch::cmd {

// Metrics in the objects of orchestrator's API (api document, 6.8 and 6.9).

Json raw_discoveries(const std::vector<ProbeSample>& samples);
Json aggregated_discoveries(const std::vector<ProbeSample>& samples);
Json raw_queue(const std::vector<QueueSample>& samples);
Json aggregated_queue(const std::vector<QueueSample>& samples);

/// Statements that the backend was given.
Json raw_queries(const std::vector<QuerySample>& samples);
Json aggregated_queries(const std::vector<QuerySample>& samples);

/// Batches of records that were written to the backend.
Json raw_writes(const std::vector<WriteSample>& samples);
Json aggregated_writes(const std::vector<WriteSample>& samples, const BackendSettings& settings);

}  // namespace orch::cmd
