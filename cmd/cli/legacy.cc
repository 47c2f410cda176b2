#include "cmd/cli/legacy.h"

#include <unistd.h>

#include <fmt/format.h>

#include "cmd/cli/help.h"
#include "cmd/cli/output.h"
#include "cmd/cli/runner.h"
#include "cmd/serve/serve.h"
#include "cmd/wire.h"
#include "core/base/log.h"
#include "core/base/text.h"

namespace orch::cmd {

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

/// Nothing but what everybody must see, as orchestrator's log has it.
class LegacyProgress final : public Progress {
 public:
  void show(std::string_view) override {}
  void say(std::string_view) override {}
  void note(std::string_view line) override { log::write(LogLevel::Error, line); }
};

int fatal(std::string_view message) {
  log::write(LogLevel::Fatal, message);
  return kFailed;
}

/// The three lines that any other word than cli, http and help gets.
int print_usage() {
  log::set_level(LogLevel::Fatal);
  constexpr std::string_view kText =
      "Usage:\n"
      "  orchestrator --options... [cli|http]\n"
      "See complete list of commands and help with: orchestrator -c help, orchestrator help "
      "<command>\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kText.data(), kText.size());
  return kFailed;
}

int to_stderr(std::string_view text, int code) {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
  return code;
}

int to_stdout(std::string_view text) {
  return print(text) ? 0 : kFailed;
}

int print_topic(std::string_view topic) {
  return to_stdout(fmt::format("{}:\n{}\n", topic, legacy_topic(topic)));
}

Args args_of(const LegacyFlags& flags, PromotionRule rule, std::string instance) {
  Args args;
  args.instance = std::move(instance);
  args.destination = flags.destination.empty() ? flags.synonym_destination : flags.destination;
  args.owner = flags.owner;
  args.reason = flags.reason;
  args.duration = flags.duration;
  args.pattern = flags.pattern;
  args.alias = flags.alias;
  args.pool = flags.pool;
  args.hostname = flags.hostname;
  args.binlog = flags.binlog;
  args.statement = flags.statement;
  args.tag = flags.tag;
  args.promotion_rule = rule;
  args.noop = flags.noop;
  args.skip_unresolve = flags.skip_unresolve;
  args.skip_unresolve_check = flags.skip_unresolve_check;
  args.strict = flags.strict;
  args.skip_binlog_search = flags.skip_binlog_search;
  args.legacy = true;
  return args;
}

/// Runs the command once for each name in -i; the first failure ends it.
int run_tokens(const Command& command, const LegacyFlags& flags, PromotionRule rule,
               Runner& runner) {
  std::vector<std::string> tokens = {flags.instance};
  if (!command.takes_list) tokens = words(flags.instance, " ,\r\n\t");
  if (tokens.empty()) tokens.emplace_back();
  for (const std::string& token : tokens) {
    const Result<Reply> reply = runner.run(args_of(flags, rule, token));
    if (!reply) return fatal(reply.error().message);
    std::string text;
    for (const std::string& line : reply->lines)
      text += line + "\n";
    if (!print(text)) return kFailed;
    for (const std::string& note : reply->notes)
      log::write(reply->failed || reply->refused ? LogLevel::Error : LogLevel::Info, note);
    if (reply->refused) return kFailed;
  }
  return 0;
}

void set_log_level(const LegacyFlags& flags, bool debug_configured) {
  LogLevel level = LogLevel::Error;
  if (flags.verbose) level = LogLevel::Info;
  if (flags.debug || debug_configured) level = LogLevel::Debug;
  if (flags.quiet) level = LogLevel::Error;
  log::set_level(level);
}

int run_command(const LegacyFlags& flags, PromotionRule rule) {
  RunOptions options{.config_file = flags.config,
                     .strict_config = flags.strict_config,
                     .legacy = true,
                     .force_update = flags.enable_database_update};
  const LoadedConfig loaded = read_config(options);
  for (const ConfigProblem& problem : loaded.problems) {
    if (problem.severity == Severity::Error) return fatal(legacy_text(problem));
    // A mistyped key does nothing, whatever the log level; only --quiet may hide that.
    if (!flags.quiet) to_stderr(fmt::format("{}\n", printable(format_problem(problem))), 0);
  }
  set_log_level(flags, loaded.config.general.debug);
  // Who ignores the group means this node's backend, also where its service knows no leader.
  const bool past_group =
      flags.ignore_raft_setup && loaded.config.raft.raft_enabled && flags.api.empty();
  ServiceAccess access = access_from(flags.api, flags.direct || past_group, loaded.config.http);
  if (flags.command == "help") return to_stderr(legacy_listing(), 0);
  const Command* command = find_command(flags.command);
  if (command == nullptr || command->offer == Offer::Verb) {
    return fatal(fmt::format("Unknown command: \"{}\". {}", flags.command, legacy_listing()));
  }
  options.ignore_raft = flags.ignore_raft_setup;
  options.redeploy = command->name == "redeploy-internal-db";
  options.register_node = !flags.skip_continuous_registration && !options.redeploy;
  LegacyProgress progress;
  const auto runner = Runner::open(*command, loaded.config, options, std::move(access), progress);
  if (!runner) return fatal(runner.error().message);
  return run_tokens(*command, flags, rule, **runner);
}

int run_service(const LegacyFlags& flags, bool http) {
  ServeOptions options{.run = {.config_file = flags.config,
                               .strict_config = flags.strict_config,
                               .legacy = true,
                               .force_update = flags.enable_database_update},
                       .http = http,
                       .discovery = flags.discovery,
                       .grab_election = flags.grab_election};
  const LoadedConfig loaded = read_config(options.run);
  for (const ConfigProblem& problem : loaded.problems) {
    if (problem.severity == Severity::Error) return fatal(legacy_text(problem));
    if (!flags.quiet) to_stderr(fmt::format("{}\n", printable(format_problem(problem))), 0);
  }
  set_log_level(flags, loaded.config.general.debug);
  return serve(loaded.config, options);
}

/// Everything but a command: what the words say.
std::optional<int> run_words(const LegacyFlags& flags) {
  const std::string word = flags.words.empty() ? "" : flags.words.front();
  if (word == "help") {
    if (!flags.command.empty()) return print_topic(flags.command);
    if (flags.words.size() > 1) return print_topic(flags.words[1]);
    return to_stderr(legacy_listing(), 0);
  }
  if (word.empty() && flags.command.empty()) return to_stdout(legacy_cheat_sheet());
  if (word == "http" || flags.command == "continuous") return run_service(flags, word == "http");
  if (!word.empty() && word != "cli") return print_usage();
  return std::nullopt;
}

}  // namespace

int run_legacy(const std::vector<std::string>& arguments) {
  const Result<LegacyFlags> parsed = parse_legacy_flags(arguments);
  if (!parsed) return to_stderr(parsed.error().message + "\n" + legacy_usage(), kUsage);
  const LegacyFlags& flags = *parsed;
  if (flags.help) return to_stderr(legacy_usage(), 0);
  if (!flags.destination.empty() && !flags.synonym_destination.empty()) {
    return fatal(
        "-s and -d are synonyms, yet both were specified. You're probably doing the wrong "
        "thing.");
  }
  const std::optional<PromotionRule> rule = parse_promotion_rule(flags.promotion_rule);
  if (!rule || *rule == PromotionRule::Must) {
    return fatal("-promotion-rule only supports prefer|neutral|prefer_not|must_not");
  }
  set_log_level(flags, false);
  if (flags.version) return to_stdout(fmt::format("{}\n{}\n", version(), commit()));
  if (const std::optional<int> done = run_words(flags)) return *done;
  return run_command(flags, *rule);
}

}  // namespace orch::cmd
