#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/model/promotion_rule.h"

namespace orch::cmd {

class Services;

/// What one run of a command was asked. Texts are as typed; "" is "not given".
struct Args {
  std::string instance{};     ///< -i, or a verb's first word
  std::string destination{};  ///< -d
  std::string owner{};
  std::string reason{};
  std::string duration{};
  std::string pattern{};
  std::string alias{};
  std::string pool{};
  std::string hostname{};
  std::string binlog{};
  std::string statement{};
  std::string tag{};
  PromotionRule promotion_rule{PromotionRule::Prefer};
  bool dry_run{false};
  bool noop{false};
  bool skip_unresolve{false};
  bool skip_unresolve_check{false};
  bool accept_loss{false};         ///< what may be lost was read, and is given up
  bool strict{false};              ///< search exhaustively
  bool skip_binlog_search{false};  ///< Pseudo-GTID: use relay logs only
  /// orchestrator's command line: its defaults ("this instance") and its output.
  bool legacy{false};
  /// The host where it was typed, when another runs it.
  std::string host{};
};

/// Rows for people; the first is the heading.
struct Table {
  std::vector<std::string> heading{};
  std::vector<std::vector<std::string>> rows{};
};

/// What a command answers, in the three forms that its callers print.
struct Reply {
  std::vector<std::string> lines{};  ///< the contract's stdout, one item per line
  std::string json{};                ///< one JSON document; "" = the lines as an array of strings
  std::string text{};                ///< for people, instead of table and lines; ends with "\n"
  Table table{};                     ///< for people, instead of lines
  std::vector<std::string> notes{};  ///< for people, on stderr: what could not be done, and why
  bool failed{false};                ///< partial failure: printed all the same, exit code 1
  /// Printed all the same, with the exit code of that error, on orchestrator's command line, too: a
  /// plan that would be refused, or something done that could not be recorded.
  std::optional<ErrorKind> refused{};
};

/// The words that follow a verb, in order; `-c` commands take the same from their flags.
enum class Word {
  Instance,
  Destination,
  Cluster,
  Pattern,
  Tag,
  Pool,
  Hostname,
  Binlog,
  Topic,
  Recovery,  ///< an id or a uid; in Args::instance
};

/// Options that a verb takes beyond the global ones.
enum class Option : unsigned {
  None = 0,
  Reason = 1U << 0U,
  Duration = 1U << 1U,
  Pattern = 1U << 2U,
  Tag = 1U << 3U,
  Pool = 1U << 4U,
  Hostname = 1U << 5U,
  Binlog = 1U << 6U,
  Statement = 1U << 7U,
  PromotionRule = 1U << 8U,
  To = 1U << 9U,  ///< --to HOST:PORT, the destination
  DryRun = 1U << 10U,
  Owner = 1U << 11U,
  Instances = 1U << 12U,  ///< --instances a,b:port
  SkipUnresolve = 1U << 13U,
  Strict = 1U << 14U,
  SkipBinlogSearch = 1U << 15U,
  AcceptLoss = 1U << 16U,
};
constexpr Option operator|(Option a, Option b) {
  return static_cast<Option>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr bool has(Option set, Option one) {
  return (static_cast<unsigned>(set) & static_cast<unsigned>(one)) != 0;
}

enum class Access { Read, Write };

/// What a command needs to run at all.
enum class Needs {
  Nothing,  ///< no backend
  Backend,  ///< the backend only; no server is contacted
  Servers,  ///< the backend, and it talks to MySQL servers
};

/// Where a command is offered.
enum class Offer { Both, Verb, Legacy };

/// One row of the catalog: what the subcommands, `-c NAME`, the help and the API all read.
struct Command {
  std::string_view name{};
  std::string_view section{};  ///< heading in the listing of -c commands
  std::string_view help{};     ///< one line
  std::string_view example{};  ///< words and options after "orch NAME"
  std::vector<Word> words{};   ///< of the verb
  std::size_t required{0};     ///< how many of the words a verb cannot do without
  Option options{Option::None};
  Access access{Access::Read};
  Needs needs{Needs::Backend};
  Offer offer{Offer::Both};
  /// -i is handed over whole instead of being split into one run per name.
  bool takes_list{false};
  /// Works on the backend's file or schema itself: no service can do it for another process.
  bool here{false};
  /// About the node that is asked, whoever leads.
  bool of_node{false};
  Result<Reply> (*run)(Services&, const Args&){nullptr};
};

/// Whether --alias may name the cluster that it is about.
bool takes_alias(const Command& command);

/// Every command, section by section, in the order of the listing.
const std::vector<Command>& catalog();

/// By its name or one of orchestrator's old spellings ("slave" for "replica", "enslave-siblings",
/// "relocate-below"); nullptr when there is none.
const Command* find_command(std::string_view name);

/// The name that an old spelling stands for; other names as they are.
std::string canonical_name(std::string_view name);

/// The verbs nearest to a mistyped one, best first, at most three.
std::vector<std::string_view> nearest_commands(std::string_view name);

/// "90s", "3h", "4w" -> seconds. Errors: InvalidInput with the contract's text.
Result<std::chrono::seconds> parse_simple_time(std::string_view text);

}  // namespace orch::cmd
