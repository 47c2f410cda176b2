#pragma once

#include <string>
#include <vector>

namespace orch::cmd {

/// Runs `orch VERB ...`. Answers on stdout, all else on stderr; returns the exit code.
int run_app(const std::vector<std::string>& arguments);

}  // namespace orch::cmd
