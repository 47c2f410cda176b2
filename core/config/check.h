#pragma once

#include <vector>

#include "core/config/config.h"
#include "core/config/problem.h"

namespace orch {

// Rules about values that were read. They do no I/O. Problems name their key, not its file.

/// Settles what keys say together: old names, values derived from others, contradictions. Run
/// after each file, on what all files so far say.
std::vector<ConfigProblem> adjust_config(Config& config);

/// What would fail later: expressions that do not compile, addresses without a port, seeds that
/// name no server. Run once, at the end.
std::vector<ConfigProblem> check_config(const Config& config);

/// Whether the backend is SQLite, not MySQL.
bool is_sqlite(const BackendSettings& backend);

}  // namespace orch
