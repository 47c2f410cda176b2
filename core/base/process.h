#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace orch {

/// What tells this process from every other one on this machine, now and later: the machine's
/// start, the process namespace, the process id and when it began. Without blanks but between
/// these four.
std::string this_process();

/// Whether the process that said so of itself still lives. Nothing when this process cannot see:
/// another machine, another start of it, another namespace.
std::optional<bool> process_lives(std::string_view process);

}  // namespace orch
