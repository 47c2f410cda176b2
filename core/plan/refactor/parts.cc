#include "core/plan/refactor/parts.h"

#include <algorithm>
#include <utility>

#include "core/model/replication_rules.h"
#include "core/plan/undo.h"

namespace orch {

namespace {

/// By what the server is now.
bool is_done(const Change& change, const Instance& now) {
  const Replication& replication = now.replication;
  if (const auto* stop = std::get_if<StopReplication>(&change)) {
    const bool receives =
        stop->threads != ReplicationThreads::Applier && runs(replication.io_state);
    const bool applies =
        stop->threads != ReplicationThreads::Receiver && runs(replication.sql_state);
    return !receives && !applies;
  }
  const auto* target = std::get_if<PointTo>(&change);
  return target != nullptr
             ? replication.source == target->source
             : std::holds_alternative<StartReplication>(change) && runs(replication.sql_state);
}

}  // namespace

Failure refusal(std::string text) {
  return fail(ErrorKind::Refused, std::move(text));
}

std::string unread_text(const Instance& server) {
  return to_string(server.key) + ": last check invalid: it " + silence_of(server);
}

ErrorKind kind_of_silence(const Instance& server) {
  return all_deny({&server}) ? ErrorKind::Denied : ErrorKind::Unreachable;
}

Failure objection(std::string text, const Instance& server, const Instance& destination) {
  for (const Instance* one : {&server, &destination}) {
    if (answers(*one) || text != unread_text(*one)) continue;
    return fail(kind_of_silence(*one), std::move(text));
  }
  return refusal(std::move(text));
}

ErrorKind kind_of_losing(const std::vector<LostReplica>& lost, const Topology& fresh) {
  std::vector<const Instance*> servers;
  for (const LostReplica& one : lost) {
    const Instance* server = fresh.find(one.key);
    if (server == nullptr || answers(*server)) return ErrorKind::Refused;
    servers.push_back(server);
  }
  return all_deny(servers) ? ErrorKind::Denied : ErrorKind::Unreachable;
}

Step step_on(const InstanceKey& server, Action action, std::string why) {
  return {server, std::move(action), std::move(why), {}, false, {}};
}

bool leads_alike(const PointTo& one, const PointTo& other) {
  return one.source == other.source && one.written_name == other.written_name;
}

LinkOptions new_link_options(const Instance& server, const Instance* model) {
  LinkOptions options;
  if (model != nullptr) {
    const Replication& link = model->replication;
    options = {link.tls, link.allow_tls, link.heartbeat, link.kept};
  }
  // Without TLS and without the key, caching_sha2_password cannot log in.
  if (!is_mariadb(server) && !options.use_tls && options.tls.public_key_path.empty()) {
    options.tls.get_public_key = true;
  }
  return options;
}

std::string turned_away_text(const Difference& own) {
  return "replicates with MASTER_USE_GTID=current_pos and has transactions of its own that its "
         "source lacks (" +
         own.text + "): stopped, it would not start again";
}

bool has_failed(const StepResult& result, const Instance& now, const Progress& so_far) {
  constexpr int kTries = 3;
  const auto* change = std::get_if<Change>(&result.step.action);
  if (change == nullptr || !is_connection_failure(*result.error)) return true;
  if (result.error->timed_out && !is_done(*change, now)) return true;
  int failures = 0;  // in a row: of a network that loses some packets, each step meets some
  for (const StepResult& other : so_far.steps) {
    const auto* tried = std::get_if<Change>(&other.step.action);
    if (other.step.server != now.key || tried == nullptr) continue;
    const bool again = other.error && tried->index() == change->index();
    failures = again && is_connection_failure(*other.error) ? failures + 1 : 0;
  }
  return failures >= kTries;
}

std::string cannot_go_by_place(const Instance& replica, Positioning how) {
  const bool by_place =
      how == Positioning::Coordinates || (how == Positioning::Keep && !uses_gtid(replica));
  return by_place ? bound_to_gtid(replica) : "";
}

std::string gone_there(const Instance& replica, const Instance& source) {
  const Result<std::string> lacking =
      answers(source) ? purged_and_lacking(replica, source, false) : std::string();
  if (!lacking || lacking->empty()) return "";
  return "lacks what " + to_string(source.key) + " has purged: " + *lacking;
}

std::string cannot_start_again(const Instance& replica, const Instance* source) {
  if (!runs(replica.replication.io_state) || source == nullptr || !answers(*source)) return "";
  // What it writes may be on its way round to a source that follows it.
  if (source->replication.source == replica.key) return "";
  const Difference own = own_missing(replica, *source);
  return own.empty() ? "" : turned_away_text(own);
}

std::optional<Step> see_applier_end(const Instance& replica, const Progress& so_far) {
  // As long as the server itself would wait.
  constexpr std::chrono::seconds kLimit{60};
  const StepResult* ended = latest(so_far, replica.key, [](const Action& action) {
    return is_change<RollBackPartial>(action) || is_change<StartReplication>(action) ||
           waits_for<IsStopped>(action);
  });
  if (ended == nullptr || ended->error || ended->idle) return std::nullopt;
  if (!is_change<RollBackPartial>(ended->step.action)) return std::nullopt;
  if (!runs(replica.replication.sql_state)) return std::nullopt;
  return Step{replica.key, WaitFor{IsStopped{}, kLimit, {}}, "its applier rolls back", {}, false,
              {}};
}

std::optional<Step> give_up_partial(const Instance& replica, const Progress& so_far) {
  const Replication& replication = replica.replication;
  // MySQL counts a transaction as received when it is there as a whole, and as all have GTIDs, one
  // that is not counted is not whole.
  const bool by_gtid = !is_mariadb(replica) && replica.gtid.mode == "ON" &&
                       is_before(replication.exec, replication.read);
  const bool has_partial = (by_gtid || !replication.partial.empty()) && is_replica(replica) &&
                           replication.channels <= 1 && !is_group_member(replica) &&
                           answers(replica) && replication.io_state == ThreadState::Stopped &&
                           runs(replication.sql_state) && has_applied_all(replica);
  if (!has_partial || latest(so_far, replica.key, is_change<RollBackPartial>) != nullptr) {
    return std::nullopt;
  }
  return step_on(replica.key, Change{RollBackPartial{}}, "its rest will not come");
}

bool may_apply(const Instance& replica) {
  const Replication& replication = replica.replication;
  return replication.last_sql_error.empty() && replication.sql_delay.count() == 0 &&
         !replica.server.binlog_server;
}

bool receiver_stops_last(const Instance& replica, const Instance* source) {
  return !is_mariadb(replica) && !replica.server.binlog_server && source != nullptr &&
         answers(*source) && replica.replication.io_state == ThreadState::Running;
}

std::vector<Step> drain_steps(const Instance& replica, const Instance* source,
                              const Policy& policy) {
  std::vector<Step> steps;
  const Replication& replication = replica.replication;
  const bool start_first = applier_goes_first(replica);
  const auto start_applier = [&] {
    steps.push_back(step_on(replica.key, Change{StartReplication{ReplicationThreads::Applier}},
                            "apply what it holds"));
  };
  if (start_first) start_applier();
  AppliedReceived wanted;
  if (receiver_stops_last(replica, source)) {
    wanted.held = received_position(replica);
  } else if (runs(replication.io_state)) {
    const bool is_silent = source != nullptr && !answers(*source);
    steps.push_back(step_on(replica.key,
                            Change{StopReplication{ReplicationThreads::Receiver, is_silent}},
                            "receive no more"));
  }
  if (!start_first && !has_applied_all(replica) && !runs(replication.sql_state)) start_applier();
  steps.push_back(step_on(replica.key, WaitFor{std::move(wanted), policy.bulk_wait, {}},
                          "nothing received is thrown away"));
  return steps;
}

Decision give_up(Error because, const Progress& so_far, const Topology& fresh) {
  Run undo{undo_thread_steps(so_far, fresh), {}};
  if (undo.steps.empty()) return GiveUp{std::move(because), {}};
  undo.facts.giving_up = std::move(because);
  return undo;
}

Decision give_up(std::string refused, const Progress& so_far, const Topology& fresh) {
  return give_up(Error{ErrorKind::Refused, std::move(refused)}, so_far, fresh);
}

Planner in_one_go(InstanceKey server, Sequence sequence) {
  return [server = std::move(server), sequence = std::move(sequence)](
             const Progress& so_far, const Topology& fresh) -> Decision {
    const Instance* before = so_far.at_start.find(server);
    if (before == nullptr || !answers(*before)) {
      const ErrorKind kind = before == nullptr    ? ErrorKind::NotFound
                             : all_deny({before}) ? ErrorKind::Denied
                                                  : ErrorKind::Unreachable;
      const std::string why = before == nullptr ? "" : ": it " + silence_of(*before);
      return GiveUp{Error{kind, "Error reading " + to_string(server) + why}, {}};
    }
    if (const StepResult* failed = failure_on(so_far, server)) {
      if (Run undo{undo_thread_steps(so_far, fresh), {}}; !undo.steps.empty()) return undo;
      return GiveUp{*failed->error, {}};
    }
    auto steps = sequence(*before, so_far.at_start);
    if (!steps) return GiveUp{std::move(steps).error(), {}};
    if (so_far.steps.empty() && !steps->empty()) return Run{*std::move(steps), {}};
    return Done{};
  };
}

}  // namespace orch
