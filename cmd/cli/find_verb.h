#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace orch::cmd {

/// Where the verb is among the arguments: the first word that is neither an option nor an option's
/// value, as options may stand before it. Nothing when there is none.
std::optional<std::size_t> find_verb(const std::vector<std::string>& arguments);

}  // namespace orch::cmd
