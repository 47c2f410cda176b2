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

/// Remembers since when the binary logs of semi-sync masters stand still that have too few
/// replicas: only that makes a hypothesis a certainty. To be called when servers were just read.
Result<> watch_blocked_masters(const Services& services);

/// What is wrong by the backend's records. `cluster`: its name, or "" for all.
std::vector<Analysis> analyse_records(const Services& services, const AnalysisInput& input,
                                      const AnalysisHints& hints, const std::string& cluster);

}  // namespace orch::cmd
