#include "cmd/cli/find_verb.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace orch::cmd {

namespace {

/// Options that take the next word as their value.
constexpr std::array<std::string_view, 20> kValueOptions = {
    "--config",         "--db",       "--color",   "--to",        "--reason",
    "--owner",          "--duration", "--pattern", "--tag",       "--pool",
    "--hostname",       "--binlog",   "--alias",   "--statement", "--instances",
    "--promotion-rule", "-i",         "--api",     "--listen",    "--interval"};

/// The place of the first word from `begin` on; the end when there is none.
std::size_t find_word(const std::vector<std::string>& arguments, std::size_t begin) {
  for (std::size_t i = begin; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word.size() < 2 || word[0] != '-') return i;
    const bool takes_next =
        std::find(kValueOptions.begin(), kValueOptions.end(), word) != kValueOptions.end();
    if (takes_next) ++i;
  }
  return arguments.size();
}

}  // namespace

std::optional<TakenVerb> take_verb(const std::vector<std::string>& arguments) {
  const std::size_t first = find_word(arguments, 0);
  if (first == arguments.size()) return std::nullopt;
  std::string verb = arguments[first];
  std::size_t second = find_word(arguments, first + 1);
  if (second < arguments.size()) {
    const std::string both = verb + " " + arguments[second];
    if (find_command(both) == nullptr) {
      second = arguments.size();
    } else {
      verb = both;
    }
  }
  TakenVerb taken{.verb = std::move(verb)};
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (i != first && i != second) taken.rest.push_back(arguments[i]);
  }
  return taken;
}

const std::string* first_word(const std::vector<std::string>& arguments) {
  const std::size_t first = find_word(arguments, 0);
  return first == arguments.size() ? nullptr : &arguments[first];
}

std::vector<const Command*> commands_of_group(std::string_view group) {
  const std::string prefix = std::string(group) + " ";
  std::vector<const Command*> found;
  for (const Command& command : catalog()) {
    if (command.name.starts_with(prefix)) found.push_back(&command);
  }
  return found;
}

}  // namespace orch::cmd
