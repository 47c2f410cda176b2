#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cmd/command/command.h"

namespace orch::cmd {

/// The verb among the arguments, and all other arguments in their order.
struct TakenVerb {
  std::string verb{};
  std::vector<std::string> rest{};
};

/// Takes the verb out of the arguments: the first word that is neither an option nor an option's
/// value, as options may stand before it; with the next such word where the two together are a name
/// of the catalog ("quarantine list"). Nothing when there is no word.
std::optional<TakenVerb> take_verb(const std::vector<std::string>& arguments);

/// The first word that is neither an option nor an option's value; nullptr when there is none.
const std::string* first_word(const std::vector<std::string>& arguments);

/// The commands of two words whose first word is `group`, in the catalog's order.
std::vector<const Command*> commands_of_group(std::string_view group);

}  // namespace orch::cmd
