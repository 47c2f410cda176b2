#include "cmd/cli/help.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/json/json.h"

namespace orch::cmd {

namespace {

/// The contract's order (cli document, 1).
constexpr std::array<std::string_view, 22> kSections = {"Smart relocation",
                                                        "Classic file:pos relocation",
                                                        "Binlog server relocation",
                                                        "GTID relocation",
                                                        "Pseudo-GTID relocation",
                                                        "Replication, general",
                                                        "Replication information",
                                                        "Instance",
                                                        "Binary logs",
                                                        "Pools",
                                                        "Information",
                                                        "Key-value",
                                                        "tags",
                                                        "Instance management",
                                                        "Recovery",
                                                        "Raft",
                                                        "Instance, meta",
                                                        "Meta",
                                                        "Meta, internal",
                                                        "Internal",
                                                        "Agent",
                                                        ""};

std::string_view word_name(Word word) {
  switch (word) {
    case Word::Instance:
      return "INSTANCE";
    case Word::Destination:
      return "DESTINATION";
    case Word::Cluster:
      return "CLUSTER";
    case Word::Pattern:
      return "TEXT";
    case Word::Tag:
      return "TAG";
    case Word::Pool:
      return "POOL";
    case Word::Hostname:
      return "NAME";
    case Word::Binlog:
      return "BINLOG";
    case Word::Topic:
      return "TOPIC";
    case Word::Recovery:
      return "RECOVERY";
  }
  return "";
}

std::string synopsis(const Command& command) {
  std::string text = fmt::format("orch {}", command.name);
  for (std::size_t i = 0; i < command.words.size(); ++i) {
    const std::string_view word = word_name(command.words[i]);
    text += i < command.required ? fmt::format(" {}", word) : fmt::format(" [{}]", word);
  }
  return text + " [options]";
}

/// A -c command that is no row of the catalog: a mode of the program, or a name of its own.
struct ListedCommand {
  std::string_view section{};
  std::string_view name{};
  std::string_view help{};
};

constexpr std::array<ListedCommand, 3> kBeside = {{
    {"Smart relocation", "relocate-below", "The same as relocate"},
    {"Meta", "continuous", "Watch all servers and recover what fails, without HTTP"},
    {"Meta", "help", "List the commands"},
}};

struct OptionHelp {
  Option option{};
  std::string_view text{};
};

constexpr std::array<OptionHelp, 17> kOptionHelp = {{
    {Option::To, "  --to HOST:PORT          the server to promote\n"},
    {Option::DryRun, "  --dry-run               show the plan; change nothing\n"},
    {Option::Reason, "  --reason TEXT           why it is done\n"},
    {Option::Owner, "  --owner NAME            who does it (default: the OS user)\n"},
    {Option::Duration, "  --duration TIME         30s, 10m, 3h, 2d, 4w\n"},
    {Option::Pattern,
     "  --pattern TEXT          a regular expression; for topology: a snapshot's time\n"},
    {Option::Tag, "  --tag EXPRESSION        name, name=value, ~name\n"},
    {Option::Pool, "  --pool NAME             pool of servers\n"},
    {Option::Hostname, "  --hostname NAME         virtual name\n"},
    {Option::Binlog, "  --binlog FILE[:POS]     binary log\n"},
    {Option::Statement,
     "  --statement TEXT        the statement; of kill-query, the session's number\n"},
    {Option::PromotionRule, "  --promotion-rule RULE   prefer, neutral, prefer_not or must_not\n"},
    {Option::SkipUnresolve,
     "  --skip-unresolve        use the real host name, not its virtual name\n"},
    {Option::Instances, "  --instances LIST        HOST[:PORT], separated by commas\n"},
    {Option::Strict, "  --strict                search exhaustively\n"},
    {Option::AcceptLoss,
     "  --accept-loss           do it; without it, only say what would be lost\n"},
    {Option::SkipBinlogSearch, "  --skip-binlog-search    search relay logs only\n"},
}};

constexpr std::string_view kGlobalOptions =
    "  --config FILE           configuration, JSON or YAML\n"
    "  --db FILE               SQLite backend file, whatever the configuration says\n"
    "  --api URL[ URL...]      let the service there do it (also: ORCHESTRATOR_API)\n"
    "  --direct                do not let the service do it that runs on the backend\n"
    "  --json                  answer as JSON\n"
    "  --color WHEN            auto, always or never\n"
    "  --strict-config         unknown configuration keys are errors\n"
    "  --quiet, --verbose, --debug\n"
    "  --help, --version\n";

}  // namespace

std::string legacy_cheat_sheet() {
  return "orchestrator [-c command] [-i instance] [-d destination] [--verbose|--debug] [... cli] | "
         "http\n\n"
         "Run the HTTP service:\n"
         "    orchestrator --debug http\n"
         "List the commands:\n"
         "    orchestrator -c help\n"
         "Help on one command:\n"
         "    orchestrator -c relocate help\n"
         "    orchestrator help relocate\n";
}

std::string legacy_listing() {
  std::string text = "Available commands (-c):\n";
  for (const std::string_view section : kSections) {
    std::string rows;
    for (const Command& command : catalog()) {
      if (command.section != section || command.offer == Offer::Verb) continue;
      rows += fmt::format("\t{:<40}{}\n", command.name, command.help);
    }
    for (const ListedCommand& listed : kBeside) {
      if (listed.section == section) rows += fmt::format("\t{:<40}{}\n", listed.name, listed.help);
    }
    if (!rows.empty()) text += fmt::format("{}:\n{}", section, rows);
  }
  return text +
         "Run 'orchestrator help <command>' for detailed help on given command, e.g. 'orchestrator "
         "help relocate'\nUsage for most commands:\n"
         "\torchestrator -c <command> [-i <instance.fqdn>[,<instance.fqdn>]* ] "
         "[-d <destination.fqdn>] [--verbose|--debug]\n";
}

std::string legacy_topic(std::string_view topic) {
  const Command* command = find_command(topic);
  if (command == nullptr || command->offer == Offer::Verb) {
    for (const ListedCommand& listed : kBeside) {
      if (listed.name != topic) continue;
      return fmt::format("{}. Example:\n\norchestrator -c {}", listed.help, listed.name);
    }
    return "";
  }
  std::string text =
      fmt::format("{}. Example:\n\norchestrator -c {}", command->help, command->name);
  for (const Word word : command->words) {
    switch (word) {
      case Word::Instance:
        text += " -i host.to.use.com:3306";
        break;
      case Word::Destination:
        text += " -d destination.host.com:3306";
        break;
      case Word::Cluster:
        text += " -i instance.of.cluster.com:3306";
        break;
      case Word::Pattern:
        text += " --pattern \"text\"";
        break;
      case Word::Tag:
        text += " --tag name=value";
        break;
      case Word::Pool:
        text += " --pool name";
        break;
      case Word::Hostname:
        text += " --hostname virtual.name";
        break;
      case Word::Binlog:
        text += " --binlog file:pos";
        break;
      case Word::Topic:
      case Word::Recovery:
        break;
    }
  }
  return text;
}

std::string verb_overview() {
  std::string text =
      "orch: MySQL and MariaDB replication topologies: see them, change them, fail them over\n\n"
      "  orch discover db1.example:3306        find a whole topology from one of its servers\n"
      "  orch topology db1.example             show it\n"
      "  orch failover CLUSTER --dry-run       what a failover would do, and why\n"
      "  orch serve                            watch all servers and recover what fails\n"
      "  orch shadow --api URL                 compare verdicts with a running orchestrator\n"
      "  orch api-docs                         the HTTP API, as an OpenAPI document\n"
      "  orch help VERB                        more about one of these:\n";
  for (const std::string_view section : kSections) {
    std::string rows;
    for (const Command& command : catalog()) {
      if (command.section != section || command.offer == Offer::Legacy) continue;
      rows += fmt::format("  {:<39}{}\n", command.name, command.help);
    }
    const std::string_view title = section.empty() ? "Other" : section;
    if (!rows.empty()) text += fmt::format("\n{}\n{}", title, rows);
  }
  text += fmt::format("\nOptions of every verb\n{}", kGlobalOptions);
  return text +
         "\nExit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 no such thing,\n"
         "4 unreachable, 5 denied, 6 refused by a safety check, 7 somebody else is at it\n";
}

std::string help_json(const Command* only) {
  const auto described = [](const Command& command) {
    Json words = Json::array();
    for (std::size_t i = 0; i < command.words.size(); ++i) {
      words.push_back({{"Name", word_name(command.words[i])}, {"Required", i < command.required}});
    }
    Json options = Json::array();
    for (const OptionHelp& option : kOptionHelp) {
      if (!has(command.options, option.option)) continue;
      const std::string_view text = trim(option.text);
      options.push_back(text.substr(0, text.find(' ')));
    }
    return Json{{"Name", command.name},
                {"Section", command.section},
                {"Help", command.help},
                {"Example", command.example},
                {"Words", words},
                {"Options", options},
                {"Writes", command.access == Access::Write}};
  };
  if (only != nullptr) return dump(described(*only)) + "\n";
  Json all = Json::array();
  for (const Command& command : catalog()) {
    if (command.offer != Offer::Legacy) all.push_back(described(command));
  }
  return dump(all) + "\n";
}

std::string serve_help() {
  return fmt::format(
      "Watch all servers, recover what fails, and answer the HTTP API, until SIGTERM\n\n"
      "  orch serve [options]\n\n"
      "Example\n"
      "  orch serve --config /etc/orchestrator.conf.json\n\n"
      "Which clusters are recovered: RecoverMasterClusterFilters and\n"
      "RecoverIntermediateMasterClusterFilters. SIGHUP reads the configuration again.\n\n"
      "Options\n"
      "  --listen [HOST]:PORT    in place of ListenAddress\n"
      "  --grab-election         lead at once, whoever leads now\n"
      "  --no-discovery          answer the API only; never lead\n{}",
      kGlobalOptions);
}

std::string shadow_help() {
  return fmt::format(
      "Compare verdicts with a running orchestrator, and act on nothing\n\n"
      "  orch shadow --api URL [options]\n\n"
      "Example\n"
      "  orch shadow --config /etc/orchestrator.conf.json --api http://orchestrator:3000\n\n"
      "Reads the same servers by the same configuration, and prints what the two say differently\n"
      "about a server twice in a row. Writes to no server and to no backend. Exit code 1 when\n"
      "anything differed.\n\n"
      "Options\n"
      "  --once                  look twice, then end\n"
      "  --interval SECONDS      between two looks (default: InstancePollSeconds)\n{}",
      kGlobalOptions);
}

std::string group_help(const std::vector<const Command*>& group) {
  std::string text;
  for (const Command* command : group)
    text += fmt::format("  {:<39}{}\n", command->name, command->help);
  return text + "\n'orch help' and both words tell more\n";
}

std::string verb_help(const Command& command) {
  std::string text = fmt::format("{}\n\n  {}\n", command.help, synopsis(command));
  if (!command.example.empty()) {
    text += fmt::format("\nExample\n  orch {} {}\n", command.name, command.example);
  }
  std::string options;
  if (takes_alias(command)) options += "  --alias NAME            the cluster's alias or name\n";
  for (const OptionHelp& option : kOptionHelp) {
    if (has(command.options, option.option)) options += option.text;
  }
  return text + fmt::format("\nOptions\n{}{}", options, kGlobalOptions);
}

}  // namespace orch::cmd
