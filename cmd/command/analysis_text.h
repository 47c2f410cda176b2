#pragma once

#include <string>
#include <vector>

#include "core/analysis/analysis.h"

namespace orch::cmd {

/// What people read: cluster by cluster, the worst first, what is wrong, how that is known, and
/// what would be done or why nothing. Records that are too old are told together. `servers`: how
/// many were looked at.
std::string analysis_text(const std::vector<Analysis>& analyses, std::size_t servers, TimePoint now,
                          bool colour);

/// "15s", "12m", "3h", "5d".
std::string age_text(std::chrono::seconds age);

}  // namespace orch::cmd
