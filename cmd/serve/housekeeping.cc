#include "cmd/serve/service.h"

// What the service does every so often: it follows the backend, keeps it in order, carries on what
// was cut off, and tells others who the masters are.

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "cmd/command/engine.h"
#include "cmd/command/kv.h"
#include "cmd/command/observe.h"
#include "cmd/serve/memory.h"
#include "core/base/log.h"
#include "ha/latecomers.h"
#include "ha/raft/group.h"
#include "ha/registration.h"
#include "storage/analysis_store.h"
#include "storage/audit_store.h"
#include "storage/candidate_store.h"
#include "storage/circumstances.h"
#include "storage/downtime_store.h"
#include "storage/equivalence_store.h"
#include "storage/history_store.h"
#include "storage/hostname_store.h"
#include "storage/journal_store.h"
#include "storage/maintenance_store.h"
#include "storage/marks.h"
#include "storage/node_store.h"
#include "storage/pool_store.h"
#include "storage/recovery_store.h"
#include "storage/token_store.h"

namespace orch::cmd {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTick{1000};
constexpr std::chrono::milliseconds kLetGo{1000};
constexpr std::chrono::seconds kNextResumption{5};
constexpr std::chrono::seconds kWithSilent{30};  ///< with a new master that is silent
constexpr std::chrono::seconds kTidy{60};
constexpr std::chrono::seconds kStarted{3};  // what only a start needs was needed by then
constexpr std::chrono::seconds kEntries{5};
constexpr std::size_t kMostWaiting = 8;
constexpr std::chrono::seconds kMembers{10};  // as orchestrator's nodes report that they are well

}  // namespace

Result<> Service::write_codes() {
  std::vector<storage::AnalysedCode> codes;
  {
    const MutexLock lock(mutex_);
    codes.swap(codes_);
  }
  return own_->store<storage::AnalysisStore>().save_codes(codes);
}

/// Who got well again while nobody looked, or another did, whose codes this process does not know.
Result<> Service::write_well() {
  storage::AnalysisStore store = own_->store<storage::AnalysisStore>();
  const std::string_view fine = to_string(AnalysisCode::NoProblem);
  ORCH_ASSIGN(const std::vector<InstanceKey> troubled, store.list_without(fine));
  const std::vector<Analysis> now = engine_->analyses();
  std::vector<storage::AnalysedCode> codes;
  for (const InstanceKey& key : troubled) {
    const bool still =
        std::ranges::any_of(now, [&key](const Analysis& analysis) { return analysis.key == key; });
    if (!still) codes.push_back({key, std::string(fine)});
  }
  return store.save_codes(codes);
}

/// Commands judge by the backend, and see a lock only where it says that the master stands still.
Result<> Service::write_stand_still() {
  std::vector<storage::BinlogEnd> watched;
  for (const Analysis& analysis : engine_->analyses()) {
    const bool is_suspected = analysis.code == AnalysisCode::LockedSemiSyncMaster ||
                              analysis.code == AnalysisCode::LockedSemiSyncMasterHypothesis;
    if (is_suspected) watched.push_back({analysis.key, analysis.binlog});
  }
  const bool had_some = std::exchange(some_stand_still_, !watched.empty());
  if (watched.empty() && !had_some) return {};
  return own_->store<storage::AnalysisStore>().save_stand_still(watched);
}

void Service::keep_house() {
  ha::raft::Group* const group = coordination_->group();
  std::uint64_t applied = 0;
  steady_clock::time_point members{};
  bool led = false;
  steady_clock::time_point often{};
  steady_clock::time_point entries{};
  steady_clock::time_point tidy = steady_clock::now() + kTidy;
  steady_clock::time_point memory = steady_clock::now() + kStarted;
  // Earlier than that, not all servers have been looked at.
  const auto look = 3 * config().discovery.instance_poll_seconds;
  steady_clock::time_point publish = steady_clock::now() + look;
  mutex_.lock();
  while (!stopping_) {
    woken_.wait_for(mutex_, kTick, [this] { return stopping_ || look_again_; });
    if (stopping_) break;
    const bool asked = std::exchange(look_again_, false);
    mutex_.unlock();
    const Result<> alive = say_alive();
    note_problem(coordination_->look_up_nodes(), "backend");
    note_problem(read_marks(), "backend");
    note_problem(write_codes(), "backend");
    if (!watches()) note_problem(read_age(), "backend");
    const auto now = steady_clock::now();
    // What the leader was told to watch, the next one must know.
    const std::uint64_t index = group == nullptr ? 0 : group->status().applied;
    const bool told = std::exchange(applied, index) != index;
    if (asked || told || now >= often) note_problem(follow_backend(), "backend");
    const bool leads = leading().has_value();
    const bool keeps = leads || coordination_->has_own_backend();
    if (leads != led) publish = std::max(publish, now + look);
    if (leads) note_problem(resume_cut_off(), "recoveries that were cut off");
    if (now >= often) {
      often = now + config().discovery.instance_poll_seconds;
      if (leads) {
        gather_latecomers();
        beside([this] {
          note_problem(end_downtimes(), "backend");
          note_problem(mark_incomplete(), "backend");
          note_problem(end_old_detections(), "backend");
        });
      }
      if (keeps) {
        note_problem(own_->clusters().rebuild_aliases(), "backend");
        note_problem(write_stand_still(), "backend");
        look_up_hosts();
      }
    }
    if (now >= tidy) {
      tidy = now + kTidy;
      if (leads) beside([this] { note_problem(tidy_decisions(), "caretaking"); });
      if (keeps) note_problem(tidy_own(), "caretaking");
    }
    if (now >= memory) {
      memory = now + kTidy;
      give_memory_back();
    }
    if (now >= publish) {
      publish = now + kTidy;
      if (leads) publish_masters();
      if (keeps && watches()) note_problem(write_well(), "backend");
    }
    if (now >= entries && config().pseudo_gtid.auto_pseudo_gtid) {
      entries = now + kEntries;
      if (leads) write_entries();
    }
    const EngineFigures figures = engine_->figures();
    if (leads) give_way_if_blind(figures);
    if (now >= members || leads != led) {
      members = now + kMembers;
      led = leads;
      beside([this, leads] { look_after_members(leads); });
    }
    mutex_.lock();
    queue_log_.push_back({.all = {figures.running, figures.queued},
                          .dead = {figures.dead_running, figures.dead_queued}});
    const auto most = static_cast<std::size_t>(
        std::max<std::int64_t>(config().discovery.discovery_queue_max_statistics_size, 1));
    while (queue_log_.size() > most)
      queue_log_.pop_front();
    if (alive) {
      problem_.reset();
      well_at_ = steady_clock::now();
    } else {
      problem_ = alive.error();
    }
  }
  mutex_.unlock();
}

Result<> Service::read_marks() {
  ORCH_ASSIGN(Marks marks,
              storage::read_marks(*database_, clock_,
                                  config().classification.candidate_instance_expire_minutes));
  ORCH_ASSIGN(Circumstances circumstances,
              storage::read_circumstances(*database_, clock_, services_->clusters()));
  // What probes say is known here before it is in the backend.
  circumstances.probe_errors.clear();
  circumstances.semi_sync_waiting.clear();
  circumstances.stand_still.clear();
  engine_->set_marks(std::move(marks), std::move(circumstances));
  return {};
}

/// Answers of a node that does not watch come from the backend.
Result<> Service::read_age() {
  ORCH_ASSIGN(const std::optional<TimePoint> oldest, own_->instances().oldest_seen());
  const MutexLock lock(mutex_);
  stored_at_ = oldest;
  return {};
}

/// What whoever led before has written holds, until it is read again.
Result<> Service::catch_up() {
  ORCH_ASSIGN(std::vector<Instance> all, services_->instances().list({}));
  engine_->catch_up(std::move(all));
  return {};
}

/// A recovery whose process is gone, wherever it ran, is finished or undone: it may have left
/// things half done about which no analysis says anything.
Result<> Service::resume_cut_off() {
  ORCH_ASSIGN(const std::vector<storage::RecoveryRun> runs,
              services_->store<storage::JournalStore>().list_unfinished());
  if (runs.empty()) return {};
  ORCH_ASSIGN(const std::unique_ptr<RecoveryEngine> engine, RecoveryEngine::make(*services_));
  for (const storage::RecoveryRun& run : runs) {
    if (ha::owner_lives(engine->parts(), run)) continue;
    {
      const MutexLock lock(mutex_);
      const auto waits = waiting_.find(run.uid);
      if (waits != waiting_.end() && steady_clock::now() < waits->second.next) continue;
      if (!resuming_.insert(run.uid).second) continue;
    }
    resumptions_.submit([this, uid = run.uid] { resume_one(uid); });
  }
  return {};
}

/// A new master that has been silent for long is replaced as any that dies, and the old one with
/// it, by a server of which more is known; unless somebody still gets what it writes. Whether it
/// was.
bool Service::replace_both(const ha::Parts& parts, const ha::RecoveryOutcome& waiting,
                           SteadyPoint since) {
  const std::optional<InstanceKey>& winner = waiting.outcome.facts.winner;
  if (!winner) return false;
  for (const Instance* replica : waiting.outcome.topology.replicas_of(*winner)) {
    if (answers(*replica) && replica->replication.io_state == ThreadState::Running) return false;
  }
  Analysis silent;
  silent.key = *winner;
  ha::RecoveryWork work = waiting.work;
  work.kind = RecoveryKind::DeadMaster;
  work.failing_since = since;
  Result<> agreed = ha::check_automatic(parts, work);
  if (agreed) agreed = others_agree(silent);
  if (agreed) {
    work.analysis = std::string(to_string(AnalysisCode::DeadMaster));
    work.description = fmt::format("{} was to take the writes, and is gone", to_string(*winner));
    work.command.clear();
    work.designated.reset();
    work.designated_by.clear();
    work.owner = self_.hostname;
    const auto outcome = ha::recover(parts, work);
    if (outcome && !outcome->error) return true;
    agreed = fail(outcome ? *outcome->error : outcome.error());
  }
  note_problem(agreed, "recovery " + waiting.uid);
  return false;
}

void Service::resume_one(const std::string& uid) {
  SteadyPoint since = steady_clock::now();
  bool was_waiting = false;
  {
    const MutexLock lock(mutex_);
    const auto found = waiting_.find(uid);
    was_waiting = found != waiting_.end();
    if (was_waiting) since = found->second.since;
  }
  if (!was_waiting) log::warning("recovery {} was cut off: it is carried on", uid);
  const auto engine = RecoveryEngine::make(*services_);
  bool waits = false;
  if (engine) {
    const auto outcome = ha::resume((*engine)->parts(), uid);
    waits = outcome && outcome->error && outcome->resumable;
    const bool is_over = waits && outcome->in_doubt && steady_clock::now() - since > kWithSilent &&
                         replace_both((*engine)->parts(), *outcome, since);
    if (!outcome) {
      log::warning("recovery {}: {}", uid, outcome.error().message);
    } else if (outcome->left_to_next) {
      log::warning("recovery {}: {}", uid, outcome->error->message);
    } else if (waits) {
      if (!was_waiting) {
        log::warning("recovery {} has not ended: {}", uid, outcome->error->message);
      }
      waits = !is_over;
    } else if (outcome->error) {
      log::warning("recovery {} was ended: {}", uid, outcome->error->message);
    } else {
      log::warning("recovery {} was finished: {} is the successor", uid,
                   to_string(*outcome->outcome.account.promoted));
    }
  }
  const MutexLock lock(mutex_);
  resuming_.erase(uid);
  if (waits) {
    waiting_[uid] = {since, steady_clock::now() + kNextResumption};
  } else {
    waiting_.erase(uid);
  }
  look_again_ = true;
}

/// Beside the housekeeping: a server that hangs again must not hold that up.
void Service::gather_latecomers() {
  if (gathering_.exchange(true)) return;
  resumptions_.submit([this] {
    const auto engine = RecoveryEngine::make(*services_);
    if (engine) {
      note_problem(ha::gather_latecomers((*engine)->parts()), "latecomers");
      note_problem(ha::end_downtimes_of_lost((*engine)->parts()), "latecomers");
    }
    gathering_ = false;
  });
}

/// Others may have added servers to the backend, or made it forget some.
Result<> Service::follow_backend() {
  const std::vector<InstanceKey> watched = engine_->keys();
  ORCH_ASSIGN(const std::vector<InstanceKey> stored, services_->instances().list_keys());
  std::vector<InstanceKey> fresh;
  std::ranges::set_difference(stored, watched, std::back_inserter(fresh));
  if (fresh.size() > watched.size() / 4 + 16) {
    ORCH_ASSIGN(std::vector<Instance> all, services_->instances().list({}));
    engine_->add(std::move(all));
  } else if (!fresh.empty()) {
    std::vector<Instance> records;
    for (const InstanceKey& key : fresh) {
      ORCH_ASSIGN(std::optional<Instance> record, services_->instances().find(key));
      if (record) records.push_back(*std::move(record));
    }
    engine_->add(std::move(records));
  }
  std::vector<InstanceKey> missing;
  std::ranges::set_difference(watched, stored, std::back_inserter(missing));
  std::set<InstanceKey> forgotten;
  for (const InstanceKey& key : missing) {
    if (!writes_->holds(key)) forgotten.insert(key);  // else it is about to be written
  }
  if (!forgotten.empty()) engine_->forget(forgotten);
  return {};
}

/// What commands and recoveries have read is known before the next poll; what was read earlier and
/// not written yet must not be written over it.
void Service::learn(std::span<const Observation> found, SteadyPoint since) {
  {
    const MutexLock lock(questions_mutex_);
    if (questioned_ == nullptr) return;
    questioned_->learn(found, since);
  }
  if (!writes_->flush(steady_clock::now() + kLetGo)) {
    log::warning("the backend is slow: what it says of servers may be old");
  }
}

/// A read that is under way, or was not written yet, must not bring back what is being deleted.
void Service::let_go(const std::set<InstanceKey>& keys) {
  {
    const MutexLock lock(questions_mutex_);
    if (questioned_ == nullptr) return;
    questioned_->forget(keys);
  }
  writes_->forget(keys);
  if (!writes_->flush(steady_clock::now() + kLetGo)) {
    log::warning("the backend is slow: what is forgotten may come back");
  }
}

/// What waits for other nodes is not done by the house thread: a group that is slow to agree would
/// look like a backend that does not answer.
void Service::beside(std::function<void()> work) {
  if (chores_.waiting() < kMostWaiting) chores_.submit(std::move(work));
}

/// Beside the housekeeping: a server that hangs must not hold that up.
void Service::write_entries() {
  if (writing_entries_.exchange(true)) return;
  entry_writing_.submit([this] {
    note_problem(entries_->write_all(), "Pseudo-GTID");
    writing_entries_ = false;
  });
}

/// Who lacks rows must be known when it is moved away from those that left them out.
Result<> Service::mark_incomplete() {
  for (const Topology& cluster : engine_->leaving_out())
    ORCH_TRY(cmd::mark_incomplete(*services_, cluster));
  return {};
}

Result<> Service::end_downtimes() {
  ORCH_TRY(services_->store<storage::DowntimeStore>().expire());
  return {};
}

/// Of a failure that lasts, hooks are told once more after that.
Result<> Service::end_old_detections() {
  return storage::RecoveryStore(services_->database(), clock_, self_)
      .end_old_detections(config().recovery.failure_detection_period_block_minutes);
}

/// Once a minute the key-value stores are told who the masters are. Not by the house thread: one
/// that hangs must not hold it up.
void Service::publish_masters() {
  publications_.submit([this] {
    // Asked when it is done, not when it was put into the queue.
    if (leading()) note_problem(refresh_kv_stores(*services_), "key-value stores");
  });
}

/// The addresses of hosts, for whoever asks a key-value store.
void Service::look_up_hosts() {
  if (publications_.waiting() + publications_.running() > 0) return;
  publications_.submit([this] {
    std::set<std::string> hosts;
    for (const InstanceKey& key : engine_->keys())
      hosts.insert(key.hostname);
    note_problem(addresses_.refresh(hosts, services_->store<storage::HostnameStore>()),
                 "host addresses");
  });
}

/// Now and then all topologies are kept as they are.
Result<> Service::keep_topologies() {
  const std::chrono::hours interval = config().discovery.snapshot_topologies_interval_hours;
  if (interval.count() > 0 && steady_clock::now() >= snapshot_at_) {
    snapshot_at_ = steady_clock::now() + interval;
    ORCH_TRY(own_->store<storage::HistoryStore>().save_snapshot());
  }
  return {};
}

/// What is the same for all nodes.
Result<> Service::tidy_decisions() {
  const ClassificationSettings& classification = config().classification;
  const std::chrono::days audit_days = config().general.audit_purge_days;
  ORCH_TRY(services_->store<storage::HostnameStore>().expire_unresolved(
      config().discovery.expiry_hostname_resolves_minutes));
  ORCH_TRY(services_->store<storage::CandidateStore>().expire(
      classification.candidate_instance_expire_minutes));
  ORCH_TRY(
      services_->store<storage::PoolStore>().expire(classification.instance_pool_expiry_minutes));
  ORCH_TRY(storage::MaintenanceStore(services_->database(), clock_, self_).expire());
  ORCH_TRY(
      services_->store<storage::TokenStore>().expire(config().http.access_token_expiry_minutes));
  ORCH_TRY(services_->store<storage::JournalStore>().expire(audit_days));
  ORCH_TRY(storage::RecoveryStore(services_->database(), clock_, self_).expire(audit_days));
  return {};
}

/// What the backend at hand has beside that.
Result<> Service::tidy_own() {
  const std::chrono::hours unseen = config().discovery.unseen_instance_forget_hours;
  const auto minutes = config().discovery.expiry_hostname_resolves_minutes;
  ORCH_TRY(own_->instances().expire(unseen));
  ORCH_TRY(own_->clusters().expire_aliases(unseen));
  ORCH_TRY(own_->clusters().expire_domains(minutes));
  ORCH_TRY(own_->store<storage::HostnameStore>().expire_resolved(2 * minutes));
  ORCH_TRY(own_->store<storage::AuditStore>().expire(config().general.audit_purge_days));
  ORCH_TRY(own_->store<storage::EquivalenceStore>().expire(unseen));
  ORCH_TRY(own_->store<storage::NodeStore>().expire());
  ORCH_TRY(own_->store<storage::AnalysisStore>().expire_changes(unseen));
  return keep_topologies();
}

}  // namespace orch::cmd
