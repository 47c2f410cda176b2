#include "core/execute/executor.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "core/base/mutex.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/execute/align_servers.h"
#include "core/execute/destination.h"
#include "core/execute/name_to_write.h"
#include "core/execute/waiting.h"
#include "core/plan/undo.h"

namespace orch {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSettling{1000};

Pace with_defaults(Pace pace) {
  if (!pace.now)
    pace.now = [] {
      return std::chrono::steady_clock::now();
    };
  if (!pace.pause) {
    pace.pause = [](milliseconds time) {
      std::this_thread::sleep_for(time);
      return true;
    };
  }
  if (!pace.stop_requested) {
    pace.stop_requested = [] {
      return false;
    };
  }
  return pace;
}

/// What was probed, with what only the backend knows taken from its record.
Instance merged(Observation seen, const Instance* record) {
  if (record != nullptr) keep_untold(seen, *record);
  Instance probed = std::move(seen.instance);
  if (record != nullptr) {
    probed.key = record->key;
    probed.alias = record->alias;
    probed.cluster_name = record->cluster_name;
    probed.gtid.uses_pseudo = probed.gtid.uses_pseudo || record->gtid.uses_pseudo;
    probed.suggested_cluster_alias = record->suggested_cluster_alias;
    probed.replication_depth = record->replication_depth;
    probed.is_co_master = record->is_co_master;
    probed.ancestry_uuid = record->ancestry_uuid;
    probed.promotion_rule = record->promotion_rule;
    probed.is_candidate = record->is_candidate;
    probed.incomplete = record->incomplete;
    probed.unresolved_hostname = record->unresolved_hostname;
    probed.downtime = record->downtime;
    probed.freshness = record->freshness;
  }
  if (seen.detected_promotion_rule) probed.promotion_rule = *seen.detected_promotion_rule;
  probed.freshness.last_error.reset();
  probed.freshness.is_last_check_valid = true;
  probed.freshness.is_recently_checked = true;
  probed.freshness.is_up_to_date = true;
  return probed;
}

bool stops_mysql_applier(const Instance& server, const Change& change) {
  const auto* stop = std::get_if<StopReplication>(&change);
  return stop != nullptr && stop->threads != ReplicationThreads::Receiver && !is_mariadb(server);
}

/// Those whose receiver a step has started and that has not connected yet; a detached one never
/// will.
std::set<InstanceKey> still_connecting(const Topology& now, const std::vector<StepResult>& steps) {
  std::set<InstanceKey> found;
  for (const StepResult& result : steps) {
    const Instance* server = now.find(result.step.server);
    if (server == nullptr || change_in<StartReplication>(result.step.action) == nullptr) continue;
    const bool connects = server->replication.io_state == ThreadState::Other;
    if (connects && answers(*server) && !is_detached_source(*server)) found.insert(server->key);
  }
  return found;
}

/// What is known of a server that was changed and does not answer any more.
std::string last_known(const Progress& progress, const InstanceKey& server) {
  const std::string nothing = "its state is not known";
  std::string text = nothing;
  for (const StepResult& result : progress.steps) {
    if (result.step.server != server) continue;
    const auto* change = change_in<SetReadOnly>(result.step.action);
    const bool fences = std::holds_alternative<Fence>(result.step.action);
    if (fences || (change != nullptr && change->on)) {
      text = result.error ? "whether it was made read-only is not known"
                          : "it was made read-only before that, and stays so until somebody makes "
                            "it writable";
    } else if (change != nullptr && text != nothing) {
      text = result.error ? "it was made read-only, and whether it takes writes again is not known"
                          : nothing;
    }
  }
  return text;
}

/// The step that was to make a former master as it was and could not; null when none failed.
const StepResult* failed_undo(const Progress& progress, const InstanceKey& server) {
  const StepResult* last = latest(progress, server, [&](const Action& action) {
    const auto* read_only = change_in<SetReadOnly>(action);
    const auto* semi_sync = change_in<SetSemiSyncSource>(action);
    return (read_only != nullptr && !read_only->on) ||
           (semi_sync != nullptr && semi_sync->on && was_semi_sync_source(progress.facts, server));
  });
  const bool failed = last != nullptr && last->error && !last->step.point_of_no_return;
  return failed ? last : nullptr;
}

}  // namespace

/// One run, with what it knows so far.
struct Executor::Session {
  Session(Executor& executor, const RunScope& run_scope) : owner(executor), scope(run_scope) {}

  Executor& owner;
  const RunScope& scope;
  std::optional<Term> term{};
  Topology fresh{};
  Progress progress{};
  std::set<InstanceKey> claimed{};
  Mutex mutex{};
  std::map<InstanceKey, ReplicationCredentials> credentials ORCH_GUARDED_BY(mutex){};
  bool leadership_lost ORCH_GUARDED_BY(mutex){false};

  void run_batch(const Run& run);
  void run_steps_of(const std::vector<Step>& steps, std::vector<StepResult>& results);
  Result<> do_step(StepResult& result);
  Result<> align(StepResult& result, const Align& asked);
  Result<> change(const Step& step, const Change& change);
  Result<> ask(const Step& step);
  Result<> may_change();
  bool wants_to_stop();
  Result<> read_credentials(const Step& step);
  Result<> claim(const InstanceKey& key);
  std::vector<std::string> release_all();
  bool has_lost_leadership();
  [[nodiscard]] std::vector<std::string> left_otherwise(const Account& account, bool failed) const;
};

Executor::Executor(Servers& servers, const Leadership& leadership, MaintenanceLocks& locks,
                   StepObserver& observer, ExecutorSettings settings)
    : servers_(servers),
      leadership_(leadership),
      locks_(locks),
      observer_(observer),
      settings_(std::move(settings)) {
  settings_.pace = with_defaults(std::move(settings_.pace));
}

Topology Executor::survey(const Topology& records, const std::set<InstanceKey>& keys,
                          const std::map<InstanceKey, milliseconds>& limits) {
  const std::vector<InstanceKey> asked(keys.begin(), keys.end());
  std::vector<Observation> seen(asked.size());
  parallel_for(asked.size(), settings_.survey_width, [&](std::size_t i) {
    const auto limit = limits.find(asked[i]);
    seen[i] = whole_.probe(
        asked[i], settings_.pace.now() + (limit == limits.end()
                                              ? settings_.probe_limit
                                              : std::min(limit->second, settings_.probe_limit)));
  });
  std::vector<Instance> all(records.instances().begin(), records.instances().end());
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const Instance* record = records.find(asked[i]);
    if (seen[i].found()) {
      Instance probed = merged(std::move(seen[i]), record);
      probed.key = asked[i];
      all.push_back(std::move(probed));
    } else {
      Instance unseen = record == nullptr ? Instance{} : *record;
      unseen.key = asked[i];
      unseen.freshness.is_last_check_valid = false;
      unseen.freshness.last_error = std::move(seen[i].error);
      all.push_back(std::move(unseen));
    }
  }
  return Topology(std::move(all));
}

Topology Executor::look(const Topology& records, const RunScope& scope) {
  std::map<InstanceKey, milliseconds> limits;
  if (scope.suspect) limits[*scope.suspect] = settings_.second_look_limit;
  Topology fresh = survey(records, scope.probe, limits);
  if (!scope.sources) return fresh;
  std::set<InstanceKey> sources;
  for (const InstanceKey& key : scope.probe) {
    const Instance* server = fresh.find(key);
    const InstanceKey& source = server->replication.source;
    if (!answers(*server) || !is_valid(source) || scope.probe.contains(source)) continue;
    sources.insert(source);
    limits[source] = settings_.suspect_limit;
  }
  fresh = survey(fresh, sources, limits);
  // A source with a name that nobody knew has told its own: from now on it goes by that.
  std::set<InstanceKey> again;
  for (const InstanceKey& key : scope.probe) {
    const InstanceKey& source = fresh.find(key)->replication.source;
    if (sources.contains(source) && records.find(source) == nullptr) again.insert(key);
  }
  return survey(fresh, again, limits);
}

Outcome Executor::run(const Planner& planner, const Topology& records, const RunScope& scope) {
  Session session(*this, scope);
  Outcome outcome;
  session.term = leadership_.leading();
  if (!session.term) {
    outcome.error = Error{ErrorKind::Conflict, "this node does not lead"};
    outcome.topology = records;
    return outcome;
  }
  session.fresh = look(records, scope);
  session.progress.at_start = session.fresh;
  if (scope.earlier) session.progress.facts = *scope.earlier;
  outcome.error = Error{ErrorKind::Broken, "the plan does not come to an end"};
  for (int round = 0; round < settings_.max_rounds; ++round) {
    if (session.wants_to_stop()) {
      session.progress.facts.giving_up = Error{ErrorKind::Conflict, "interrupted"};
    }
    Decision decision = planner(session.progress, session.fresh);
    if (auto* done = std::get_if<Done>(&decision)) {
      outcome.error.reset();
      outcome.account = std::move(done->account);
      break;
    }
    if (auto* give_up = std::get_if<GiveUp>(&decision)) {
      outcome.error = std::move(give_up->because);
      outcome.account = std::move(give_up->account);
      break;
    }
    const Run& run = std::get<Run>(decision);
    observer_.decided(run);
    remember(session.progress.facts, run.facts);
    session.run_batch(run);
    if (session.has_lost_leadership()) {
      outcome.error = Error{ErrorKind::Conflict, "this node does not lead any more"};
      break;
    }
  }
  outcome.left = session.left_otherwise(outcome.account, outcome.error.has_value());
  for (std::string& kept : session.release_all()) {
    outcome.left.push_back(std::move(kept));
    outcome.still_locked = true;
  }
  outcome.facts = session.progress.facts;
  outcome.steps = std::move(session.progress.steps);
  outcome.topology = std::move(session.fresh);
  return outcome;
}

void Executor::Session::run_batch(const Run& run) {
  std::vector<InstanceKey> servers;
  std::map<InstanceKey, std::vector<Step>> shares;
  for (const Step& step : run.steps) {
    if (shares.find(step.server) == shares.end()) servers.push_back(step.server);
    shares[step.server].push_back(step);
  }
  std::map<InstanceKey, Error> refused;
  for (const auto& [key, steps] : shares) {  // by key, so that two runs cannot block each other
    if (!scope.lock || std::none_of(steps.begin(), steps.end(), needs_lock)) continue;
    if (auto claimed_now = claim(key); !claimed_now) {
      refused.emplace(key, std::move(claimed_now).error());
    }
  }
  std::set<InstanceKey> seen = claimed;
  const Lookout lookout{owner.locks_, owner.settings_.pace,
                        [this](const Topology& known, const std::set<InstanceKey>& asked) {
                          return owner.survey(known, asked);
                        }};
  for (const auto& [key, steps] : shares) {
    if (!scope.lock || refused.contains(key)) continue;
    if (auto free = check_destinations(steps, seen, lookout, fresh); !free) {
      refused.emplace(key, std::move(free).error());
    }
  }
  std::vector<std::vector<StepResult>> results(servers.size());
  parallel_for(servers.size(), owner.settings_.width, [&](std::size_t i) {
    const std::vector<Step>& steps = shares.at(servers[i]);
    const auto no = refused.find(servers[i]);
    if (no != refused.end()) {
      results[i].push_back({steps.front(), no->second, std::nullopt});
    } else {
      run_steps_of(steps, results[i]);
    }
  });
  std::map<InstanceKey, milliseconds> limits;
  std::set<InstanceKey> again;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const Instance* before = fresh.find(servers[i]);
    const auto& last = results[i].empty() ? std::nullopt : results[i].back().error;
    const bool failed = last && is_connection_failure(*last);
    const bool was_silent = before != nullptr && !answers(*before);
    // One that is as silent as before needs no third attempt.
    if (!(failed && was_silent)) again.insert(servers[i]);
    const Step& last_step = shares.at(servers[i]).back();
    const bool looks = std::holds_alternative<Reprobe>(last_step.action);
    if (looks && last_step.limit) {
      limits[servers[i]] = *last_step.limit;
    } else if (failed || was_silent) {
      limits[servers[i]] = owner.settings_.suspect_limit;
    }
  }
  for (std::vector<StepResult>& share : results) {
    std::move(share.begin(), share.end(), std::back_inserter(progress.steps));
  }
  fresh = owner.survey(fresh, again, limits);
}

void Executor::Session::run_steps_of(const std::vector<Step>& steps,
                                     std::vector<StepResult>& results) {
  for (const Step& step : steps) {
    if (has_lost_leadership()) return;
    {
      const MutexLock lock(mutex);
      owner.observer_.step_started(step);
    }
    const SteadyPoint begun = owner.settings_.pace.now();
    StepResult result{step, std::nullopt, std::nullopt};
    Result<> done = do_step(result);
    const auto took = std::chrono::duration_cast<milliseconds>(owner.settings_.pace.now() - begun);
    if (!done) result.error = std::move(done).error();
    {
      const MutexLock lock(mutex);
      owner.observer_.step_ended(step, result.error ? &*result.error : nullptr, took);
    }
    const bool failed = result.error.has_value();
    results.push_back(std::move(result));
    if (failed) return;
  }
}

Result<> Executor::Session::do_step(StepResult& result) {
  const Step& step = result.step;
  if (const auto* asked = std::get_if<Align>(&step.action)) return align(result, *asked);
  if (const auto* asked = std::get_if<Change>(&step.action)) {
    Result<> done = change(step, *asked);
    result.idle = !done && std::holds_alternative<RollBackPartial>(*asked) &&
                  done.error().kind == ErrorKind::NotFound;
    return result.idle ? Result<>{} : done;
  }
  if (const auto* wait = std::get_if<WaitFor>(&step.action)) {
    return wait_until(step.server, *wait, owner.whole_, owner.settings_,
                      [this] { return wants_to_stop(); });
  }
  if (std::holds_alternative<ReadCredentials>(step.action)) return read_credentials(step);
  return ask(step);
}

Result<> Executor::Session::align(StepResult& result, const Align& asked) {
  const Instance* server = fresh.find(result.step.server);
  const Instance* below = fresh.find(asked.below);
  if (server == nullptr || below == nullptr) {
    const InstanceKey& unknown = server == nullptr ? result.step.server : asked.below;
    return fail(ErrorKind::NotFound, to_string(unknown) + " is not known");
  }
  auto place = align_servers(owner.servers_, *server, *below,
                             {owner.settings_.entries, asked.relay_logs_only},
                             owner.settings_.pace.now() + owner.settings_.align_limit);
  if (!place) return fail(told_of(result.step.server, std::move(place).error()));
  result.found = std::move(place->below);
  return {};
}

Result<> Executor::Session::ask(const Step& step) {
  const Instance* instance = fresh.find(step.server);
  if (instance == nullptr) {
    return fail(ErrorKind::NotFound, to_string(step.server) + " is not known");
  }
  const SteadyPoint now = owner.settings_.pace.now();
  Result<> done;
  if (const auto* fence = std::get_if<Fence>(&step.action)) {
    ORCH_TRY(may_change());
    done = owner.servers_.fence(*instance, now + fence->limit);
  } else if (std::holds_alternative<RunFenceHooks>(step.action)) {
    ORCH_TRY(may_change());
    return scope.fence_hooks ? scope.fence_hooks() : Result<>{};
  } else if (std::holds_alternative<CheckHandOver>(step.action)) {
    done = owner.servers_.check_hand_over(*instance, now + owner.settings_.probe_limit);
  }  // Reprobe: every server of the batch is read after it
  if (!done) return fail(told_of(step.server, std::move(done).error()));
  return {};
}

/// The term is asked for as late as can be: a node that lost it changes nothing more.
Topology Executor::settled(const Outcome& outcome) {
  const Pace& pace = settings_.pace;
  const SteadyPoint end = pace.now() + kSettling;
  Topology now = outcome.topology;
  milliseconds pause = kFirstPause;
  std::set<InstanceKey> connecting = still_connecting(now, outcome.steps);
  while (!connecting.empty() && pace.now() < end && pace.pause(pause)) {
    now = survey(now, connecting);
    connecting = still_connecting(now, outcome.steps);
    pause = std::min(pause * 2, kLongestPause);
  }
  return now;
}

Result<> Executor::Session::may_change() {
  const std::optional<Term> now = owner.leadership_.proven();
  const MutexLock lock(mutex);
  if (now != term) leadership_lost = true;
  if (leadership_lost) return fail(ErrorKind::Conflict, "this node does not lead any more");
  return {};
}

/// Once: what undoes the run goes on.
bool Executor::Session::wants_to_stop() {
  return !progress.facts.giving_up && !is_past_return(progress) &&
         owner.settings_.pace.stop_requested();
}

Result<> Executor::Session::change(const Step& step, const Change& asked) {
  const Instance* instance = fresh.find(step.server);
  if (instance == nullptr) {
    return fail(ErrorKind::NotFound, to_string(step.server) + " is not known");
  }
  ORCH_TRY(may_change());
  Change full = asked;
  {
    const MutexLock lock(mutex);
    auto* target = std::get_if<PointTo>(&full);
    if (target != nullptr && step.credentials_from) {
      const auto found = credentials.find(*step.credentials_from);
      if (found != credentials.end()) {
        target->user = found->second.user;
        target->password = found->second.password;
      }
    }
  }
  const milliseconds limit = stops_mysql_applier(*instance, asked)
                                 ? owner.settings_.applier_stop_limit
                                 : owner.settings_.change_limit;
  const SteadyPoint deadline = owner.settings_.pace.now() + step.limit.value_or(limit);
  if (auto* target = std::get_if<PointTo>(&full)) {
    ORCH_ASSIGN(target->written_name,
                name_to_write(*instance, *target, fresh, owner.settings_, deadline));
  }
  Result<> applied = owner.servers_.apply(*instance, full, deadline);
  if (!applied) {
    return fail(told_of(step.server, std::move(applied).error()));
  }
  return {};
}

Result<> Executor::Session::read_credentials(const Step& step) {
  const Instance* instance = fresh.find(step.server);
  if (instance == nullptr) {
    return fail(ErrorKind::NotFound, to_string(step.server) + " is not known");
  }
  const SteadyPoint deadline = owner.settings_.pace.now() + owner.settings_.probe_limit;
  ORCH_ASSIGN(ReplicationCredentials found,
              owner.servers_.replication_credentials(*instance, deadline));
  const MutexLock lock(mutex);
  credentials[step.server] = std::move(found);
  return {};
}

Result<> Executor::Session::claim(const InstanceKey& key) {
  if (claimed.count(key) > 0) return {};
  ORCH_TRY(owner.locks_.claim(key, scope.reason));
  claimed.insert(key);
  return {};
}

std::vector<std::string> Executor::Session::release_all() {
  std::map<std::string, std::vector<std::string>> kept;  // why -> whom
  for (const InstanceKey& key : claimed) {
    if (auto released = owner.locks_.release(key); !released) {
      kept[released.error().message].push_back(to_string(key));
    }
  }
  std::vector<std::string> lines;
  for (const auto& [why, servers] : kept) {
    lines.push_back(join(servers, ", ") + (servers.size() == 1 ? " is" : " are") +
                    " left in maintenance: " + why);
  }
  return lines;
}

bool Executor::Session::has_lost_leadership() {
  const MutexLock lock(mutex);
  return leadership_lost;
}

std::vector<std::string> Executor::Session::left_otherwise(const Account& account,
                                                           bool failed) const {
  std::vector<std::string> left;
  for (const Instance& before : progress.at_start.instances()) {
    const Instance* now = fresh.find(before.key);
    const bool changed =
        std::any_of(progress.steps.begin(), progress.steps.end(), [&](const StepResult& result) {
          const bool in_vain = result.error && std::holds_alternative<Fence>(result.step.action);
          return result.step.server == before.key && changes_server(result.step) && !in_vain;
        });
    if (now == nullptr || !changed) continue;
    const std::string key = to_string(before.key);
    if (!answers(*now)) {
      left.push_back(key + " does not answer: " + last_known(progress, before.key));
      continue;
    }
    const StepResult* in_vain = failed_undo(progress, before.key);
    if (failed && now->server.read_only && (!before.server.read_only || in_vain != nullptr)) {
      left.push_back(
          key + " is left read-only" +
          (in_vain == nullptr ? "" : ": " + without_name(in_vain->error->message, before.key)));
    } else if (failed && was_semi_sync_source(progress.facts, before.key) &&
               !now->server.read_only && !now->semi_sync.source_enabled) {
      left.push_back(key +
                     " takes writes and does not wait for replicas any more: its semi-sync "
                     "was switched off when it was fenced");
    }
    if (account.promoted == before.key || !is_replica(before)) continue;
    if (!is_replica(*now)) {
      left.push_back(key + " is left without a source");
    } else if (std::string threads = stopped_threads(before, *now); !threads.empty()) {
      left.push_back(key + " is left with " + threads + " stopped");
    }
    const Undelayed* undelayed = orch::undelayed(progress.facts, before.key);
    if (undelayed == nullptr || !is_replica(*now)) continue;
    if (is_mariadb(*now) && !uses_gtid(*now)) {
      left.push_back(key + " is left without a delay, and following without GTID");
    } else if (now->replication.sql_delay < undelayed->delay) {
      left.push_back(key + " is left without its delay of " +
                     std::to_string(undelayed->delay.count()) + "s");
    }
  }
  return left;
}

}  // namespace orch
