#include "core/plan/recovery/binlog_servers.h"

#include <algorithm>
#include <utility>

#include "core/plan/binlog_family.h"
#include "core/plan/recovery/promotion.h"
#include "core/plan/refactor/binary_logs.h"
#include "core/plan/refactor/parts.h"

namespace orch {

bool reads_log_of(const Topology& topology, const Instance& server, const InstanceKey& failed) {
  return is_replica(server) && owner_of_log(topology, server.replication.source) == failed;
}

const Instance* leading_binlog_server(const Topology& topology, const InstanceKey& failed) {
  const Instance* leading = nullptr;
  const auto leads = [&](const Instance& one) {
    const auto order = compare(one.replication.exec, leading->replication.exec);
    // One that got all below another must not take its place.
    const bool nearer = one.replication.source == failed && leading->replication.source != failed;
    return order > 0 || (order == 0 && nearer);
  };
  for (const Instance& one : topology.instances()) {
    if (!one.server.binlog_server || !answers(one) || one.key == failed) continue;
    if (!reads_log_of(topology, one, failed)) continue;
    if (leading == nullptr || leads(one)) leading = &one;
  }
  return leading;
}

bool only_binlog_servers(const Topology& topology, const InstanceKey& failed) {
  bool any = false;
  for (const Instance* replica : topology.replicas_of(failed)) {
    if (!answers(*replica)) continue;
    if (!replica->server.binlog_server) return false;
    any = true;
  }
  return any;
}

std::string objection_to_continuing(const Instance& server, const Instance& leading) {
  const auto next = next_log(leading.replication.exec);
  if (!next) return "the logs of " + to_string(leading.key) + " have no number";
  const auto flushes = flushes_until(server.server.binlog.log_file, next->log_file);
  // The log of that name may hold what the binlog servers have already.
  if (flushes && *flushes > 0) return "";
  return "its log " + server.server.binlog.log_file + " cannot become " + next->log_file +
         ", with which " + to_string(leading.key) + " goes on";
}

std::optional<Run> fill_binlog_server(const Instance& failed, const Policy& policy,
                                      const Progress& so_far, const Topology& fresh) {
  const Instance* leading = leading_binlog_server(fresh, failed.key);
  if (leading == nullptr || !answers(failed) || !failed.server.read_only) return std::nullopt;
  const BinlogCoordinates& end = failed.server.binlog;
  const bool may_fill = leading->replication.source == failed.key && replica_running(*leading) &&
                        is_before(leading->replication.exec, end) &&
                        latest(so_far, leading->key, waits_for<HasExecuted>) == nullptr;
  if (!may_fill) return std::nullopt;
  return Run{{step_on(leading->key, WaitFor{HasExecuted{end}, policy.bulk_wait, {}},
                      "the old primary still sends")},
             {}};
}

std::optional<Decision> fetch_from_binlog_server(const Instance& winner,
                                                 const FailoverRequest& request,
                                                 const Policy& policy, const Progress& so_far,
                                                 const Topology& fresh) {
  const Instance* leading = leading_binlog_server(fresh, request.failed);
  if (leading == nullptr || !reads_log_of(fresh, winner, request.failed)) return std::nullopt;
  const BinlogCoordinates& wanted = leading->replication.exec;
  if (!is_before(winner.replication.exec, wanted)) return std::nullopt;
  const StepResult* tried = latest(so_far, winner.key, [&](const Action& action) {
    return is_change<PointTo>(action) || waits_for<HasExecuted>(action);
  });
  std::string obstacle = tried != nullptr && tried->error ? tried->error->message : "";
  if (auto can = can_replicate_from(winner, *leading, policy.rules()); obstacle.empty() && !can) {
    obstacle = can.error().message;
  }
  if (!obstacle.empty()) {
    if (!request.designated) return std::nullopt;
    return back_out(Error{ErrorKind::Refused,
                          to_string(winner.key) + " cannot be promoted: " +
                              to_string(leading->key) + " has more of the log than it, up to " +
                              to_string(wanted) + ", and it cannot get that: " + obstacle},
                    so_far, fresh);
  }
  Run run;
  run.facts.winner = winner.key;
  const std::string why = to_string(leading->key) + " has more of the log";
  const Instance* source = fresh.source_of(winner.key);
  const bool comes_by_itself = source != nullptr && source->server.binlog_server &&
                               answers(*source) && !is_before(source->replication.exec, wanted);
  if (!comes_by_itself) {
    if (!replication_threads_stopped(winner)) {
      run.steps.push_back(step_on(winner.key, Change{StopReplication{}}, why));
    }
    PointTo target;
    target.source = leading->key;
    target.positioning = Positioning::Coordinates;
    target.coordinates = winner.replication.exec;
    run.steps.push_back(step_on(winner.key, Change{std::move(target)}, why));
  }
  if (!comes_by_itself || !replica_running(winner)) {
    run.steps.push_back(step_on(winner.key, Change{StartReplication{}}, why));
  }
  run.steps.push_back(step_on(
      winner.key,
      WaitFor{HasExecuted{wanted}, policy.promotion_wait, policy.reasonable_replication_lag},
      "have all that any binlog server has"));
  return run;
}

std::optional<Run> line_up_logs(const Instance& winner, const InstanceKey& failed,
                                const Progress& so_far, const Topology& fresh) {
  const Instance* leading = leading_binlog_server(fresh, failed);
  if (leading == nullptr || !only_binlog_servers(fresh, failed)) return std::nullopt;
  if (winner.replication.exec != leading->replication.exec) return std::nullopt;
  if (!objection_to_continuing(winner, *leading).empty()) return std::nullopt;
  if (latest(so_far, winner.key, is_change<FlushBinaryLogs>) != nullptr) return std::nullopt;
  const BinlogCoordinates next = *next_log(leading->replication.exec);
  const std::uint64_t flushes = *flushes_until(winner.server.binlog.log_file, next.log_file);
  Run run;
  // What it applies goes to its own log, and may begin a new one.
  if (!replication_threads_stopped(winner)) {
    run.steps.push_back(
        step_on(winner.key, Change{StopReplication{}}, "it has applied all that it received"));
  }
  run.steps.push_back(step_on(
      winner.key, Change{FlushBinaryLogs{static_cast<int>(flushes)}},
      "new writes go to " + next.log_file + ", where " + to_string(leading->key) + " goes on"));
  run.facts.winner = winner.key;
  run.facts.continuation = Continuation{winner.key, next};
  // Some will be below others when a run is cut off.
  run.facts.orphans.emplace();
  for (const Instance* replica : fresh.replicas_of(failed)) {
    run.facts.orphans->push_back(replica->key);
  }
  return run;
}

void note_place(PlanFacts& facts, const Instance& winner, const InstanceKey& failed,
                const Topology& fresh) {
  const Instance* leading = leading_binlog_server(fresh, failed);
  if (leading == nullptr || !reads_log_of(fresh, winner, failed)) return;
  // Those of a replica by GTID may stand still behind what it has; here another vouches for them.
  if (winner.replication.exec == leading->replication.exec) {
    facts.place_at_promotion = winner.replication.exec;
  }
}

bool continues_logs(const PlanFacts& facts, const InstanceKey& winner) {
  return facts.continuation && facts.continuation->server == winner && facts.at_promotion &&
         facts.place_at_promotion &&
         facts.at_promotion->log_file == facts.continuation->at.log_file;
}

std::optional<Step> purge_older_logs(const Instance& winner, const Progress& so_far,
                                     const Topology& fresh) {
  if (!continues_logs(so_far.facts, winner.key)) return std::nullopt;
  if (latest(so_far, winner.key, is_change<PurgeBinaryLogs>) != nullptr) return std::nullopt;
  const BinlogCoordinates& kept = so_far.facts.continuation->at;
  for (const Instance* replica : fresh.replicas_of(winner.key)) {
    if (!answers(*replica) || is_before(replica->replication.exec, kept)) return std::nullopt;
  }
  return step_on(winner.key, Change{PurgeBinaryLogs{kept.log_file}},
                 "older ones are not those that binlog servers know by that name");
}

}  // namespace orch
