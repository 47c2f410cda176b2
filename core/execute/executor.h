#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/align/event_text.h"
#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/execute/whole_transactions.h"
#include "core/plan/step.h"
#include "core/ports/ha.h"
#include "core/ports/maintenance.h"
#include "core/ports/server.h"

namespace orch {

/// Learns what happens while it happens: progress lines, audit, a journal. Called from several
/// threads, but never at the same time.
class StepObserver {
 public:
  virtual ~StepObserver() = default;
  /// Before the planner's batch is begun.
  virtual void decided(const Run&) {}
  virtual void step_started(const Step&) {}
  /// `error` is null when the step succeeded.
  virtual void step_ended(const Step&, const Error* /*error*/, std::chrono::milliseconds /*took*/) {
  }
};

/// Time and waiting, so that tests need neither.
struct Pace {
  std::function<SteadyPoint()> now{};                      ///< default: steady_clock
  std::function<bool(std::chrono::milliseconds)> pause{};  ///< default: sleeps; false = stop now
  /// Somebody wants the run to end: it is undone, unless it is past the point of no return.
  std::function<bool()> stop_requested{};  ///< default: never
};

struct ExecutorSettings {
  std::chrono::milliseconds probe_limit{10'000};  ///< MySQLDiscoveryReadTimeoutSeconds
  std::chrono::milliseconds change_limit{30'000};
  /// MySQL waits a minute for the rest of a transaction that was cut off before its applier stops.
  std::chrono::milliseconds applier_stop_limit{75'000};
  /// For a server that did not answer last time: one that hangs must not hold up the others.
  std::chrono::milliseconds suspect_limit{2'000};
  /// For one that was found dead a moment ago (RunScope::suspect): to notice that it is back.
  std::chrono::milliseconds second_look_limit{300};
  /// How Pseudo-GTID entries are recognised; nothing: Align fails.
  std::optional<EntryRules> entries{};
  std::chrono::milliseconds align_limit{600'000};  ///< MySQLTopologyReadTimeoutSeconds
  std::size_t width{5};                            ///< MaxConcurrentReplicaOperations
  std::size_t survey_width{32};
  /// By what name a replica is told of its source. Nothing configured: by the source's own.
  std::function<Result<std::string>(const InstanceKey& source, SteadyPoint deadline)>
      written_name{};
  int max_rounds{200};
  Pace pace{};
};

/// What one run is about.
struct RunScope {
  std::set<InstanceKey> probe{};  ///< read before the first decision
  std::string reason{};           ///< for maintenance: "relocate-below db2:3306"
  bool lock{true};                ///< claim maintenance on each server before it is changed
  /// What an earlier run of the same plan, that was cut off, knew.
  std::optional<PlanFacts> earlier{};
  /// Does what RunFenceHooks stands for; nothing configured: succeeds.
  std::function<Result<>()> fence_hooks{};
  std::optional<InstanceKey> suspect{};  ///< did not answer a whole probe just now
  /// Those are probed, too, that the probed ones replicate from, as they say: what a replica holds
  /// may be thrown away only while its source lives.
  bool sources{false};
};

/// How a run ended.
struct Outcome {
  std::optional<Error> error{};  ///< nothing: done
  Account account{};
  std::vector<StepResult> steps{};
  /// Servers left otherwise than they were, against the intention: "db1:3306 is left read-only".
  std::vector<std::string> left{};
  bool still_locked{false};  ///< not every server's maintenance could be ended
  Topology topology{};       ///< as last read
  PlanFacts facts{};
};

/// Carries plans out: asks the planner, does the steps, reads the servers again, asks again. Asks
/// before each change whether this process still leads; every wait has a limit.
class Executor {
 public:
  Executor(Servers& servers, const Leadership& leadership, MaintenanceLocks& locks,
           StepObserver& observer, ExecutorSettings settings);

  /// `records` with the named servers read anew, side by side. One that does not answer keeps its
  /// record, marked as not valid. What only the backend knows (alias, promotion rule, downtime,
  /// cluster name) is kept. `limits`: those that get less time.
  [[nodiscard]] Topology survey(
      const Topology& records, const std::set<InstanceKey>& keys,
      const std::map<InstanceKey, std::chrono::milliseconds>& limits = {});

  /// What a run would decide by: whoever it probes, read anew.
  [[nodiscard]] Topology look(const Topology& records, const RunScope& scope);

  [[nodiscard]] Outcome run(const Planner& planner, const Topology& records, const RunScope& scope);

  /// The outcome's topology, with the servers whose receiver it has started read again until that
  /// has connected, for a second at most: whoever asks next shall not be told that it does not run.
  [[nodiscard]] Topology settled(const Outcome& outcome);

 private:
  struct Session;
  Servers& servers_;
  WholeTransactions whole_{servers_};
  const Leadership& leadership_;
  MaintenanceLocks& locks_;
  StepObserver& observer_;
  ExecutorSettings settings_;
};

}  // namespace orch
