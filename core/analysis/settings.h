#pragma once

#include "core/analysis/analysis_rules.h"
#include "core/base/result.h"
#include "core/config/config.h"

namespace orch {

/// What the configuration says about analysis. Errors: InvalidInput, for a filter that does not
/// compile.
Result<AnalysisRules> analysis_rules_of(const Config& config);

}  // namespace orch
