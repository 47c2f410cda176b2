#pragma once

#include <string>

#include "cmd/command/command.h"

namespace orch::cmd {

/// The cheat sheet of `orchestrator` without arguments.
std::string legacy_cheat_sheet();
/// The listing of -c commands, section by section.
std::string legacy_listing();
/// What `help TOPIC` prints after "TOPIC:": the text of that command, "" when it is unknown.
std::string legacy_topic(std::string_view topic);

/// `orch help`: the verbs in groups, the global options, exit codes.
std::string verb_overview();
/// `orch serve --help`.
std::string serve_help();
/// `orch shadow --help`.
std::string shadow_help();
/// `orch help [VERB] --json`: the verbs of the catalog, or that one.
std::string help_json(const Command* only);
/// `orch help GROUP`: the commands of two words that begin with it.
std::string group_help(const std::vector<const Command*>& group);
/// `orch help VERB`, `orch VERB --help`.
std::string verb_help(const Command& command);

}  // namespace orch::cmd
