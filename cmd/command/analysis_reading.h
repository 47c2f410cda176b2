#pragma once

#include <vector>

#include "cmd/command/services.h"
#include "core/analysis/analysis.h"
#include "core/base/result.h"

namespace orch::cmd {

/// Everything that analysis works on, as the backend has it now.
struct AnalysisInput {
  Topology topology{};
  Circumstances circumstances{};
  AnalysisRules rules{};
};

/// Errors: those of the backend; InvalidInput, for a filter that does not compile.
Result<AnalysisInput> read_analysis_input(const Services& services);

/// What is wrong by the backend's records. `cluster`: its name, or "" for all.
std::vector<Analysis> analyse_records(const Services& services, const AnalysisInput& input,
                                      const AnalysisHints& hints, const std::string& cluster);

}  // namespace orch::cmd
