#pragma once

#include "core/analysis/analysis.h"

namespace orch {

/// Says what could be done about an analysis, whether an automatic run would do it, and if not,
/// why: fills the last fields of `analysis` from those before.
void settle_action(Analysis& analysis, const Circumstances& circumstances,
                   const AnalysisRules& rules, bool ignored);

}  // namespace orch
