#include "cmd/cli/find_verb.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace orch::cmd {

namespace {

/// Options that take the next word as their value.
constexpr std::array<std::string_view, 17> kValueOptions = {
    "--config",         "--db",       "--color",   "--to",        "--reason",
    "--owner",          "--duration", "--pattern", "--tag",       "--pool",
    "--hostname",       "--binlog",   "--alias",   "--statement", "--instances",
    "--promotion-rule", "-i"};

}  // namespace

std::optional<std::size_t> find_verb(const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word.size() < 2 || word[0] != '-') return i;
    const bool takes_next =
        std::find(kValueOptions.begin(), kValueOptions.end(), word) != kValueOptions.end();
    if (takes_next) ++i;
  }
  return std::nullopt;
}

}  // namespace orch::cmd
