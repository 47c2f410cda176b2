#include "core/plan/step.h"

#include <algorithm>

namespace orch {

namespace {

template <typename... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <typename... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

std::string_view threads_text(ReplicationThreads threads) {
  switch (threads) {
    case ReplicationThreads::Both:
      return "replication";
    case ReplicationThreads::Receiver:
      return "the receiver";
    case ReplicationThreads::Applier:
      return "the applier";
  }
  return "replication";
}

std::string positioning_text(const PointTo& target) {
  switch (target.positioning) {
    case Positioning::Keep:
      return target.coordinates.empty() ? "" : " at " + to_string(target.coordinates);
    case Positioning::Gtid:
      return " by GTID";
    case Positioning::MariaDbCurrent:
      return " by GTID, its own transactions included";
    case Positioning::Coordinates:
      return " at " + to_string(target.coordinates);
  }
  return "";
}

std::string on_off(bool on) {
  return on ? "on" : "off";
}

std::string describe_change(const Change& change) {
  return std::visit(
      Overloaded{
          [](const StopReplication& c) { return "stop " + std::string(threads_text(c.threads)); },
          [](const StartReplication& c) { return "start " + std::string(threads_text(c.threads)); },
          [](const PointTo& c) {
            return "replicate from " + to_string(c.source) + positioning_text(c);
          },
          [](const ResetReplication&) { return std::string("forget the source"); },
          [](const SetReadOnly& c) {
            return std::string(c.on ? "make read-only" : "make writable");
          },
          [](const SetSemiSyncSource& c) { return "semi-sync as source " + on_off(c.on); },
          [](const SetSemiSyncReplica& c) { return "semi-sync as replica " + on_off(c.on); },
          [](const SetDelay& c) {
            return "set the delay to " + std::to_string(c.delay.count()) + "s" +
                   (c.keeps_relay_logs ? " and keep what it has received" : "");
          },
          [](const FlushBinaryLogs& c) {
            return "flush binary logs " + std::to_string(c.times) + " times";
          },
          [](const StartUntil& c) { return "start replication until " + to_string(c.until); },
          [](const PurgeBinaryLogs& c) { return "purge binary logs before " + c.up_to; },
          [](const ResetGtidHistory& c) {
            return "empty the binary log, and let count as executed: " + c.executed;
          },
          [](const InjectEmptyTransactions& c) {
            return "commit " + std::to_string(c.gtids.size()) + " empty transactions, from " +
                   c.gtids.front() + " to " + c.gtids.back();
          },
          [](const CommitNothing&) {
            return std::string("commit a transaction that does nothing");
          },
          [](const SkipEvent&) { return std::string("skip the event that stopped the applier"); },
          [](const KillQuery& c) {
            return "kill the query of session " + std::to_string(c.session);
          },
          [](const FollowByGtid&) { return std::string("follow by GTID again"); },
          [](const RollBackPartial&) {
            return std::string("roll back what it has received in part, if anything");
          },
      },
      change);
}

std::string describe_condition(const Condition& condition) {
  return std::visit(
      Overloaded{
          [](const AppliedReceived&) { return std::string("everything received is applied"); },
          [](const HasExecuted& c) { return to_string(c.position) + " is executed"; },
          [](const ReplicatesFrom& c) { return "it replicates from " + to_string(c.source); },
          [](const HoldsNoTemporaryTables&) { return std::string("it holds no temporary tables"); },
          [](const IsStopped&) { return std::string("replication is stopped"); },
          [](const CanBeRead&) { return std::string("it answers"); },
      },
      condition);
}

/// Why the applier will not go on by itself; "" when it may.
std::string applier_trouble(const Instance& instance) {
  const Replication& replication = instance.replication;
  if (!is_replica(instance) || replication.sql_state == ThreadState::Running) return "";
  if (!replication.last_sql_error.empty()) {
    return "its applier stopped: " + replication.last_sql_error;
  }
  return "its applier is stopped";
}

Standing standing_of_applied(const Instance& instance, const Position& wanted) {
  // Coordinates are in the source's log, also for one whose GTIDs are known.
  const bool by_coordinates = std::holds_alternative<BinlogCoordinates>(wanted);
  const Difference rest = missing(
      by_coordinates ? Position(instance.replication.exec) : executed_gtids(instance), wanted);
  if (rest.empty()) return {Standing::State::Holds, ""};
  const std::string trouble = applier_trouble(instance);
  if (!trouble.empty()) return {Standing::State::Never, trouble};
  const std::string lacks = "it has not executed " + to_string(rest);
  const Replication& replication = instance.replication;
  const bool receives = replication.io_state == ThreadState::Running;
  if (receives || replication.last_io_error.empty() ||
      contains(received_position(instance), wanted)) {
    return {Standing::State::NotYet, lacks};
  }
  // A receiver that is to try again says that it connects, but a wrong password does not mend.
  const bool stopped = replication.io_state == ThreadState::Stopped;
  const bool denied = replication.last_io_error.find("ccess denied") != std::string::npos;
  return {stopped || denied ? Standing::State::Never : Standing::State::NotYet,
          lacks + (stopped ? "; its receiver stopped: " : "; its receiver: ") +
              replication.last_io_error};
}

Standing standing_of_link(const Instance& instance, const InstanceKey& source) {
  const Replication& replication = instance.replication;
  if (replication.source != source) {
    return {Standing::State::Never, "it follows " + to_string(replication.source)};
  }
  if (replica_running(instance)) return {Standing::State::Holds, ""};
  if (replication.sql_state == ThreadState::Stopped) {
    return {Standing::State::Never, applier_trouble(instance)};
  }
  if (replication.io_state == ThreadState::Stopped && !replication.last_io_error.empty()) {
    return {Standing::State::Never, "its receiver stopped: " + replication.last_io_error};
  }
  return {Standing::State::NotYet, replication.last_io_error.empty()
                                       ? "its receiver is not connected"
                                       : replication.last_io_error};
}

}  // namespace

Standing standing(const Condition& condition, const Instance& instance) {
  return std::visit(
      Overloaded{
          [&](const AppliedReceived& c) {
            Standing now = standing_of_applied(
                instance, is_known(c.held) ? c.held : received_position(instance));
            const bool told_too_soon = now.state == Standing::State::Holds && !c.not_at.empty() &&
                                       instance.gtid.mariadb_slave_pos == c.not_at;
            if (!told_too_soon) return now;
            const std::string trouble = applier_trouble(instance);
            if (!trouble.empty()) return Standing{Standing::State::Never, trouble};
            return Standing{Standing::State::NotYet, "it has applied nothing yet"};
          },
          [&](const HasExecuted& c) { return standing_of_applied(instance, c.position); },
          [&](const ReplicatesFrom& c) { return standing_of_link(instance, c.source); },
          [&](const HoldsNoTemporaryTables&) {
            const unsigned held = instance.replication.temporary_tables;
            if (held == 0) return Standing{Standing::State::Holds, ""};
            return Standing{
                Standing::State::NotYet,
                "it holds " + std::to_string(held) + " temporary tables of its source's clients"};
          },
          [&](const IsStopped&) {
            const bool stopped = !is_replica(instance) || replication_threads_stopped(instance);
            return Standing{stopped ? Standing::State::Holds : Standing::State::NotYet,
                            stopped ? "" : "a replication thread runs"};
          },
          [&](const CanBeRead&) {
            return answers(instance) ? Standing{Standing::State::Holds, ""}
                                     : Standing{Standing::State::Never, silence_of(instance)};
          },
      },
      condition);
}

bool has_applied_all(const Instance& instance) {
  return standing(AppliedReceived{}, instance).state == Standing::State::Holds;
}

std::string describe(const Action& action) {
  return std::visit(
      Overloaded{
          [](const Change& change) { return describe_change(change); },
          [](const WaitFor& wait) {
            const std::string stall =
                wait.stall_limit
                    ? ", " + std::to_string(wait.stall_limit->count()) + "s without progress"
                    : "";
            return "wait (at most " + std::to_string(wait.limit.count()) + "s" + stall +
                   ") until " + describe_condition(wait.condition);
          },
          [](const ReadCredentials&) {
            return std::string("read the replication user and password");
          },
          [](const Reprobe&) { return std::string("read its state"); },
          [](const Fence& fence) {
            return "make read-only and end its clients' sessions (at most " +
                   std::to_string(fence.limit.count()) + " ms)";
          },
          [](const RunFenceHooks&) { return std::string("run FenceProcesses"); },
          [](const CheckHandOver&) {
            return std::string("see that read_only may be changed, and would bind all");
          },
          [](const Align& align) {
            return "find by Pseudo-GTID where it goes on in the log of " + to_string(align.below);
          },
      },
      action);
}

std::string describe(const Step& step) {
  return to_string(step.server) + ": " + describe(step.action);
}

bool changes_server(const Step& step) {
  return needs_lock(step) || std::holds_alternative<Fence>(step.action);
}

bool needs_lock(const Step& step) {
  return std::holds_alternative<Change>(step.action);
}

bool is_past_return(const Progress& so_far) {
  if (so_far.facts.winner && so_far.facts.at_promotion) return true;
  return std::any_of(so_far.steps.begin(), so_far.steps.end(), [](const StepResult& result) {
    return result.step.point_of_no_return && !result.error;
  });
}

const StepResult* failure_on(const Progress& so_far, const InstanceKey& server) {
  const auto found = std::find_if(
      so_far.steps.rbegin(), so_far.steps.rend(),
      [&](const StepResult& result) { return result.step.server == server && result.error; });
  return found == so_far.steps.rend() ? nullptr : &*found;
}

const StepResult* latest(const Progress& so_far, const InstanceKey& server,
                         const std::function<bool(const Action&)>& is_it) {
  const auto found =
      std::find_if(so_far.steps.rbegin(), so_far.steps.rend(), [&](const StepResult& result) {
        return result.step.server == server && is_it(result.step.action);
      });
  return found == so_far.steps.rend() ? nullptr : &*found;
}

const Undelayed* undelayed(const PlanFacts& facts, const InstanceKey& server) {
  const auto found = std::find_if(facts.undelayed.begin(), facts.undelayed.end(),
                                  [&](const Undelayed& one) { return one.server == server; });
  return found == facts.undelayed.end() ? nullptr : &*found;
}

bool was_semi_sync_source(const PlanFacts& facts, const InstanceKey& server) {
  const std::vector<InstanceKey>& all = facts.semi_sync_sources;
  return std::find(all.begin(), all.end(), server) != all.end();
}

void remember(PlanFacts& facts, const PlanFacts& news) {
  if (news.winner) facts.winner = news.winner;
  if (news.at_promotion) facts.at_promotion = news.at_promotion;
  if (news.position_at_promotion) facts.position_at_promotion = news.position_at_promotion;
  if (news.place_at_promotion) facts.place_at_promotion = news.place_at_promotion;
  if (news.continuation) facts.continuation = news.continuation;
  if (news.lost_transactions) facts.lost_transactions = news.lost_transactions;
  if (news.stood_at) facts.stood_at = news.stood_at;
  if (news.orphans) facts.orphans = news.orphans;
  if (news.detached) facts.detached = news.detached;
  for (const Undelayed& one : news.undelayed) {
    if (undelayed(facts, one.server) == nullptr) facts.undelayed.push_back(one);
  }
  facts.fetching.insert(news.fetching.begin(), news.fetching.end());
  for (const InstanceKey& key : news.semi_sync_sources) {
    if (!was_semi_sync_source(facts, key)) facts.semi_sync_sources.push_back(key);
  }
  if (news.giving_up) facts.giving_up = news.giving_up;
}

bool answers(const Instance& instance) {
  return instance.freshness.is_last_check_valid;
}

std::string without_name(std::string_view text, const InstanceKey& server) {
  const std::string name = to_string(server) + ": ";
  if (text.starts_with(name)) text.remove_prefix(name.size());
  return std::string(text);
}

std::string silence_of(const Instance& instance) {
  const std::optional<Error>& error = instance.freshness.last_error;
  if (!error) return "does not answer";
  return (error->by_server ? "cannot be read: " : "does not answer: ") +
         without_name(error->message, instance.key);
}

bool all_deny(const std::vector<const Instance*>& instances) {
  return !instances.empty() &&
         std::all_of(instances.begin(), instances.end(), [](const Instance* instance) {
           const std::optional<Error>& error = instance->freshness.last_error;
           return !answers(*instance) && error && error->kind == ErrorKind::Denied;
         });
}

bool applier_goes_first(const Instance& replica) {
  const Replication& replication = replica.replication;
  return is_mariadb(replica) && uses_gtid(replica) &&
         replication.sql_state != ThreadState::Running &&
         replication.io_state != ThreadState::Stopped && replication.last_sql_error.empty();
}

}  // namespace orch
