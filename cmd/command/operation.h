#pragma once

#include <functional>
#include <set>
#include <string>

#include "cmd/command/command.h"
#include "cmd/command/services.h"
#include "core/align/event_text.h"
#include "core/execute/executor.h"
#include "core/plan/candidate.h"
#include "core/plan/policy.h"
#include "core/plan/step.h"

namespace orch::cmd {

// What every command that changes servers has in common: what operators chose, running a plan or
// showing it, and keeping in the backend what was learnt.

/// A change that somebody asked for.
struct Operation {
  Planner planner{};
  std::set<InstanceKey> subjects{};  ///< read anew before the first decision
  bool asks_sources{true};           ///< and so are those that they replicate from
  std::string name{};                ///< audit type and maintenance reason: "relocate-below"
  InstanceKey about{};               ///< the server that the audit entry names
  std::string message{};             ///< of the audit entry
  /// For plans that promote: who may be promoted, by the servers as just read.
  std::function<Choice(const Topology&)> candidates{};
  std::string promoted_because{};  ///< why one is that may not stand first; "" = it does
  /// For plans that promote: the server whose place is taken.
  std::optional<InstanceKey> replaced{};
  /// Hooks that would run, for a dry run to show; in their order.
  std::vector<std::string> hooks{};
  /// Under a person's lock, too: a change of that one server only.
  bool passes_persons_lock{false};
  bool runs_with_noop{false};  ///< cli.md 2: starting, stopping, waiting, semi-sync switches
};

/// Errors: InvalidInput, for a filter that does not compile.
Result<Policy> policy_of(const Services& services);
/// How Pseudo-GTID entries are recognised. Errors: Refused, when the configuration does not say.
Result<EntryRules> entry_rules(const Services& services);

/// The records of every cluster that one of the keys is in; a key without a record stands alone.
Result<Topology> records_around(const Services& services, const std::set<InstanceKey>& keys);

/// Runs the plan and records how the servers then look. Errors: those of the plan, with all that
/// was left otherwise than intended.
Result<Outcome> carry_out(const Services& services, const Operation& operation, const Args& args);

/// Reads the subjects and shows what would be done with those settings; changes nothing. Errors:
/// the settings', for a name that would have to be written.
Result<Reply> show_plan(const Services& services, const Operation& operation,
                        const ExecutorSettings& settings);

/// Either of the two, as Args::dry_run says; `answer` shapes the reply of a run that succeeded.
Result<Reply> run_or_show(const Services& services, const Operation& operation, const Args& args,
                          const std::function<Reply(const Outcome&)>& answer);

}  // namespace orch::cmd
