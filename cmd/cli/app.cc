#include "cmd/cli/app.h"

#include <unistd.h>

#include <cstdlib>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

#include "cmd/api/openapi.h"
#include "cmd/cli/find_verb.h"
#include "cmd/cli/help.h"
#include "cmd/cli/output.h"
#include "cmd/cli/runner.h"
#include "cmd/cli/table_text.h"
#include "cmd/command/config_check.h"
#include "cmd/serve/serve.h"
#include "cmd/shadow/shadow.h"
#include "cmd/wire.h"
#include "core/base/log.h"
#include "core/base/text.h"

namespace orch::cmd {

namespace {

/// What was said besides the command itself.
struct Globals {
  RunOptions run{};
  std::string api{};
  bool direct{false};
  bool json{false};
  std::string colour{"auto"};
  bool quiet{false};
  bool verbose{false};
  bool debug{false};
};

struct Spoken {
  Globals globals{};
  Args args{};
  std::string promotion_rule{"prefer"};
  std::string to{};
  std::string instances{};
  std::vector<std::string> words{};
};

void add_globals(CLI::App& app, Globals& globals) {
  app.add_option("--config", globals.run.config_file);
  app.add_option("--db", globals.run.db_file);
  app.add_option("--color", globals.colour)->check(CLI::IsMember({"auto", "always", "never"}));
  app.add_option("--api", globals.api);
  app.add_flag("--direct", globals.direct);
  app.add_flag("--json", globals.json);
  app.add_flag("--strict-config", globals.run.strict_config);
  app.add_flag("--quiet", globals.quiet);
  app.add_flag("--verbose", globals.verbose);
  app.add_flag("--debug", globals.debug);
}

/// A variable of the shell that is not set must not mean "as you like".
std::string refuse_empty(const std::string& value) {
  return value.empty() ? "it is empty: leave it out, or say what is meant" : "";
}

void add_command_options(CLI::App& app, const Command& command, Spoken& spoken) {
  const auto add = [&](Option option, const char* name, std::string& value) {
    if (has(command.options, option)) app.add_option(name, value)->check(refuse_empty);
  };
  add(Option::Reason, "--reason", spoken.args.reason);
  add(Option::Duration, "--duration", spoken.args.duration);
  add(Option::Pattern, "--pattern", spoken.args.pattern);
  add(Option::Tag, "--tag", spoken.args.tag);
  add(Option::Pool, "--pool", spoken.args.pool);
  add(Option::Hostname, "--hostname", spoken.args.hostname);
  add(Option::Binlog, "--binlog", spoken.args.binlog);
  add(Option::Statement, "--statement", spoken.args.statement);
  add(Option::PromotionRule, "--promotion-rule", spoken.promotion_rule);
  add(Option::Owner, "--owner", spoken.args.owner);
  add(Option::To, "--to", spoken.to);
  add(Option::Instances, "--instances", spoken.instances);
  if (has(command.options, Option::DryRun)) app.add_flag("--dry-run", spoken.args.dry_run);
  if (has(command.options, Option::SkipUnresolve)) {
    app.add_flag("--skip-unresolve", spoken.args.skip_unresolve);
  }
  if (has(command.options, Option::AcceptLoss)) {
    app.add_flag("--accept-loss", spoken.args.accept_loss);
  }
  if (has(command.options, Option::Strict)) app.add_flag("--strict", spoken.args.strict);
  if (has(command.options, Option::SkipBinlogSearch)) {
    app.add_flag("--skip-binlog-search", spoken.args.skip_binlog_search);
  }
  if (takes_alias(command)) app.add_option("--alias", spoken.args.alias)->check(refuse_empty);
  app.add_option("words", spoken.words)->check(refuse_empty);
}

std::string& place_of(Word word, Args& args) {
  switch (word) {
    case Word::Instance:
    case Word::Cluster:
    case Word::Topic:
    case Word::Recovery:
      return args.instance;
    case Word::Destination:
      return args.destination;
    case Word::Pattern:
      return args.pattern;
    case Word::Tag:
      return args.tag;
    case Word::Pool:
      return args.pool;
    case Word::Hostname:
      return args.hostname;
    case Word::Binlog:
      return args.binlog;
  }
  return args.instance;
}

Result<> settle_words(const Command& command, Spoken& spoken) {
  if (spoken.words.size() > command.words.size()) {
    return fail(ErrorKind::InvalidInput,
                fmt::format("{}: '{}' is a word too many ('orch help {}' shows how it is used)",
                            command.name, spoken.words[command.words.size()], command.name));
  }
  for (std::size_t i = 0; i < spoken.words.size(); ++i) {
    place_of(command.words[i], spoken.args) = spoken.words[i];
  }
  for (std::size_t i = 0; i < command.required; ++i) {
    if (place_of(command.words[i], spoken.args).empty()) {
      return fail(ErrorKind::InvalidInput,
                  fmt::format("{}: something is missing, as in 'orch {} {}' ('orch help {}' tells "
                              "more)",
                              command.name, command.name, command.example, command.name));
    }
  }
  if (!spoken.to.empty()) spoken.args.destination = spoken.to;
  if (!spoken.instances.empty()) spoken.args.instance = spoken.instances;
  const std::optional<PromotionRule> rule = parse_promotion_rule(spoken.promotion_rule);
  if (!rule || *rule == PromotionRule::Must) {
    return fail(ErrorKind::InvalidInput,
                "--promotion-rule is one of prefer, neutral, prefer_not, must_not");
  }
  spoken.args.promotion_rule = *rule;
  return {};
}

LogLevel level_of(const Globals& globals) {
  if (globals.quiet) return LogLevel::Error;
  if (globals.debug) return LogLevel::Debug;
  return globals.verbose ? LogLevel::Info : LogLevel::Warning;
}

int usage_error(std::string_view text) {
  complain(text);
  return exit_code(ErrorKind::InvalidInput);
}

/// Says every problem of the configuration. False when one of them is an error.
bool tell_problems(const LoadedConfig& loaded, bool warnings) {
  bool good = true;
  for (const ConfigProblem& problem : loaded.problems) {
    const bool is_error = problem.severity == Severity::Error;
    if (is_error) good = false;
    if (is_error || warnings) complain(format_problem(problem));
  }
  return good;
}

int answer(const Reply& reply, const Globals& globals, bool colour) {
  const std::string text = globals.json ? json_text(reply) : people_text(reply, colour);
  const bool printed = print(text);
  for (const std::string& note : reply.notes)
    complain(note);
  if (printed && reply.refused) return exit_code(*reply.refused);
  return printed && !reply.failed ? 0 : 1;
}

bool wants_colour(const Globals& globals) {
  if (globals.json || globals.colour == "never") return false;
  if (globals.colour == "always") return true;
  const char* refused = std::getenv("NO_COLOR");  // no-color.org
  return ::isatty(STDOUT_FILENO) == 1 && (refused == nullptr || *refused == '\0');
}

/// Says why there is no answer; who asked for JSON gets it in JSON, too.
int refuse(const Error& error, const Globals& globals) {
  complain(error.message);
  if (globals.json && !print(error_json(error))) return 1;
  return exit_code(error.kind);
}

int run_command(const Command& command, Spoken& spoken) {
  Globals& globals = spoken.globals;
  if (const Result<> settled = settle_words(command, spoken); !settled) {
    return refuse(settled.error(), globals);
  }
  log::set_level(level_of(globals));
  const LoadedConfig loaded = read_config(globals.run);
  if (command.name == kConfigCheck) {
    const int code = answer(config_check(loaded), globals, false);
    return code == 0 ? 0 : exit_code(ErrorKind::InvalidInput);
  }
  if (!tell_problems(loaded, !globals.quiet)) {
    const Error error{.kind = ErrorKind::InvalidInput,
                      .message = "the configuration has errors ('orch config check' lists them)"};
    if (globals.json && !print(error_json(error))) return 1;
    return exit_code(error.kind);
  }
  globals.run.colour = wants_colour(globals);
  globals.run.register_node = !spoken.args.dry_run;
  globals.run.redeploy = command.name == "redeploy-internal-db";
  TerminalProgress progress(!globals.quiet);
  const auto runner =
      Runner::open(command, loaded.config, globals.run,
                   access_from(globals.api, globals.direct, loaded.config.http), progress);
  if (!runner) return refuse(runner.error(), globals);
  const Result<Reply> reply = (*runner)->run(spoken.args);
  if (!reply) {
    progress.show("");
    return refuse(reply.error(), globals);
  }
  return answer(*reply, globals, globals.run.colour);
}

bool asks_for_help(const std::vector<std::string>& arguments) {
  return std::find_if(arguments.begin(), arguments.end(), [](const std::string& word) {
           return word == "--help" || word == "-h";
         }) != arguments.end();
}

/// Wrong usage of a verb: what was understood so far does not count, --json does.
int wrong_usage(std::string text, const std::vector<std::string>& arguments) {
  Globals globals;
  globals.json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
  return refuse(Error{.kind = ErrorKind::InvalidInput, .message = std::move(text)}, globals);
}

/// Options alone: says which of them is none, too.
int no_verb(const std::vector<std::string>& arguments) {
  Globals globals;
  CLI::App app;
  app.set_help_flag();
  add_globals(app, globals);
  std::string text = "no verb is given";
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::Error& error) {
    text += fmt::format(": {}", error.what());
  }
  return wrong_usage(text + " ('orch help' lists all)", arguments);
}

/// There is no such verb: says what is near, or which second words there are.
int unknown_verb(const std::string& verb, const std::vector<std::string>& arguments) {
  const std::vector<const Command*> group = commands_of_group(verb);
  if (group.empty()) {
    std::string text = fmt::format("there is no verb '{}'", printable(verb));
    if (find_command(verb) != nullptr) text += fmt::format(", only 'orch -c {}'", verb);
    const std::vector<std::string_view> near = nearest_commands(verb);
    for (const std::string_view name : near) {
      text += fmt::format("{}{}", name == near.front() ? "; do you mean " : ", ", name);
    }
    return wrong_usage(text + " ('orch help' lists all)", arguments);
  }
  if (asks_for_help(arguments)) return print(group_help(group)) ? 0 : 1;
  std::string names;
  for (const Command* command : group)
    names += fmt::format("{}'orch {}'", names.empty() ? "" : ", ", command->name);
  const std::string* second = first_word(arguments);
  if (second == nullptr) {
    return wrong_usage(fmt::format("{}: say one of {}", verb, names), arguments);
  }
  return wrong_usage(
      fmt::format("there is no '{} {}'; there is {}", verb, printable(*second), names), arguments);
}

int run_verb(const std::string& verb, const std::vector<std::string>& arguments) {
  const Command* command = find_command(verb);
  if (command == nullptr || command->offer == Offer::Legacy) return unknown_verb(verb, arguments);
  if (asks_for_help(arguments)) return print(verb_help(*command)) ? 0 : 1;
  Spoken spoken;
  CLI::App app;
  app.set_help_flag();
  add_globals(app, spoken.globals);
  add_command_options(app, *command, spoken);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::Error& error) {
    return wrong_usage(fmt::format("{}: {} ('orch help {}' shows how it is used)", command->name,
                                   error.what(), command->name),
                       arguments);
  }
  return run_command(*command, spoken);
}

int run_serve(const std::vector<std::string>& arguments) {
  if (asks_for_help(arguments)) return print(serve_help()) ? 0 : 1;
  Globals globals;
  ServeOptions options;
  bool no_discovery = false;
  CLI::App app;
  app.set_help_flag();
  add_globals(app, globals);
  app.add_option("--listen", options.listen);
  app.add_flag("--grab-election", options.grab_election);
  app.add_flag("--no-discovery", no_discovery);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::Error& error) {
    return usage_error(
        fmt::format("serve: {} ('orch help serve' shows how it is used)", error.what()));
  }
  options.run = globals.run;
  options.discovery = !no_discovery;
  const LoadedConfig loaded = read_config(globals.run);
  if (!tell_problems(loaded, !globals.quiet)) return exit_code(ErrorKind::InvalidInput);
  const bool debug = globals.debug || loaded.config.general.debug;
  log::set_level(globals.quiet ? LogLevel::Error : (debug ? LogLevel::Debug : LogLevel::Info));
  return serve(loaded.config, options);
}

int run_shadow(const std::vector<std::string>& arguments) {
  if (asks_for_help(arguments)) return print(shadow_help()) ? 0 : 1;
  Globals globals;
  ShadowOptions options;
  unsigned interval = 0;
  CLI::App app;
  app.set_help_flag();
  add_globals(app, globals);
  app.add_flag("--once", options.once);
  app.add_option("--interval", interval)->check(CLI::Range(1U, 86'400U));
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::Error& error) {
    return usage_error(
        fmt::format("shadow: {} ('orch help shadow' shows how it is used)", error.what()));
  }
  log::set_level(level_of(globals));
  const LoadedConfig loaded = read_config(globals.run);
  if (!tell_problems(loaded, !globals.quiet)) return exit_code(ErrorKind::InvalidInput);
  options.interval = std::chrono::seconds(interval);
  options.json = globals.json;
  options.access = access_from(globals.api, false, loaded.config.http);
  return shadow(loaded.config, options);
}

int run_help(std::vector<std::string> topics) {
  const bool as_json = std::erase(topics, "--json") > 0;
  const std::optional<TakenVerb> topic = take_verb(topics);
  const Command* command = topic ? find_command(topic->verb) : nullptr;
  if (as_json && (!topic || command != nullptr)) return print(help_json(command)) ? 0 : 1;
  if (!topic) return print(verb_overview()) ? 0 : 1;
  if (topic->verb == "serve") return print(serve_help()) ? 0 : 1;
  if (topic->verb == "shadow") return print(shadow_help()) ? 0 : 1;
  return run_verb(topic->verb, {"--help"});
}

}  // namespace

int run_app(const std::vector<std::string>& arguments) {
  const std::optional<TakenVerb> taken = take_verb(arguments);
  if (!taken) {
    const bool asks_version =
        std::find(arguments.begin(), arguments.end(), "--version") != arguments.end();
    if (asks_version) return print(fmt::format("orch {}\n", version())) ? 0 : 1;
    if (arguments.empty() || asks_for_help(arguments)) return print(verb_overview()) ? 0 : 1;
    return no_verb(arguments);
  }
  if (taken->verb == "help") return run_help(taken->rest);
  if (taken->verb == "serve") return run_serve(taken->rest);
  if (taken->verb == "shadow") return run_shadow(taken->rest);
  if (taken->verb == "api-docs") return print(openapi_document()) ? 0 : 1;
  return run_verb(taken->verb, taken->rest);
}

}  // namespace orch::cmd
