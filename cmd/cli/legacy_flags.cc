#include <algorithm>
#include <array>
#include <string>
#include <variant>

#include <fmt/format.h>

#include "cmd/cli/legacy.h"

namespace orch::cmd {

namespace {

using Field = std::variant<std::string LegacyFlags::*, bool LegacyFlags::*>;

struct Flag {
  std::string_view name{};
  Field field{};
  std::string_view help{};
};

const std::array<Flag, 34>& flags() {
  static const std::array<Flag, 34> kFlags = {{
      {"config", &LegacyFlags::config, "configuration file"},
      {"c", &LegacyFlags::command, "command; 'help' lists them"},
      {"i", &LegacyFlags::instance, "instance, host[:port]; several separated by commas"},
      {"d", &LegacyFlags::destination, "destination instance, host[:port]"},
      {"s", &LegacyFlags::synonym_destination, "the same as -d"},
      {"owner", &LegacyFlags::owner, "who does it (default: the OS user)"},
      {"reason", &LegacyFlags::reason, "why it is done"},
      {"duration", &LegacyFlags::duration, "how long: 59s, 59m, 23h, 6d, 4w"},
      {"pattern", &LegacyFlags::pattern, "regular expression or text, see the commands"},
      {"alias", &LegacyFlags::alias, "cluster alias or cluster name"},
      {"pool", &LegacyFlags::pool, "pool name"},
      {"hostname", &LegacyFlags::hostname, "virtual name, or agent host"},
      {"binlog", &LegacyFlags::binlog, "binary log file, or file:pos"},
      {"statement", &LegacyFlags::statement, "statement to inject"},
      {"promotion-rule", &LegacyFlags::promotion_rule, "prefer|neutral|prefer_not|must_not"},
      {"tag", &LegacyFlags::tag, "tag expression: name, name=value, ~name"},
      {"strict", &LegacyFlags::strict, "exhaustive search"},
      {"discovery", &LegacyFlags::discovery, "continuous discovery in http mode"},
      {"grab-election", &LegacyFlags::grab_election, "take leadership at start"},
      {"noop", &LegacyFlags::noop, "change nothing on servers"},
      {"skip-binlog-search", &LegacyFlags::skip_binlog_search, "use relay logs only"},
      {"skip-unresolve", &LegacyFlags::skip_unresolve, "use the real host name"},
      {"skip-unresolve-check", &LegacyFlags::skip_unresolve_check,
       "do not fail when a virtual name leads elsewhere"},
      {"skip-continuous-registration", &LegacyFlags::skip_continuous_registration,
       "do not register this process"},
      {"enable-database-update", &LegacyFlags::enable_database_update,
       "override SkipOrchestratorDatabaseUpdate"},
      {"ignore-raft-setup", &LegacyFlags::ignore_raft_setup, "allow commands although RaftEnabled"},
      {"quiet", &LegacyFlags::quiet, "log errors only"},
      {"verbose", &LegacyFlags::verbose, "log at INFO"},
      {"debug", &LegacyFlags::debug, "log at DEBUG"},
      {"stack", &LegacyFlags::stack, "accepted for compatibility"},
      {"version", &LegacyFlags::version, "print the version"},
      {"api", &LegacyFlags::api, "URL of the service that runs the command"},
      {"direct", &LegacyFlags::direct, "work on the backend although a service runs"},
      {"strict-config", &LegacyFlags::strict_config, "unknown configuration keys are errors"},
  }};
  return kFlags;
}

std::optional<bool> parse_bool(std::string_view text) {
  for (const std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (text == yes) return true;
  }
  for (const std::string_view no : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

Failure usage_error(std::string message) {
  return fail(ErrorKind::InvalidInput, std::move(message));
}

/// Takes one flag and, where it needs one, its value; `next` moves on.
Result<> take_flag(const std::vector<std::string>& arguments, std::size_t& next,
                   LegacyFlags& found) {
  const std::string& word = arguments[next++];
  std::string_view name = std::string_view(word).substr(word.starts_with("--") ? 2 : 1);
  std::optional<std::string> value;
  if (const std::size_t equals = name.find('='); equals != std::string_view::npos) {
    value = name.substr(equals + 1);
    name = name.substr(0, equals);
  }
  if (name.empty() || name.front() == '-' || name.front() == '=') {
    return usage_error(fmt::format("bad flag syntax: {}", word));
  }
  if (name == "h" || name == "help") {
    found.help = true;
    return {};
  }
  const auto flag = std::find_if(flags().begin(), flags().end(),
                                 [&](const Flag& candidate) { return candidate.name == name; });
  if (flag == flags().end()) {
    return usage_error(fmt::format("flag provided but not defined: -{}", name));
  }
  if (const auto* boolean = std::get_if<bool LegacyFlags::*>(&flag->field)) {
    const std::optional<bool> parsed = parse_bool(value.value_or("true"));
    if (!parsed) {
      return usage_error(fmt::format("invalid boolean value \"{}\" for -{}", *value, name));
    }
    found.** boolean = *parsed;
    return {};
  }
  if (!value) {
    if (next == arguments.size()) {
      return usage_error(fmt::format("flag needs an argument: -{}", name));
    }
    value = arguments[next++];
  }
  found.*std::get<std::string LegacyFlags::*>(flag->field) = *value;
  return {};
}

}  // namespace

Result<LegacyFlags> parse_legacy_flags(const std::vector<std::string>& arguments) {
  LegacyFlags found;
  std::size_t next = 0;
  while (next < arguments.size() && arguments[next].size() > 1 && arguments[next][0] == '-') {
    if (arguments[next] == "--") {
      ++next;
      break;
    }
    ORCH_TRY(take_flag(arguments, next, found));
  }
  found.words.assign(arguments.begin() + static_cast<std::ptrdiff_t>(next), arguments.end());
  return found;
}

std::string legacy_usage() {
  std::string text = "Usage of orchestrator:\n";
  for (const Flag& flag : flags()) {
    const bool boolean = std::holds_alternative<bool LegacyFlags::*>(flag.field);
    text += fmt::format("  -{}{}\n    \t{}\n", flag.name, boolean ? "" : " string", flag.help);
  }
  return text;
}

bool is_legacy(std::string_view program, const std::vector<std::string>& arguments) {
  const std::size_t slash = program.rfind('/');
  if (slash != std::string_view::npos) program.remove_prefix(slash + 1);
  if (program == "orchestrator") return true;
  return std::any_of(arguments.begin(), arguments.end(), [](const std::string& word) {
    return word == "-c" || word == "--c" || word.starts_with("-c=") || word.starts_with("--c=");
  });
}

}  // namespace orch::cmd
