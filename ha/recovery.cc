#include "ha/recovery.h"

#include <algorithm>
#include <future>
#include <map>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/model/cluster_filter.h"
#include "ha/attempt.h"
#include "ha/completion.h"
#include "ha/journal.h"
#include "ha/maintenance_locks.h"
#include "ha/plan_facts.h"
#include "ha/quarantine.h"
#include "ha/recovery_hooks.h"
#include "ha/registration.h"
#include "ha/scope.h"

namespace orch::ha {

namespace {

// The stages of a run, in order.
constexpr std::string_view kRegistered = "registered";  ///< hooks that may say no
constexpr std::string_view kHealing = "healing";        ///< servers are changed
constexpr std::string_view kSettling = "settling";      ///< done: records, and hooks that follow
constexpr std::string_view kFailing = "failing";        ///< likewise, when nothing was promoted

constexpr std::string_view kCutOffUntouched = "it was cut off before it changed any server";

/// One recovery from its registration to its last hook.
class Recovery {
 public:
  /// What becomes of it when the new master is silent and the old one lives.
  enum class InDoubt {
    Waits,  ///< it stays unfinished, and is carried on when that one answers
    Ends,   ///< another server is to take the place of both
  };

  Recovery(const Parts& parts, const RecoveryWork& work, storage::RecoveryRun run,
           EarlierSteps earlier, bool resumed, InDoubt in_doubt = InDoubt::Waits)
      : parts_(parts),
        in_doubt_(in_doubt),
        earlier_(std::move(earlier)),
        journal_({parts.database, parts.clock}, std::move(run), parts.watcher,
                 {resumed, was_past_return(earlier_)}) {
    result_.work = work;
    was_done_ = journal_.run().stage == kSettling;
    result_.uid = journal_.run().uid;
    result_.resumed = resumed;
    remember(earlier_);
    context_ = hook_context(work, result_.uid, parts.self.hostname);
    context_.auto_master_recovery =
        filter_matches(parts.config.recovery.recover_master_cluster_filters);
    context_.auto_intermediate_master_recovery =
        filter_matches(parts.config.recovery.recover_intermediate_master_cluster_filters);
  }

  Result<RecoveryOutcome> carry_out(const Topology& records);
  /// The detection and its hooks, before anything else is asked.
  Result<> announce(bool actionable);
  /// Ends a recovery that was cut off and is not to be carried on, for that reason.
  RecoveryOutcome close(Error because);
  void set_id(std::int64_t id) { result_.id = id; }

 private:
  [[nodiscard]] static bool was_past_return(const EarlierSteps& steps) {
    return std::any_of(steps.begin(), steps.end(),
                       [](const storage::JournalEntry& entry) { return entry.point_of_no_return; });
  }
  void remember(const EarlierSteps& steps) {
    for (const storage::JournalEntry& step : steps)
      hooks_before_[step.action] = step.state;
  }
  [[nodiscard]] bool filter_matches(const std::vector<std::string>& entries) const {
    const Result<ClusterFilter> filter = ClusterFilter::compile(entries);
    return filter && filter->matches(work().cluster, work().cluster_alias);
  }
  [[nodiscard]] const RecoveryWork& work() const { return result_.work; }
  [[nodiscard]] HookWatch hook_watch();
  Result<> run_list(const HookList& list);
  Result<> inherit();
  Result<> enroll();
  Result<bool> open();
  void publish(const InstanceKey& master, const Topology& now);
  void await_published();
  void judge(const Attempt& attempt);
  Result<> take_as_done();
  void note_undone();
  void name_unbound_writers();
  void settle();
  Result<> resolve();
  void tell(const std::string& message);
  void tell_once(const std::string& message);
  /// That it leads without a break since this began.
  [[nodiscard]] Result<> check_term() const;
  /// What is left to do is the next leader's, be it this node again.
  [[nodiscard]] bool stops_for_next_leader();
  /// Whether it failed as this node sees most servers no more, and is left to one that does.
  [[nodiscard]] bool leaves_it_to_another(Executor& executor, std::set<InstanceKey> servers);
  void keep(const Result<>& done, bool is_record = true) {
    if (!done) result_.notes.push_back(done.error().message);
    result_.unrecorded = result_.unrecorded || (is_record && !done);
  }

  const Parts& parts_;
  const InDoubt in_doubt_;
  EarlierSteps earlier_;
  Journal journal_;
  JournalLeadership leadership_{parts_.leadership, journal_};
  RecoveryOutcome result_;
  HookContext context_;
  bool registered_{false};
  bool was_done_{false};  ///< when it was cut off; what follows was not
  std::map<std::string, storage::JournalState> hooks_before_{};  ///< of another process
  std::future<Result<>> publishing_{};  ///< the last member: its work uses the others
};

Result<> Recovery::check_term() const {
  if (leadership_.proven()) return {};
  return fail(ErrorKind::Conflict, "this node does not lead any more");
}

bool Recovery::stops_for_next_leader() {
  Result<> leads = check_term();
  if (leads) return false;
  result_.left_to_next = true;
  if (!result_.error) result_.error = std::move(leads).error();
  return true;
}

bool Recovery::leaves_it_to_another(Executor& executor, std::set<InstanceKey> servers) {
  if (!fails_for_sight(result_.outcome) || !journal_.is_open() || !parts_.give_way) return false;
  servers.erase(work().failed);
  std::map<InstanceKey, std::chrono::milliseconds> limits;
  for (const InstanceKey& key : servers)
    limits[key] = parts_.executor.suspect_limit;
  const Topology now = executor.survey(result_.outcome.topology, servers, limits);
  std::vector<InstanceKey> unseen;
  for (const InstanceKey& key : servers) {
    const Instance* server = now.find(key);
    if (server == nullptr || !answers(*server)) unseen.push_back(key);
  }
  if (2 * unseen.size() <= servers.size() || !parts_.give_way(unseen)) return false;
  result_.left_to_next = true;
  result_.error = Error{ErrorKind::Conflict,
                        "most of its servers do not answer this node any more: another one leads "
                        "now, and is to finish it"};
  return true;
}

/// Not again and again of one that waits for a server.
void Recovery::tell_once(const std::string& message) {
  const auto story = recovery_store(parts_).list_steps(result_.uid);
  if (!story || story->empty() || story->back().message != message) tell(message);
}

void Recovery::tell(const std::string& message) {
  keep(recovery_store(parts_).save_step(result_.uid, message));
}

HookWatch Recovery::hook_watch() {
  HookWatch watch;
  watch.earlier = [this](const std::string& hook) -> std::optional<storage::JournalState> {
    const auto found = hooks_before_.find(hook);
    if (found == hooks_before_.end()) return std::nullopt;
    return found->second;
  };
  watch.before = [this](const std::string& hook) -> Result<> {
    ORCH_TRY(check_term());
    return registered_ ? journal_.hook_started(hook) : Result<>();
  };
  watch.after = [this](const std::string& hook, const std::string& failure) {
    if (registered_) journal_.hook_ended(hook, failure);
  };
  watch.tell = [this](const std::string& message) {
    tell(message);
  };
  return watch;
}

Result<> Recovery::run_list(const HookList& list) {
  if (!work().hooks && !list.foreground) return {};
  return run_hooks(list, context_, hook_settings_of(parts_.config.recovery), hook_watch());
}

/// A detection whose hook says no is not kept: the next one asks the hook again (REC-9).
Result<> Recovery::announce(bool actionable) {
  storage::RecoveryStore store = recovery_store(parts_);
  FailureDetection detection;
  detection.failed = work().failed;
  detection.analysis = work().analysis;
  detection.cluster_name = work().cluster;
  detection.cluster_alias = work().cluster_alias;
  detection.affected_replicas = work().replicas;
  detection.affected_count = static_cast<std::int64_t>(work().replicas.size());
  detection.actionable = actionable;
  ORCH_ASSIGN(const bool first, store.claim_detection(detection));
  if (!first) return inherit();
  const Result<> announced = run_list(
      {"OnFailureDetectionProcesses", parts_.config.recovery.on_failure_detection_processes, true});
  if (announced) return {};
  ORCH_TRY(store.end_detections_of(work().failed));
  return fail(announced.error());
}

/// The failure lasts: what hooks have done for a recovery of it that was cut off before it changed
/// a server is done.
Result<> Recovery::inherit() {
  const storage::JournalStore journal(parts_.database, parts_.clock);
  ORCH_ASSIGN(const auto run, journal.find_latest(work().failed, journal_.run().kind));
  if (!run || run->uid == result_.uid || run->stage != storage::kEndedStage) return {};
  ORCH_ASSIGN(const auto record, recovery_store(parts_).find(run->uid));
  if (!record || record->errors.empty() || record->errors.front() != kCutOffUntouched) return {};
  ORCH_ASSIGN(const EarlierSteps earlier, journal.list(run->uid));
  remember(earlier);
  return {};
}

Result<> Recovery::enroll() {
  storage::RecoveryRun run = journal_.run();
  run.stage = kRegistered;
  ORCH_ASSIGN(result_.id, register_recovery(parts_, work(), run));
  registered_ = true;
  journal_.open();
  journal_.keep_alive(kHeartbeat);
  parts_.teller.audit(audit_type(work()), work().failed,
                      fmt::format("problem found; will recover: recovery {}", result_.id));
  tell(fmt::format("{} of {}: begun by {}", audit_type(work()), to_string(work().failed),
                   work().owner));
  return {};
}

Result<bool> Recovery::open() {
  ORCH_TRY(enroll());
  bool any = false;
  if (is_takeover(work())) context_.successor = journal_.run().winner;
  for (const HookList& list : lists_before(work(), parts_.config.recovery)) {
    any = any || (work().hooks && !list.texts.empty());
    const Result<> agreed =
        list.name == "OnFailureDetectionProcesses" ? announce(true) : run_list(list);
    // Only those are told who is meant to take over; to all others a successor has done so.
    if (list.name == "PreGracefulTakeoverProcesses") context_.successor.reset();
    ORCH_TRY(agreed);
  }
  ORCH_TRY(journal_.save_stage(kHealing));
  return any;
}

void Recovery::publish(const InstanceKey& master, const Topology& now) {
  if (const Result<> leads = check_term(); !leads) return keep(leads, false);
  keep(keep_promotion(parts_, work(), result_.uid, master, now));
  tell(fmt::format("{} takes writes; key-value stores are told", to_string(master)));
  // Stores that hang hold up nobody but the hooks that follow. (Without a thread to be had, they
  // are told then.)
  publishing_ = std::async([this, master] { return publish_master(parts_, work(), master); });
}

void Recovery::await_published() {
  if (!publishing_.valid()) return;
  const Result<> published = publishing_.get();
  tell(published ? "key-value stores: told" : "key-value stores: " + published.error().message);
  keep(published, false);
}

/// Whether it succeeded: the new master was seen to take writes (REC-29).
void Recovery::judge(const Attempt& attempt) {
  const Outcome& outcome = result_.outcome;
  result_.error = outcome.error;
  const std::optional<InstanceKey>& promoted = outcome.account.promoted;
  if (result_.error) return;
  if (!promoted) {
    result_.error = Error{ErrorKind::Broken, "Recovery attempted yet no replica promoted"};
    return;
  }
  const Instance* master = outcome.topology.find(*promoted);
  const bool applies = is_takeover(work()) || parts_.policy.apply_promotion;
  const bool stands = master != nullptr && answers(*master) && !master->server.read_only;
  if (replaces_master(work().kind) && applies && !stands) {
    result_.error = Error{ErrorKind::Broken,
                          to_string(*promoted) + " was promoted and is not seen to take writes"};
    return;
  }
  if (replaces_master(work().kind) && !attempt.is_published()) publish(*promoted, outcome.topology);
}

/// The new master was seen to take writes, and has fallen silent since: that is another failure.
Result<> Recovery::take_as_done() {
  const PlanFacts facts = read_facts(journal_.run());
  if (!facts.winner) return {};
  ORCH_ASSIGN(const auto record, recovery_store(parts_).find(result_.uid));
  Account& account = result_.outcome.account;
  account.promoted = facts.winner;
  account.coordinates = facts.at_promotion.value_or(BinlogCoordinates());
  account.lost_transactions = facts.lost_transactions.value_or("");
  if (record) {
    for (const InstanceKey& key : record->lost_replicas)
      account.lost.push_back({key, "was left behind"});
  }
  account.notes.push_back(to_string(*facts.winner) + " does not answer any more");
  result_.error.reset();
  result_.silent_since = true;
  return {};
}

/// What was made read-only and takes writes again.
void Recovery::note_undone() {
  const Outcome& outcome = result_.outcome;
  const Instance* now = outcome.topology.find(work().failed);
  if (now == nullptr || !answers(*now) || now->server.read_only) return;
  const auto made_read_only = [&](const StepResult& result) {
    const SetReadOnly* change = change_in<SetReadOnly>(result.step.action);
    return result.step.server == work().failed && change != nullptr && !change->on;
  };
  if (std::any_of(outcome.steps.begin(), outcome.steps.end(), made_read_only)) {
    result_.notes.push_back(
        fmt::format("undone: {} takes writes as before", to_string(work().failed)));
  }
}

Result<> Recovery::resolve() {
  const Outcome& outcome = result_.outcome;
  RecoveryRecord record;
  record.uid = result_.uid;
  record.successful = !result_.error;
  if (record.successful) {
    record.successor = *outcome.account.promoted;
    const Instance* master = outcome.topology.find(record.successor);
    if (master != nullptr) record.successor_alias = master->alias;
  } else {
    record.errors.push_back(result_.error->message);
  }
  for (const StepResult& step : outcome.steps) {
    const InstanceKey& key = step.step.server;
    if (std::find(record.participants.begin(), record.participants.end(), key) ==
        record.participants.end()) {
      record.participants.push_back(key);
    }
    if (step.error) record.errors.push_back(step.error->message);
  }
  for (const LostReplica& lost : outcome.account.lost)
    record.lost_replicas.push_back(lost.key);
  record.errors.insert(record.errors.end(), outcome.left.begin(), outcome.left.end());
  storage::RecoveryStore store = recovery_store(parts_);
  ORCH_TRY(store.save_end(record));
  // Only a failover blocks the next, to damp flapping; what failed, or was wanted, does not.
  if (record.successful && replaces_master(work().kind) && !is_takeover(work())) return {};
  return store.end_active(result_.uid);
}

/// Who may write on the old master of a takeover though it is read-only; a fence says so itself.
void Recovery::name_unbound_writers() {
  const Instance* old_master = result_.outcome.topology.find(work().failed);
  if (!is_takeover(work()) || old_master == nullptr || !is_mariadb(*old_master)) return;
  const auto seen = parts_.servers.examine(
      old_master->key, std::chrono::steady_clock::now() + parts_.executor.probe_limit);
  if (!seen || seen->unbound_text().empty()) return;
  result_.outcome.account.notes.push_back(
      fmt::format("{}: {}", to_string(old_master->key), seen->unbound_text()));
}

/// Everything that follows, whether it was done or not; each problem is kept and the rest done.
void Recovery::settle() {
  const bool successful = !result_.error;
  // An old master that woke meanwhile may have told more than was known at the promotion.
  journal_.take_loss(result_.outcome.account.lost_transactions);
  keep(journal_.save_stage(successful ? kSettling : kFailing));
  const Result<> resolved = resolve();
  keep(resolved);
  if (successful) name_unbound_writers();
  const Account& account = result_.outcome.account;
  if (successful) {
    for (std::string& problem : settle_promotion(parts_, work(), result_.uid, result_.outcome))
      keep(fail(ErrorKind::Broken, std::move(problem)));
    context_.successor = account.promoted;
    context_.successor_coordinates = account.coordinates;
    await_published();
    const Instance* master = result_.outcome.topology.find(*account.promoted);
    if (master != nullptr) context_.successor_alias = master->alias;
    for (const LostReplica& lost : account.lost)
      context_.lost_replicas.push_back(lost.key);
    for (const std::string& line : story_of(account))
      tell(line);
  } else {
    tell("failed: " + result_.error->message);
  }
  const std::string message =
      successful ? fmt::format("master: {}; lost replicas: {}; lost transactions: {}",
                               to_string(*account.promoted), account.lost.size(),
                               account.lost_transactions)
                 : "failed: " + result_.error->message;
  parts_.teller.audit(audit_type(work()), work().failed, message);
  for (const HookList& list : lists_after(work(), parts_.config.recovery, successful))
    keep(run_list(list), false);
  if (stops_for_next_leader()) return;
  const Result<> ended = resolved ? journal_.save_stage(storage::kEndedStage) : resolved;
  result_.resumable = !ended;
  if (resolved) keep(ended);
}

Result<RecoveryOutcome> Recovery::carry_out(const Topology& records) {
  ORCH_ASSIGN(Planner planner, planner_for(work(), parts_.policy));
  if (result_.resumed) {
    registered_ = true;
    journal_.keep_alive(kHeartbeat);
    tell_once("its process was gone: carried on by another");
  }
  Attempt attempt(work(), journal_, std::move(planner),
                  {.open = [this] { return open(); },
                   .publish =
                       [this](const InstanceKey& master, const Topology& now) {
                         publish(master, now);
                       }},
                  earlier_);
  JournalServers servers(parts_.servers, journal_);
  BackendLocks locks(parts_.database, parts_.clock, parts_.self, work().owner);
  Executor executor(servers, leadership_, locks, journal_, parts_.executor);
  RunScope scope;
  scope.reason = audit_type(work());
  for (const Instance& instance : records.instances())
    scope.probe.insert(instance.key);
  const Instance* failed = records.find(work().failed);
  if (work().automatic && failed != nullptr && !answers(*failed)) scope.suspect = failed->key;
  if (result_.resumed) scope.earlier = read_facts(journal_.run());
  scope.fence_hooks = [this] {
    return run_list({"FenceProcesses", parts_.config.recovery.fence_processes, true, true});
  };
  const auto plan = [&](const Progress& so_far, const Topology& fresh) {
    return attempt.next(so_far, fresh);
  };
  keep(mark_incomplete(parts_, records), false);
  result_.outcome = executor.run(plan, records, scope);
  if (journal_.is_lost()) {
    result_.left_to_next = true;
    result_.error =
        Error{ErrorKind::Conflict, "recovery " + result_.uid + " is carried on by another process"};
    return result_;
  }
  if (parts_.record) keep(parts_.record(scope.probe, result_.outcome.topology));
  if (leaves_it_to_another(executor, scope.probe)) return result_;
  judge(attempt);
  if (was_done_ && result_.error && attempt.is_in_doubt()) ORCH_TRY(take_as_done());
  if (stops_for_next_leader()) return result_;
  if (result_.error) note_undone();
  // A failure about which nothing can be done is on record, too; a wish that is refused is not.
  const bool is_wish = is_takeover(work()) || (work().designated && work().designated_by.empty());
  const bool is_known = !is_wish && is_on_record(parts_, work()).value_or(false);
  if (result_.error && !registered_ && !is_wish && !is_known) {
    const Result<> enrolled = enroll();
    // Not twice.
    if (!enrolled && enrolled.error().message != result_.error->message) keep(enrolled);
  }
  // The old master lives and waits for the new one; whoever ended this now could not finish it
  // later.
  const Instance* old_master = result_.outcome.topology.find(work().failed);
  const bool lives = is_takeover(work()) || (old_master != nullptr && answers(*old_master));
  if (result_.error && attempt.is_in_doubt() && lives && in_doubt_ == InDoubt::Waits) {
    result_.resumable = result_.in_doubt = true;
    result_.notes.push_back(fmt::format(
        "recovery {0} has not ended: 'orch recovery resume {0}' goes on when that server answers, "
        "and 'orch failover' puts another one in the place of both",
        result_.id));
    return result_;
  }
  // What could neither be written nor undone is for the next one to undo.
  result_.resumable =
      result_.error && registered_ && journal_.failure() && !result_.outcome.left.empty();
  if (registered_ && !result_.resumable) settle();
  if (const auto failure = journal_.failure()) keep(fail(*failure));
  return result_;
}

RecoveryOutcome Recovery::close(Error because) {
  registered_ = true;
  result_.error = std::move(because);
  settle();
  return result_;
}

Result<RecoveryOutcome> carry_on(const Parts& parts, storage::RecoveryRun run,
                                 Recovery::InDoubt in_doubt = Recovery::InDoubt::Waits) {
  ORCH_ASSIGN(RecoveryWork work, read_work(run));
  const bool lives = owner_lives(parts, run);
  const RunningRecoveries::Mark mark(parts.running, run.uid);
  if (lives || !mark.is_first()) {
    return fail(ErrorKind::Conflict,
                fmt::format("recovery {} of {} is being carried out by a process on {} that lives; "
                            "it is not interfered with",
                            run.uid, to_string(run.failed), run.owner.node.hostname));
  }
  ORCH_TRY(take_ownership(parts, run));
  ORCH_ASSIGN(EarlierSteps earlier,
              storage::JournalStore(parts.database, parts.clock).list(run.uid));
  const bool touched = std::any_of(
      earlier.begin(), earlier.end(),
      [](const storage::JournalEntry& entry) { return !entry.server.hostname.empty(); });
  const bool failing = run.stage == kFailing;
  const bool settling = run.stage == kSettling;
  const std::string uid = run.uid;
  ORCH_ASSIGN(const std::optional<RecoveryRecord> record, recovery_store(parts).find(uid));
  ORCH_ASSIGN(work.promoted_before, promoted_before(parts, work.failed, uid));
  ORCH_ASSIGN(const Topology records, records_of(parts, work, run.winner));
  Recovery recovery(parts, work, std::move(run), std::move(earlier), true, in_doubt);
  if (record) recovery.set_id(record->id);
  if (failing) {
    std::string because = record && !record->errors.empty() ? record->errors.front()
                                                            : "it was cut off when it had failed";
    return recovery.close(Error{ErrorKind::Broken, std::move(because)});
  }
  if (!touched && !settling) {
    return recovery.close(Error{ErrorKind::Conflict, std::string(kCutOffUntouched)});
  }
  return recovery.carry_out(records);
}

}  // namespace

Result<RecoveryOutcome> recover(const Parts& parts, const RecoveryWork& asked) {
  ORCH_TRY(check_leads(parts));
  RecoveryWork work = asked;
  ORCH_ASSIGN(std::optional<storage::RecoveryRun> unfinished, find_unfinished(parts, work));
  if (unfinished) {
    const std::string uid = unfinished->uid;
    const bool same_kind = unfinished->kind == to_string(work.kind);
    const InstanceKey failed = unfinished->failed;
    ORCH_ASSIGN(const bool replaces_both, can_replace_both(parts, work));
    ORCH_ASSIGN(RecoveryOutcome finished,
                carry_on(parts, *std::move(unfinished),
                         replaces_both ? Recovery::InDoubt::Ends : Recovery::InDoubt::Waits));
    if (finished.left_to_next) return fail(*finished.error);
    if (finished.error && finished.resumable) return finished;
    parts.teller.say(fmt::format(
        "recovery {} had been cut off: {}", uid,
        finished.error ? "it was ended: " + finished.error->message : "it was finished first"));
    const std::optional<InstanceKey>& promoted = finished.outcome.account.promoted;
    // By the cluster's name, which may be on record with its new master already.
    const bool same_work = same_kind && (failed == work.failed || promoted == work.failed);
    const bool as_wished = !work.designated || work.designated == promoted;
    const bool gone = finished.silent_since && promoted == work.failed;
    if (!finished.error && same_work && as_wished && !gone) return finished;
    for (const std::string& line : notes_of(finished))
      parts.teller.say(line);
    if (!finished.error && !gone) {
      return fail(ErrorKind::Conflict,
                  fmt::format("recovery {} had been cut off and was finished first: {} is the "
                              "master now",
                              uid, to_string(*promoted)));
    }
  }
  ORCH_ASSIGN(std::string lost, lost_its_place(parts, work));
  if (!lost.empty()) return fail(ErrorKind::Refused, std::move(lost));
  storage::RecoveryRun run;
  ORCH_ASSIGN(run.uid, new_recovery_uid(parts.clock));
  run.owner = owner_of(parts);
  write_work(work, run);
  const RunningRecoveries::Mark mark(parts.running, run.uid);
  ORCH_ASSIGN(work.promoted_before, promoted_before(parts, work.failed, run.uid));
  ORCH_ASSIGN(const Topology records, records_of(parts, work, {}));
  Recovery recovery(parts, work, std::move(run), {}, false);
  if (!is_takeover(work)) ORCH_TRY(recovery.announce(true));
  if (work.automatic) ORCH_TRY(check_automatic(parts, work));
  return recovery.carry_out(records);
}

Result<> announce(const Parts& parts, const RecoveryWork& work) {
  ORCH_TRY(check_leads(parts));
  storage::RecoveryRun run;
  ORCH_ASSIGN(run.uid, new_recovery_uid(parts.clock));
  return Recovery(parts, work, std::move(run), {}, false).announce(false);
}

Result<RecoveryOutcome> resume(const Parts& parts, const std::string& name) {
  ORCH_TRY(check_leads(parts));
  std::string uid = name;
  if (const std::optional<std::int64_t> id = parse_int(name)) {
    ORCH_ASSIGN(const std::optional<RecoveryRecord> record, recovery_store(parts).find(*id));
    if (record) uid = record->uid;
  }
  ORCH_ASSIGN(std::optional<storage::RecoveryRun> run,
              storage::JournalStore(parts.database, parts.clock).find_run(uid));
  if (!run) return fail(ErrorKind::NotFound, "there is no journal of recovery " + name);
  if (run->stage == storage::kEndedStage) {
    return fail(ErrorKind::Refused, "recovery " + name + " has ended ('orch recovery show')");
  }
  return carry_on(parts, *std::move(run));
}

}  // namespace orch::ha
