#include "cmd/command/config_check.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "cmd/command/families.h"
#include "cmd/command/raft.h"
#include "cmd/command/services.h"
#include "cmd/http/access.h"
#include "core/base/text.h"
#include "core/config/dump.h"
#include "core/config/named_files.h"
#include "core/execute/hook_text.h"
#include "core/json/json.h"

namespace orch::cmd {

namespace {

/// What orchestrator would do by a key that is switched on, and orch does not.
void add_without_effect(const LoadedConfig& loaded, std::vector<ConfigProblem>& problems) {
  if (!loaded.config.agent.serve_agents_http) return;
  ConfigProblem problem{.severity = Severity::Warning,
                        .key = "ServeAgentsHttp",
                        .message = "has no effect: agents are not served"};
  locate(problem, loaded);
  problems.push_back(std::move(problem));
}

/// Our own commands use a local file then, and all others end.
void add_no_backend(const LoadedConfig& loaded, std::vector<ConfigProblem>& problems) {
  const BackendSettings& backend = loaded.config.backend;
  ConfigProblem problem{.severity = Severity::Warning,
                        .key = "BackendDB",
                        .message = "is mysql, and MySQLOrchestratorHost names no server"};
  locate(problem, loaded);
  const bool is_asked_for = problem.line > 0 && equals_ignoring_case(backend.backend_db, "mysql");
  if (is_asked_for && backend.mysql_orchestrator_host.empty()) {
    problems.push_back(std::move(problem));
  }
}

void add_waited_for(const LoadedConfig& loaded, std::vector<ConfigProblem>& problems) {
  const auto warn = [&](std::string message) {
    ConfigProblem problem{
        .severity = Severity::Warning, .key = "FenceProcesses", .message = std::move(message)};
    locate(problem, loaded);
    problems.push_back(std::move(problem));
  };
  const HookEntries& hooks = loaded.config.recovery.fence_processes;
  const auto any = [&](auto is_it) {
    return std::any_of(hooks.begin(), hooks.end(), is_it);
  };
  if (any([](const Hook& hook) { return ends_in_ampersand(hook.command); })) {
    warn("the & at the end has no effect: what vouches for the old master is waited for");
  }
  if (any([](const Hook& hook) { return hook.aborts == false; })) {
    warn("OnFailure: continue has no effect: what failed vouches for nothing");
  }
}

/// For a caller whose configuration is in force already: what the files in it have become.
Result<Reply> run_config_check(Services& services, const Args& /*args*/) {
  return config_check({.config = services.config()});
}

Result<Reply> run_config_dump(Services& services, const Args& /*args*/) {
  Reply reply;
  reply.json = dump_config(services.config());
  reply.lines.push_back(reply.json);
  return reply;
}

}  // namespace

std::vector<ConfigProblem> problems_of(const LoadedConfig& loaded) {
  std::vector<ConfigProblem> problems = loaded.problems;
  const auto add = [&](ConfigProblem problem) {
    locate(problem, loaded);
    problems.push_back(std::move(problem));
  };
  for (ConfigProblem& problem : check_named_files(loaded.config))
    add(std::move(problem));
  add_without_effect(loaded, problems);
  add_no_backend(loaded, problems);
  add_waited_for(loaded, problems);
  if (const Result<> sound = check_access(loaded.config.http); !sound) {
    add({.key = "HTTPAuthUser", .message = sound.error().message});
  }
  if (loaded.config.raft.raft_enabled) {
    const Result<> sound = ha::raft::check_settings(raft_settings(loaded.config.raft));
    if (!sound) add({.key = "RaftEnabled", .message = sound.error().message});
  }
  return problems;
}

Reply config_check(const LoadedConfig& loaded) {
  const std::vector<ConfigProblem> problems = problems_of(loaded);
  Reply reply;
  Json json{{"Files", loaded.files}, {"Problems", Json::array()}};
  for (const ConfigProblem& problem : problems) {
    reply.notes.push_back(format_problem(problem));
    json["Problems"].push_back(
        {{"Severity", problem.severity == Severity::Error ? "error" : "warning"},
         {"File", problem.file},
         {"Line", problem.line},
         {"Column", problem.column},
         {"Key", problem.key},
         {"Message", problem.message}});
  }
  reply.failed = has_errors(problems);
  if (!reply.failed) {
    for (const std::string& file : loaded.files)
      reply.lines.push_back(fmt::format("{}: good", file));
    if (loaded.files.empty()) {
      reply.lines.emplace_back("no configuration file was found: the defaults apply");
    }
  }
  reply.json = dump(json);
  return reply;
}

std::vector<Command> config_commands() {
  return {
      {.name = kConfigCheck,
       .section = "Meta",
       .help = "Tell everything that is wrong with the configuration and the files it names",
       .needs = Needs::Nothing,
       .offer = Offer::Verb,
       .run = run_config_check},
      {.name = "config dump",
       .section = "Meta",
       .help = "Print the configuration in force as JSON, without its secrets",
       .needs = Needs::Nothing,
       .offer = Offer::Verb,
       .run = run_config_dump},
  };
}

}  // namespace orch::cmd
