// What the configuration and people's own marks allow.

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/doctor/checks.h"

namespace orch {

namespace {

// Words of the shell itself; nothing on disk bears their names for certain.
constexpr std::array<std::string_view, 28> kShellWords = {
    ":",    ".",     "[",    "[[",     "((",     "{",     "(",      "if",   "for", "while",
    "case", "until", "echo", "printf", "test",   "true",  "false",  "exit", "cd",  "exec",
    "eval", "set",   "trap", "source", "export", "local", "return", "wait"};

bool is_assignment(std::string_view word) {
  const std::size_t equals = word.find('=');
  return equals != std::string_view::npos && equals > 0 && word.find_first_of("/\"'$") > equals;
}

/// Quotes, variables, placeholders and the like are for the shell to work out.
bool is_plain_word(std::string_view word) {
  return word.find_first_of("\"'$`{}()<>|&;*?!#~\\") == std::string_view::npos;
}

/// The script that a shell is to run, if the text begins so; "" when it cannot be told by looking.
std::string first_script(std::string_view text) {
  constexpr std::array<std::string_view, 5> kShells = {"bash", "sh", "dash", "ksh", "zsh"};
  const std::vector<std::string> all = words(text);
  const auto shell = std::find_if_not(all.begin(), all.end(), is_assignment);
  if (shell == all.end() || shell + 1 == all.end()) return "";
  const std::string name = shell->substr(shell->rfind('/') + 1);
  const bool is_shell = std::find(kShells.begin(), kShells.end(), name) != kShells.end();
  const std::string& script = shell[1];
  return is_shell && script.starts_with('/') && is_plain_word(script) ? script : "";
}

/// The command that a shell text begins with; "" when it cannot be told by looking.
std::string first_command(std::string_view text) {
  for (const std::string& word : words(text)) {
    if (is_assignment(word)) continue;
    if (!is_plain_word(word)) return "";
    const bool own = std::find(kShellWords.begin(), kShellWords.end(), word) != kShellWords.end();
    return own ? "" : word;
  }
  return "";
}

void check_marks(const Round& round, const Instance& instance) {
  const bool master = round.is_master(instance);
  const std::string name = to_string(instance.key);
  if (instance.downtime.active) {
    round.add(master ? Badness::Warning : Badness::Notice, "downtimed", instance.key,
              fmt::format("it is downtimed by {} until {} ({}){}", instance.downtime.owner,
                          instance.downtime.end, instance.downtime.reason,
                          master ? ": no automatic recovery" : ""),
              round.patient.quarantined.contains(instance.key)
                  ? "make it follow the new master: its downtime ends with that"
                  : "orch end-downtime " + name);
  }
  const auto lock = round.patient.maintenance.find(instance.key);
  if (lock != round.patient.maintenance.end()) {
    round.add(Badness::Warning, "maintenance", instance.key,
              fmt::format("it is under maintenance by {} ({}): no operation may touch it",
                          lock->second.owner, lock->second.reason),
              "orch end-maintenance " + name);
  }
}

void check_alias(const Round& round) {
  const Patient& patient = round.patient;
  const bool has_it = patient.alias == patient.told_alias;
  for (const auto& [cluster, alone] : patient.rivals) {
    round.add(
        alone && has_it ? Badness::Notice : Badness::Warning, "alias-of-two", {},
        fmt::format("the {} {} tells the alias {}, too{}", alone ? "server" : "cluster", cluster,
                    patient.told_alias,
                    has_it
                        ? ": it stays with this one"
                        : ", and one other has it: filters and key-value entries go by that one"),
        "if one is a copy of the other, correct there what DetectClusterAliasQuery reads, or give "
        "it an alias of its own with 'orch set-cluster-alias'; 'orch forget' a server that is "
        "gone; "
        "until then name the cluster, not the alias, to change something");
  }
}

}  // namespace

void check_permission(const Round& round) {
  check_alias(round);
  const DoctorSettings& settings = round.patient.settings;
  if (settings.recoveries_disabled) {
    round.add(Badness::Warning, "recoveries-disabled", {}, "recoveries are disabled globally",
              "orch enable-global-recoveries");
  }
  if (!settings.recovers_masters) {
    round.add(Badness::Warning, "no-automatic-recovery", {},
              "RecoverMasterClusterFilters does not name the cluster: a dead master waits for "
              "somebody to say orch failover",
              "name it in RecoverMasterClusterFilters");
  }
  const bool deep =
      std::any_of(round.answering.begin(), round.answering.end(), [&](const Instance* instance) {
        return !round.is_master(*instance) &&
               !round.patient.topology.replicas_of(instance->key).empty();
      });
  if (deep && !settings.recovers_intermediates) {
    round.add(Badness::Notice, "no-automatic-intermediate-recovery", {},
              "RecoverIntermediateMasterClusterFilters does not name the cluster",
              "name it there, so that replicas of a dead intermediate master are moved");
  }
  if (round.master != nullptr && settings.ignored && settings.ignored(round.master->key.hostname)) {
    round.add(Badness::Warning, "ignored", round.master->key,
              "RecoveryIgnoreHostnameFilters names the master: it is never recovered",
              "take it out of the filter");
  }
  const bool fence_hooks =
      std::any_of(settings.hooks.begin(), settings.hooks.end(),
                  [](const ConfiguredHook& hook) { return hook.key == "FenceProcesses"; });
  if (settings.fencing_policy == "required" && !fence_hooks) {
    round.add(Badness::Warning, "cannot-fence", {},
              "FencingPolicy is required, and there are no FenceProcesses: a master whose host is "
              "gone cannot be fenced, so nobody is promoted",
              "set FenceProcesses, or FencingPolicy to best-effort");
  }
  for (const Instance& instance : round.patient.topology.instances())
    check_marks(round, instance);
}

void check_hooks(const Round& round) {
  const DoctorSettings& settings = round.patient.settings;
  if (!settings.is_command || settings.hooks.empty()) return;
  const std::string shell = first_command(settings.shell);
  if (!shell.empty() && !settings.is_command(shell)) {
    round.add(Badness::Critical, "no-shell", {},
              fmt::format("ProcessesShellCommand is {}, which cannot be run here", settings.shell),
              "set it to a shell that is there");
  }
  for (const ConfiguredHook& hook : settings.hooks) {
    if (hook.key == "FenceProcesses" && hook.in_background) {
      round.add(Badness::Notice, "fence-hook-waits", {},
                "a hook of FenceProcesses ends in &: it is waited for all the same, as it vouches "
                "for the old master",
                "take the & away");
    }
    const std::string script = first_script(hook.text);
    if (!script.empty() && settings.is_file && !settings.is_file(script)) {
      round.add(Badness::Critical, "hook-not-found", {},
                fmt::format("{} runs {}, which cannot be read here", hook.key, script),
                "install it, or take the hook out");
    }
    const std::string command = first_command(hook.text);
    if (command.empty() || settings.is_command(command)) continue;
    round.add(Badness::Critical, "hook-not-found", {},
              fmt::format("{} begins with {}, which cannot be run here", hook.key, command),
              "install it, make it executable, or take the hook out");
  }
}

}  // namespace orch
