#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/error.h"
#include "core/model/change.h"
#include "core/model/topology.h"
#include "core/plan/position.h"
#include "core/plan/undelayed.h"

namespace orch {

// The vocabulary of plans. A planner is a pure function that is asked again after each batch of
// steps, with fresh facts; core/execute does what it says.

// --- Conditions that a step may wait for ---

/// Everything received is executed.
struct AppliedReceived {
  Position held{};  ///< what was received; unknown: what the server then says
  /// MariaDB: gtid_slave_pos before it applied any of it; "" = that does not matter.
  std::string not_at{};
};
/// Everything up to the position is executed.
struct HasExecuted {
  Position position{};
};
/// Both threads run, and the source is this one.
struct ReplicatesFrom {
  InstanceKey source{};
};
/// MariaDB: no client of its source has any, of those that the applier knows of.
struct HoldsNoTemporaryTables {};
struct IsStopped {};  ///< both threads are
struct CanBeRead {};  ///< it answers; where nobody takes connections, nobody waits

using Condition = std::variant<AppliedReceived, HasExecuted, ReplicatesFrom, HoldsNoTemporaryTables,
                               IsStopped, CanBeRead>;

/// How a condition stands. `reason` says what is missing, or why it will never hold.
struct Standing {
  enum class State { Holds, NotYet, Never };
  State state{State::NotYet};
  std::string reason{};
};
[[nodiscard]] Standing standing(const Condition& condition, const Instance& instance);
/// Whether all that the server received is applied.
[[nodiscard]] bool has_applied_all(const Instance& instance);

// --- Steps ---

struct WaitFor {
  Condition condition{};
  std::chrono::seconds limit{10};
  /// Ends earlier when the server executes nothing for so long.
  std::optional<std::chrono::seconds> stall_limit{};
};
/// Asks the server for the replication user and password; kept by the executor, never in a plan.
struct ReadCredentials {};
struct Reprobe {};  ///< reads the server anew
/// Takes a server out of service, whether it seemed to answer or not: read-only, clients' sessions
/// ended. The limit covers all of it.
struct Fence {
  std::chrono::milliseconds limit{500};
};
struct RunFenceHooks {};  ///< FenceProcesses, against the server; all must succeed
/// Sees that the account may change read_only there, and that no prepared transaction stays.
struct CheckHandOver {};

/// Finds by Pseudo-GTID where the server, which stands still, goes on in the other's binary log.
struct Align {
  InstanceKey below{};
  bool relay_logs_only{false};
};

using Action = std::variant<Change, WaitFor, ReadCredentials, Reprobe, Fence, RunFenceHooks,
                            CheckHandOver, Align>;

/// One action on one server, and why.
struct Step {
  InstanceKey server{};
  Action action{};
  std::string why{};
  /// For PointTo: user and password are those that ReadCredentials got from this server.
  std::optional<InstanceKey> credentials_from{};
  bool point_of_no_return{false};
  /// For a Change: how long it may take. For a Reprobe: how long a silent server has to answer.
  /// Nothing = the executor's own limit.
  std::optional<std::chrono::milliseconds> limit{};
};

/// "db2:3306: stop replication", "db3:3306: wait (10s) until everything received is applied".
[[nodiscard]] std::string describe(const Step& step);
/// The same without the server.
[[nodiscard]] std::string describe(const Action& action);
/// Whether it leaves the server otherwise than it was.
[[nodiscard]] bool changes_server(const Step& step);
/// Whether nobody else may work on the server meanwhile. A fence asks nobody.
[[nodiscard]] bool needs_lock(const Step& step);

/// How a step ended.
struct StepResult {
  Step step{};
  std::optional<Error> error{};
  std::optional<BinlogCoordinates> found{};  ///< Align: where
  bool idle{false};                          ///< RollBackPartial: there was none
};

// --- Decisions ---

/// Where binlog servers go on in the log of that server: its binary logs were brought to the name
/// that follows theirs.
struct Continuation {
  InstanceKey server{};
  BinlogCoordinates at{};
  friend bool operator==(const Continuation&, const Continuation&) = default;
};

struct LostReplica {
  InstanceKey key{};
  std::string because{};
  friend bool operator==(const LostReplica&, const LostReplica&) = default;
};

/// What a planner knows and cannot read from the servers again.
struct PlanFacts {
  std::optional<InstanceKey> winner{};
  std::optional<BinlogCoordinates> at_promotion{};  ///< the winner's own log, before new writes
  std::optional<Position> position_at_promotion{};
  /// How far the winner was in the failed server's log, by the word of a binlog server as well.
  std::optional<BinlogCoordinates> place_at_promotion{};
  std::optional<Continuation> continuation{};
  std::optional<std::string> lost_transactions{};
  std::optional<Position> stood_at{};  ///< a primary made read-only, when it was first looked at
  /// The replicas of a server that is not replaced, or the binlog servers of one that is, as they
  /// were when the run began; of a repair of semi-sync, those that it has begun to switch.
  std::optional<std::vector<InstanceKey>> orphans{};
  /// Given up, and begun to be detached by this plan: they do not follow the old primary any more.
  std::optional<std::vector<LostReplica>> detached{};
  /// Those whose delay was taken off, so that they apply what it held back: see undelay().
  std::vector<Undelayed> undelayed{};
  /// Those led to another to fetch what they lacked, and whom they followed before.
  std::map<InstanceKey, InstanceKey> fetching{};
  std::vector<InstanceKey> semi_sync_sources{};  ///< until they were fenced, which ends that
  std::optional<Error> giving_up{};          ///< the plan has failed, and only undoes what it can
  bool failed_is_read_only{false};           ///< an earlier run of the plan has made it so
  std::vector<InstanceKey> told_to_write{};  ///< by an earlier run, whatever came of it
};

/// How the server was before its delay was taken off; null when it was not.
[[nodiscard]] const Undelayed* undelayed(const PlanFacts& facts, const InstanceKey& server);
[[nodiscard]] bool was_semi_sync_source(const PlanFacts& facts, const InstanceKey& server);

/// Takes over what is set in `news`.
void remember(PlanFacts& facts, const PlanFacts& news);

/// Do these, then ask again. Steps on one server run in order, and the first that fails ends that
/// server's share; different servers may be worked on at the same time.
struct Run {
  std::vector<Step> steps{};
  PlanFacts facts{};  ///< what is set here is remembered
};

/// What became of the servers, in the end.
struct Account {
  std::optional<InstanceKey> promoted{};
  BinlogCoordinates coordinates{};  ///< of the promoted server's log, at promotion
  std::vector<InstanceKey> moved{};
  std::vector<LostReplica> lost{};
  /// What the old primary is known to have had and nobody has; "nothing", or "unknown: ...".
  std::string lost_transactions{};
  /// Somebody but the promoted server took writes after it was meant to take none, or does now.
  bool two_took_writes{false};
  std::vector<std::string> notes{};
};

struct Done {
  Account account{};
};
struct GiveUp {
  Error because{};
  Account account{};
};

using Decision = std::variant<Run, Done, GiveUp>;

/// What happened so far in this run.
struct Progress {
  Topology at_start{};  ///< as probed before the first step
  std::vector<StepResult> steps{};
  PlanFacts facts{};
};

/// Pure. `fresh` is read after the steps in `so_far` ran. A planner that starts anew in the middle
/// (after a crash) finds its way by `fresh` alone.
using Planner = std::function<Decision(const Progress& so_far, const Topology& fresh)>;

// --- Questions about progress ---

/// The latest step that failed on the server; nothing when none did.
[[nodiscard]] const StepResult* failure_on(const Progress& so_far, const InstanceKey& server);
/// The latest result of a step with such an action on the server.
[[nodiscard]] const StepResult* latest(const Progress& so_far, const InstanceKey& server,
                                       const std::function<bool(const Action&)>& is_it);

/// The change of type T that the action makes; null when it makes none.
template <typename T>
[[nodiscard]] const T* change_in(const Action& action) {
  const Change* change = std::get_if<Change>(&action);
  return change == nullptr ? nullptr : std::get_if<T>(change);
}
template <typename T>
[[nodiscard]] bool is_change(const Action& action) {
  return change_in<T>(action) != nullptr;
}
/// Whether the action waits for a condition of type T.
template <typename T>
[[nodiscard]] bool waits_for(const Action& action) {
  const WaitFor* wait = std::get_if<WaitFor>(&action);
  return wait != nullptr && std::holds_alternative<T>(wait->condition);
}

/// Whether a step of the run, or an earlier run by the facts it left, told a server to take writes:
/// from then on there is no way back.
[[nodiscard]] bool is_past_return(const Progress& so_far);

/// Whether the latest probe reached the server.
[[nodiscard]] bool answers(const Instance& instance);
/// What is said of the server, without "db2:3306: " in front: for who names it himself.
[[nodiscard]] std::string without_name(std::string_view text, const InstanceKey& server);
/// Why it did not: "does not answer: ...", or "cannot be read: ..." when it is up and says no.
[[nodiscard]] std::string silence_of(const Instance& instance);
/// Whether they all turn us away for the account's sake.
[[nodiscard]] bool all_deny(const std::vector<const Instance*>& instances);

/// Whether a stopped applier must be started before the receiver is stopped, so that what was
/// received can be applied: with GTID, MariaDB throws its relay logs away when a thread is started
/// while neither runs.
[[nodiscard]] bool applier_goes_first(const Instance& replica);

}  // namespace orch
