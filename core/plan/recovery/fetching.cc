#include "core/plan/recovery/fetching.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "core/base/text.h"
#include "core/model/left_out.h"
#include "core/model/replication_rules.h"
#include "core/plan/candidate.h"
#include "core/plan/filters.h"
#include "core/plan/foreign.h"
#include "core/plan/recovery/binlog_servers.h"
#include "core/plan/recovery/held_back.h"
#include "core/plan/recovery/holdings.h"
#include "core/plan/recovery/promotion.h"
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

struct Attempt {
  InstanceKey server{};
  InstanceKey source{};
  std::string error{};  ///< "" = it went well, or is under way
};

/// Where the servers were led in this run, in order.
std::vector<Attempt> attempts(const Progress& so_far) {
  std::vector<Attempt> all;
  for (const StepResult& result : so_far.steps) {
    const InstanceKey& server = result.step.server;
    const std::string error = result.error ? result.error->message : "";
    const auto* target = change_in<PointTo>(result.step.action);
    const auto* align = std::get_if<Align>(&result.step.action);
    const bool is_wait = waits_for<HasExecuted>(result.step.action);
    if (target != nullptr) all.push_back({server, target->source, error});
    if (error.empty() || target != nullptr) continue;
    if (align != nullptr) all.push_back({server, align->below, error});
    const auto last = std::find_if(all.rbegin(), all.rend(),
                                   [&](const Attempt& one) { return one.server == server; });
    if (last != all.rend() && (is_wait || is_change<StartReplication>(result.step.action))) {
      last->error = error;
    } else if (is_wait) {
      // It followed a fellow replica from the start; else it waited for the failed server itself.
      const Instance* source = so_far.at_start.source_of(server);
      const bool is_fellow = source != nullptr && is_replica(*source) &&
                             !so_far.at_start.are_co_sources(server, source->key);
      if (is_fellow) all.push_back({server, source->key, error});
    }
  }
  return all;
}

/// Why there is no sense in trying that, or trying it again.
std::string failed_attempt(const Progress& so_far, const InstanceKey& server,
                           const InstanceKey& source) {
  for (const Attempt& one : attempts(so_far)) {
    if (one.source != source || one.error.empty()) continue;
    if (one.server == server) return one.error;
    // Other errors may be that one's own: it cannot apply what comes, or is too far behind.
    if (one.error.find("ccess denied") != std::string::npos)
      return to_string(one.server) + " could not fetch from it either: " + one.error;
  }
  return "";
}

/// Those by way of whom the winner gets what the failed server sent, the topmost first; at last the
/// winner.
std::vector<const Instance*> way_down(const Instance& winner, const InstanceKey& failed,
                                      const Topology& fresh) {
  std::vector<const Instance*> way = {&winner};
  while (way.size() < fresh.instances().size()) {
    const Instance* source = fresh.source_of(way.back()->key);
    if (source == nullptr || source->key == failed || !answers(*source) ||
        source->server.binlog_server) {
      break;
    }
    way.push_back(source);
  }
  std::reverse(way.begin(), way.end());
  return way;
}

}  // namespace

bool still_sends(const Instance& failed, const Instance& winner, const Progress& so_far,
                 const Topology& fresh) {
  if (!answers(failed) || !failed.server.read_only) return false;
  const Instance& first = *way_down(winner, failed.key, fresh).front();
  const Position had = executed_position(failed);
  const bool comparable = is_known(had) && received_position(first).index() == had.index();
  const bool waited = latest(so_far, first.key, waits_for<HasExecuted>) != nullptr;
  return first.replication.source == failed.key && comparable && !waited &&
         !contains(executed_position(first), had);
}

std::optional<Run> fetch_from_failed(const Instance& failed, const Instance& winner,
                                     const Policy& policy, const Progress& so_far,
                                     const Topology& fresh) {
  if (!still_sends(failed, winner, so_far, fresh)) return std::nullopt;
  const Instance& first = *way_down(winner, failed.key, fresh).front();
  Run run;
  if (!runs(first.replication.io_state)) {
    run.steps.push_back(step_on(first.key, Change{StartReplication{}}, "the old primary answers"));
  }
  run.steps.push_back(step_on(first.key,
                              WaitFor{HasExecuted{executed_position(failed)}, policy.bulk_wait, {}},
                              "the old primary still sends"));
  run.facts.winner = winner.key;
  return run;
}

bool fetched_in_vain(const Progress& so_far, const InstanceKey& server) {
  const auto led = so_far.facts.fetching.find(server);
  bool in_vain = false;
  for (const Attempt& one : attempts(so_far)) {
    const bool is_back = led != so_far.facts.fetching.end() && one.source == led->second;
    if (one.server == server && !(is_back && one.error.empty())) in_vain = !one.error.empty();
  }
  return in_vain;
}

namespace {

/// Whether this plan led it to the source that it has.
bool is_led_away(const Instance& server, const Progress& so_far) {
  const auto led = so_far.facts.fetching.find(server.key);
  return led != so_far.facts.fetching.end() && is_replica(server) &&
         server.replication.source != led->second;
}

bool is_broken(const Instance& server) {
  return !runs(server.replication.sql_state) && !server.replication.last_sql_error.empty();
}

}  // namespace

Position held_before_fetch(const Instance& server, const Progress& so_far) {
  if (!is_led_away(server, so_far)) return usable_position(server);
  if (uses_gtid(server)) return executed_position(server);
  const Instance* before = so_far.at_start.find(server.key);
  return before == nullptr ? Position{} : received_position(*before);
}

bool is_stuck_in_fetch(const Instance& server, const Progress& so_far) {
  return is_led_away(server, so_far) && is_broken(server);
}

std::optional<Run> put_back(const Instance& server, const Policy& policy, const Progress& so_far) {
  if (!answers(server) || !is_led_away(server, so_far) || !uses_gtid(server)) return std::nullopt;
  const StepResult* last = latest(so_far, server.key, [](const Action&) { return true; });
  const bool failed = last != nullptr && last->error;
  if (failed &&
      (is_change<StopReplication>(last->step.action) || is_change<PointTo>(last->step.action))) {
    return std::nullopt;  // nor would it now
  }
  // One that is still at work on what it fetched is drained, as if it had received it before.
  const auto* wait = failed ? std::get_if<WaitFor>(&last->step.action) : nullptr;
  const bool came_late =
      wait != nullptr && standing(wait->condition, server).state == Standing::State::Holds;
  const bool came_to_nothing = failed && has_applied_all(server) && !came_late;
  if (!is_broken(server) && !came_to_nothing) return std::nullopt;
  PointTo target;
  target.source = so_far.facts.fetching.at(server.key);
  Run run;
  const std::string why = "it could not fetch what it lacks: back to what it held";
  if (!replication_threads_stopped(server)) {
    run.steps.push_back(step_on(server.key, Change{StopReplication{}}, why));
    run.steps.back().limit = policy.freeze_limit;
  }
  run.steps.push_back(step_on(server.key, Change{std::move(target)}, why));
  return run;
}

std::string obstacle_to_fetch(const Instance& winner, const Instance& ahead,
                              const InstanceKey& failed, const Policy& policy,
                              const Progress& so_far) {
  if (std::string failure = failed_attempt(so_far, winner.key, ahead.key); !failure.empty())
    return failure;
  if (ahead.replication.channels > 1) {
    return "it replicates from " + std::to_string(ahead.replication.channels) +
           " sources: what it has of the others would come, too";
  }
  // Below one filter they lack the same; who skips errors itself is no better than another.
  const auto of_winner = leaving_out(so_far.at_start, failed, winner);
  for (const Instance* filter : leaving_out(so_far.at_start, failed, ahead)) {
    const bool is_shared =
        std::ranges::find(of_winner, filter->key, &Instance::key) != of_winner.end();
    const bool as_winner = winner.server.skips_errors && filter->server.skips_errors &&
                           !filter->replication.has_filters;
    if (!is_shared && !as_winner) return "it " + filter_text(so_far.at_start, failed, ahead);
  }
  if (auto text = binlog_filter_text(ahead); !text.empty()) return "it " + text;
  // Its delay is taken off, or keeps nothing back of what is fetched: what it has executed.
  Instance source = ahead;
  source.replication.sql_delay = std::chrono::seconds(0);
  // To have replicas with a larger format is unwise for long; to take rows for once is none of
  // that. Only a server that logs statements alone cannot.
  if (!equals_ignoring_case(winner.server.binlog_format, "STATEMENT"))
    source.server.binlog_format = winner.server.binlog_format;
  const bool match = !gtid_compatible(winner, source) && may_match(winner, source, policy);
  if (const std::string bound = bound_to_gtid(winner); match && !bound.empty())
    return "it " + bound;
  const auto can = match ? check_match(winner, source, policy)
                         : can_replicate_from_gtid(winner, source, policy.rules());
  return can ? "" : can.error().message;
}

namespace {

/// Who names a server wants all; not where the settings leave no choice.
bool wants_all(const FailoverRequest& request) {
  return request.designated && request.designated_by.empty();
}

constexpr const char* kHaveAll = "have all that any replica received";

/// Both have applied what they hold.
Decision fetch_from(const Instance& winner, const Instance& ahead, const FailoverRequest& request,
                    const Policy& policy, const Progress& so_far, const Topology& fresh) {
  Run run;
  run.facts.winner = winner.key;
  run.facts.fetching[winner.key] = winner.replication.source;
  const std::string why = to_string(ahead.key) + " has received more";
  if (!replication_threads_stopped(winner)) {
    run.steps.push_back(step_on(winner.key, Change{StopReplication{}}, why));
  }
  PointTo target;
  target.source = ahead.key;
  Position wanted = executed_gtids(ahead);
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
                              kHaveAll));
  return run;
}

/// What the winner will have executed when it has all of that server, whose replica it is now.
Position fetched_position(const Instance& winner, const Instance& source) {
  const Position has = executed_position(winner);
  return std::holds_alternative<BinlogCoordinates>(has) ? Position(source.server.binlog)
                                                        : executed_gtids(source);
}

/// Whether it will not apply all that it has received: its applier is broken, or did not come to an
/// end in this run, or keeps a delay.
bool keeps_rest(const Instance& server, const Policy& policy, const Progress& so_far) {
  if (has_applied_all(server)) return false;
  const Replication& replication = server.replication;
  const auto failed = [&](const std::function<bool(const Action&)>& is_it) {
    const StepResult* result = latest(so_far, server.key, is_it);
    return result != nullptr && result->error;
  };
  return !replication.last_sql_error.empty() ||
         (replication.sql_delay > policy.reasonable_replication_lag && !can_undelay(server)) ||
         failed(is_change<SetDelay>) || failed(waits_for<AppliedReceived>);
}

/// What the server has not, of all that its source, another replica, has executed: it follows that
/// one by this run's doing, or an interrupted one's, or has always done so.
std::optional<Run> wait_for_all_of(const Instance& source, const Instance& server,
                                   const FailoverRequest& request, const Policy& policy,
                                   const Topology& fresh) {
  Run run;
  if (!replica_running(server)) {
    run.steps.push_back(step_on(server.key, Change{StartReplication{}}, "catch up"));
  }
  run.steps.push_back(
      step_on(server.key,
              WaitFor{HasExecuted{fetched_position(server, source)}, policy.promotion_wait,
                      fetch_patience(source, request, policy, fresh)},
              kHaveAll));
  return run;
}

/// The winner follows another replica already: what that one holds comes by itself, once it has
/// applied it.
std::optional<Decision> go_on_fetching(const Instance& winner, const FailoverRequest& request,
                                       const Policy& policy, const Progress& so_far,
                                       const Topology& fresh) {
  const Instance* above = nullptr;
  for (const Instance* server : way_down(winner, request.failed, fresh)) {
    std::optional<Run> run;
    std::optional<Error> problem;
    if (above != nullptr &&
        !contains(executed_position(*server), fetched_position(*server, *above))) {
      const StepResult* waited = latest(so_far, server->key, waits_for<HasExecuted>);
      if (waited != nullptr) problem = waited->error;
      if (!problem) run = wait_for_all_of(*above, *server, request, policy, fresh);
    } else if (server != &winner && !has_applied_all(*server)) {
      if (!keeps_rest(*server, policy, so_far)) {
        run = drain_of(*server, request.failed, policy, so_far, fresh);
      }
      problem = Error{ErrorKind::Refused,
                      to_string(winner.key) + " cannot be promoted: " + to_string(server->key) +
                          ", by way of whom it replicates, has not applied what it received"};
    }
    if (run) {
      run->facts.winner = winner.key;
      return *std::move(run);
    }
    if (problem && wants_all(request)) return back_out(*std::move(problem), so_far, fresh);
    above = server;
  }
  return std::nullopt;
}

}  // namespace

namespace {

/// Where the rest is kept back, what was applied can be fetched all the same.
Position can_be_given(const Instance& replica, const FailoverRequest& request, const Policy& policy,
                      const Progress& so_far) {
  const bool in_part = !wants_all(request) && keeps_rest(replica, policy, so_far);
  return in_part ? executed_position(replica) : usable_position(replica);
}

/// Who has most of what the winner lacks, of those from whom it may be fetched.
const Instance* best_source(const Instance& winner, const FailoverRequest& request,
                            const Policy& policy, const Progress& so_far, const Topology& fresh) {
  const auto offer = [&](const Instance& replica) {
    const bool may = obstacle_to_fetch(winner, replica, request.failed, policy, so_far).empty();
    return may ? can_be_given(replica, request, policy, so_far) : Position{};
  };
  return ahead_of(winner, request.failed, offer, fresh);
}

}  // namespace

bool could_fetch(const Instance& winner, const FailoverRequest& request, const Policy& policy,
                 const Progress& so_far, const Topology& fresh) {
  return best_source(winner, request, policy, so_far, fresh) != nullptr;
}

std::optional<Decision> catch_up(const Instance& winner, const FailoverRequest& request,
                                 const Policy& policy, const Progress& so_far,
                                 const Topology& fresh) {
  const auto before_promotion = [&](Run run) -> Decision {
    run.facts.winner = winner.key;
    return run;
  };
  // Without GTID it could not be compared with the winner.
  for (const Undelayed& one : so_far.facts.undelayed) {
    const Instance* server = fresh.find(one.server);
    auto run = server == nullptr ? std::nullopt : back_to_gtid(*server, so_far);
    if (run) return before_promotion(*std::move(run));
  }
  if (auto decision = go_on_fetching(winner, request, policy, so_far, fresh)) return decision;
  const auto can_give = [&](const Instance& replica) {
    return can_be_given(replica, request, policy, so_far);
  };
  // Who names a server wants all, also of one from whom it cannot be fetched.
  const Instance* ahead = wants_all(request) ? ahead_of(winner, request.failed, can_give, fresh)
                                             : best_source(winner, request, policy, so_far, fresh);
  if (ahead == nullptr) ahead = ahead_of(winner, request.failed, can_give, fresh);
  if (ahead == nullptr || winner.replication.source == ahead->key) return std::nullopt;
  const Difference rest =
      missing(usable_position(winner), without_foreign(*ahead, usable_position(*ahead), fresh));
  std::string obstacle = obstacle_to_fetch(winner, *ahead, request.failed, policy, so_far);
  if (obstacle.empty() && !keeps_rest(*ahead, policy, so_far)) {
    auto run = drain_of(*ahead, request.failed, policy, so_far, fresh);
    if (run) return before_promotion(*std::move(run));
  }
  if (obstacle.empty() && !has_applied_all(*ahead)) {
    const bool nothing_to_fetch = contains(received_position(winner), executed_position(*ahead));
    const bool broken = !ahead->replication.last_sql_error.empty();
    if (wants_all(request) || nothing_to_fetch) {
      obstacle = broken ? "its applier stopped" : "it has not applied what it received";
    }
  }
  if (obstacle.empty()) return fetch_from(winner, *ahead, request, policy, so_far, fresh);
  if (!wants_all(request)) return std::nullopt;
  return back_out(Error{ErrorKind::Refused, to_string(winner.key) +
                                                " cannot be promoted: " + to_string(ahead->key) +
                                                " has received " + to_string(rest) +
                                                " that it lacks and cannot fetch: " + obstacle},
                  so_far, fresh);
}

Position promoted_position(const Instance& winner, const InstanceKey& failed,
                           const Topology& fresh) {
  Position has = executed_position(winner);
  // Its siblings find their places by that, whatever measures how far it is.
  const bool by_place = is_replica(winner) && !uses_gtid(winner) && is_known(has);
  if (by_place && reads_log_of(fresh, winner, failed)) return winner.replication.exec;
  if (!std::holds_alternative<BinlogCoordinates>(has)) return has;
  if (reads_log_of(fresh, winner, failed)) return has;
  // It fetched from another: what that one has of the failed server's log, it has, too.
  const Instance* source = fresh.source_of(winner.key);
  if (source == nullptr || source->replication.source != failed || !answers(*source)) return {};
  if (!contains(has, source->server.binlog)) return {};
  return executed_position(*source);
}

}  // namespace orch
