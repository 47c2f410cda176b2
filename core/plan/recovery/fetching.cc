#include "core/plan/recovery/fetching.h"

#include <utility>

#include "core/plan/recovery/binlog_servers.h"
#include "core/plan/recovery/holdings.h"
#include "core/plan/refactor/match.h"
#include "core/plan/refactor/parts.h"

namespace orch {

namespace {

const StepResult* alignment(const Progress& so_far, const InstanceKey& server,
                            const InstanceKey& below) {
  return latest(so_far, server, [&](const Action& action) {
    const auto* align = std::get_if<Align>(&action);
    return align != nullptr && align->below == below;
  });
}

}  // namespace

std::string failed_fetch(const Progress& so_far, const InstanceKey& server) {
  const auto is_fetch = [](const Action& action) {
    return is_change<PointTo>(action) || std::holds_alternative<Align>(action);
  };
  const StepResult* begun = latest(so_far, server, is_fetch);
  if (begun == nullptr) return "";
  if (begun->error) return begun->error->message;
  const StepResult* waited = latest(so_far, server, waits_for<HasExecuted>);
  return waited != nullptr && waited->error ? waited->error->message : "";
}

std::string obstacle_to_fetch(const Instance& winner, const Instance& ahead, const Policy& policy,
                              const Progress& so_far) {
  if (std::string failure = failed_fetch(so_far, winner.key); !failure.empty()) return failure;
  if (ahead.replication.has_filters) return "it filters what it replicates";
  if (!ahead.replication.last_sql_error.empty()) return "its applier stopped";
  const bool match = !gtid_compatible(winner, ahead) && may_match(winner, ahead, policy);
  const auto can = match ? check_match(winner, ahead, policy)
                         : can_replicate_from_gtid(winner, ahead, policy.rules());
  return can ? "" : can.error().message;
}

Decision fetch_from(const Instance& winner, const Instance& ahead, const FailoverRequest& request,
                    const Policy& policy, const Progress& so_far, const Topology& fresh) {
  Run run;
  run.facts.winner = winner.key;
  const std::string why = to_string(ahead.key) + " has received more";
  if (!replication_threads_stopped(winner)) {
    run.steps.push_back(step_on(winner.key, Change{StopReplication{}}, why));
  }
  PointTo target;
  target.source = ahead.key;
  Position wanted = executed_position(ahead);
  if (!gtid_compatible(winner, ahead)) {
    const StepResult* aligned = alignment(so_far, winner.key, ahead.key);
    if (aligned == nullptr || !aligned->found) {
      run.steps.push_back(step_on(winner.key, Align{ahead.key, policy.relay_logs_only}, why));
      return run;
    }
    target.positioning = Positioning::Coordinates;
    target.coordinates = *aligned->found;
    wanted = ahead.server.binlog;
  }
  run.steps.push_back(step_on(winner.key, Change{std::move(target)}, why));
  run.steps.push_back(step_on(winner.key, Change{StartReplication{}}, why));
  run.steps.push_back(step_on(winner.key,
                              WaitFor{HasExecuted{std::move(wanted)}, policy.promotion_wait,
                                      fetch_patience(ahead, request, policy, fresh)},
                              "have all that any replica received"));
  return run;
}

Position fetched_position(const Instance& winner, const Instance& source) {
  const Position has = executed_position(winner);
  return std::holds_alternative<BinlogCoordinates>(has) ? Position(source.server.binlog)
                                                        : executed_position(source);
}

Position promoted_position(const Instance& winner, const InstanceKey& failed,
                           const Topology& fresh) {
  Position has = executed_position(winner);
  if (!std::holds_alternative<BinlogCoordinates>(has)) return has;
  if (reads_log_of(fresh, winner, failed)) return has;
  // It fetched from another: what that one has of the failed server's log, it has, too.
  const Instance* source = fresh.source_of(winner.key);
  if (source == nullptr || source->replication.source != failed || !answers(*source)) return {};
  if (!contains(has, source->server.binlog)) return {};
  return executed_position(*source);
}

}  // namespace orch
