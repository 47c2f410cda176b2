#pragma once

#include <string_view>
#include <vector>

#include "core/config/config.h"
#include "core/config/problem.h"

namespace orch {

/// Looks at the files and folders that the settings name: certificates and keys that can be read
/// and look like PEM, folders of files that are to be written, credentials that others may read.
/// Reads files, writes none. A file that a switch keeps from being used is worth a warning only.
std::vector<ConfigProblem> check_named_files(const Config& config);

/// Whether the word names something executable, by its path or on PATH.
bool is_program(std::string_view word);

}  // namespace orch
