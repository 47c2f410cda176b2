#include "ha/registration.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/analysis/codes.h"
#include "core/base/pattern.h"
#include "core/base/process.h"
#include "core/base/text.h"
#include "core/model/cluster_filter.h"
#include "core/plan/recovery/dead_primary.h"
#include "storage/lease_store.h"
#include "storage/maintenance_store.h"

namespace orch::ha {

namespace {

constexpr std::chrono::seconds kFirstPause{10};
constexpr int kFreeRepairs = 2;
/// A master that has held for so long has not failed at once.
constexpr std::chrono::seconds kSettled{30};
/// A server that was well for so long has not gone on failing.
constexpr std::chrono::seconds kWell{5};
constexpr std::size_t kPast = 200;  ///< how many past recoveries are looked at

bool is_intermediate(RecoveryKind kind) {
  return kind == RecoveryKind::DeadIntermediateMaster || kind == RecoveryKind::DeadGroupMember;
}

bool same_cluster(const RecoveryWork& work, std::string_view name, std::string_view alias) {
  return (!name.empty() && work.cluster == name) || (!alias.empty() && work.cluster_alias == alias);
}

Result<> check_switch(const Parts& parts) {
  const Result<bool> disabled = recovery_store(parts).globally_disabled();
  if (!disabled) {
    return fail(disabled.error().within("whether recoveries are disabled globally is not known"));
  }
  if (!*disabled) return {};
  return fail(ErrorKind::Refused,
              "automatic recoveries are disabled globally ('orch enable-global-recoveries')");
}

Result<> check_filters(const RecoverySettings& settings, const RecoveryWork& work) {
  const bool intermediate = is_intermediate(work.kind);
  ORCH_ASSIGN(
      const ClusterFilter filter,
      ClusterFilter::compile(intermediate ? settings.recover_intermediate_master_cluster_filters
                                          : settings.recover_master_cluster_filters));
  if (!filter.matches(work.cluster, work.cluster_alias)) {
    return fail(ErrorKind::Refused,
                fmt::format("cluster {} does not match {}", work.cluster_alias,
                            intermediate ? "RecoverIntermediateMasterClusterFilters"
                                         : "RecoverMasterClusterFilters"));
  }
  for (const std::string& expression : settings.recovery_ignore_hostname_filters) {
    ORCH_ASSIGN(const Pattern pattern, Pattern::compile(expression));
    if (!pattern.matches(work.failed.hostname)) continue;
    return fail(ErrorKind::Refused,
                fmt::format("{} matches RecoveryIgnoreHostnameFilters", work.failed.hostname));
  }
  if (!work.downtimed) return {};
  return fail(ErrorKind::Refused, to_string(work.failed) + " is downtimed");
}

Result<std::chrono::seconds> confirmation_of(const RecoverySettings& settings,
                                             const RecoveryWork& work) {
  for (const auto& [entry, text] : settings.failure_confirmation_seconds_by_cluster) {
    ORCH_ASSIGN(const ClusterFilter filter, ClusterFilter::compile({entry}));
    if (!filter.matches(work.cluster, work.cluster_alias)) continue;
    return std::chrono::seconds(parse_int(text).value_or(0));
  }
  return settings.failure_confirmation_seconds;
}

/// How long the server has failed by what the backend has of it: the wall clock, which may have
/// been set since, or be another node's. A failure of a farther future than `most` has lasted: its
/// age is not known, and waiting for the clock to come there again could take for ever.
Result<std::chrono::microseconds> detected_for(const Parts& parts, const RecoveryWork& work,
                                               std::chrono::microseconds most) {
  std::chrono::microseconds age{0};
  ORCH_ASSIGN(const std::vector<FailureDetection> detections,
              recovery_store(parts).list_detections(0, kPast));
  const TimePoint now = parts.clock.now();
  for (const FailureDetection& detection : detections) {
    if (!detection.active || detection.failed != work.failed || !detection.started) continue;
    age = now - *detection.started;
    if (age < -most) age = most;
  }
  return age;
}

Result<> check_confirmation(const Parts& parts, const RecoveryWork& work) {
  ORCH_ASSIGN(const std::chrono::seconds wanted, confirmation_of(parts.config.recovery, work));
  if (wanted.count() <= 0) return {};
  if (work.failing_since) {
    if (std::chrono::steady_clock::now() - *work.failing_since >= wanted) return {};
  } else {
    ORCH_ASSIGN(const std::chrono::microseconds age, detected_for(parts, work, wanted));
    if (age >= wanted) return {};
  }
  return fail(ErrorKind::Conflict,
              fmt::format("the failure of {} must last {} s before a recovery begins",
                          to_string(work.failed), wanted.count()));
}

std::chrono::seconds block_period(const RecoverySettings& settings) {
  if (settings.recovery_period_block_seconds.count() > 0) {
    return settings.recovery_period_block_seconds;
  }
  return settings.recovery_period_block_minutes;
}

/// A leader that stood still finds here that there is a later one.
Result<> check_epoch(const Parts& parts, Term term) {
  if (!parts.leadership.is_elected()) return {};
  ORCH_ASSIGN(const auto holder, storage::LeaseStore(parts.database).find());
  if (!holder || holder->epoch <= term) return {};
  return fail(ErrorKind::Conflict, fmt::format("{} leads in epoch {}, and this node led in {}",
                                               holder->node.hostname, holder->epoch, term));
}

/// Rows of other programs that say that they run: of processes that are gone, they are ended.
Result<> settle_foreign_rows(const Parts& parts, const RecoveryWork& work) {
  storage::RecoveryStore store = recovery_store(parts);
  storage::JournalStore journal(parts.database, parts.clock);
  ORCH_ASSIGN(const std::vector<RecoveryRecord> active, store.list_active());
  std::optional<std::vector<storage::Node>> nodes;
  for (const RecoveryRecord& record : active) {
    const bool concerned = record.failed == work.failed ||
                           same_cluster(work, record.cluster_name, record.cluster_alias);
    if (record.ended || !concerned) continue;
    ORCH_ASSIGN(const std::optional<storage::RecoveryRun> run, journal.find_run(record.uid));
    if (run && run->stage != storage::kEndedStage) continue;  // ours: judged by its journal
    if (!nodes) {
      ORCH_ASSIGN(nodes, storage::NodeStore(parts.database, parts.clock).list_active());
    }
    const bool lives = std::any_of(nodes->begin(), nodes->end(), [&](const storage::Node& node) {
      return node.identity.hostname == record.node_hostname &&
             node.identity.token == record.node_token;
    });
    if (lives && record.failed == work.failed) {
      return fail(ErrorKind::Conflict, fmt::format("recovery {} of {} runs on {}", record.id,
                                                   to_string(record.failed), record.node_hostname));
    }
    if (!lives) ORCH_TRY(store.end_crashed(record.uid));
  }
  return {};
}

/// A recent failover of this cluster, or one that made this server its master.
bool concerns(const RecoveryRecord& past, const RecoveryWork& work) {
  if (!past.successful) return false;
  if (past.failed == work.failed) return true;
  return replaces_master(work.kind) && (past.successor == work.failed ||
                                        same_cluster(work, past.cluster_name, past.cluster_alias));
}

/// The failure that was recovered, still there; not a new one of whom it has been recovered by.
bool is_same_failure(const RecoveryRecord& past, const RecoveryWork& work,
                     const std::vector<RecoveryRecord>& all) {
  if (past.failed != work.failed) return false;
  return std::none_of(all.begin(), all.end(), [&](const RecoveryRecord& later) {
    return later.id > past.id && later.successful && later.successor == work.failed;
  });
}

/// A repair that something undoes again and again does not go on for ever: from the third on each
/// waits twice as long.
std::optional<PastBlock> repaired_often(const std::vector<RecoveryRecord>& past,
                                        const RecoveryWork& work, std::chrono::seconds period,
                                        TimePoint now) {
  if (replaces_master(work.kind)) return std::nullopt;
  std::chrono::seconds pause{0};
  std::optional<TimePoint> last;
  int repairs = 0;
  for (const RecoveryRecord& record : past) {
    if (record.failed != work.failed || record.analysis != work.analysis) continue;
    if (record.acknowledged && record.acknowledge_comment != storage::kFollowedByAnother) break;
    if (!record.successful || !record.ended || now - *record.ended >= period) continue;
    last = std::max(last.value_or(*record.ended), *record.ended);
    if (++repairs < kFreeRepairs) continue;
    pause = pause.count() == 0 ? kFirstPause : std::min(pause * 2, period);
  }
  // A clock that was set back: nothing may wait until it is there again.
  if (pause.count() == 0 || now - *last >= pause || now < *last) return std::nullopt;
  return PastBlock{std::nullopt,
                   fmt::format("{} was repaired {} times lately, and is not again for {} s: look "
                               "what undoes it",
                               to_string(work.failed), repairs, pause.count())};
}

/// Whether what is to be recovered was not the case while the server had this code: nothing was, or
/// what was to be dead answered.
bool is_well(AnalysisCode code, RecoveryKind kind) {
  if (code == AnalysisCode::NoProblem) return true;
  const bool wants_dead = replaces_master(kind) || is_intermediate(kind);
  const std::string_view name = to_string(code);
  return wants_dead && !name.starts_with("Dead") && !name.starts_with("Unreachable") &&
         traits(code).recovery != kind && code != AnalysisCode::RecordsTooOld;
}

/// Until when the server was well last, before the failure at hand, as far as the backend knows.
Result<std::optional<TimePoint>> was_well_until(const storage::AnalysisStore& codes,
                                                const RecoveryWork& work, TimePoint now) {
  ORCH_ASSIGN(const std::vector<storage::CodeChange> changes, codes.list_changes_of(work.failed));
  TimePoint began = now;
  if (work.failing_since) {
    began -= std::chrono::duration_cast<TimePoint::duration>(std::chrono::steady_clock::now() -
                                                             *work.failing_since);
  }
  std::optional<TimePoint> until;
  std::optional<TimePoint> since;
  const auto end = [&](TimePoint at) {
    if (since && at - *since >= kWell) until = at;
    since.reset();
  };
  for (const storage::CodeChange& change : changes) {
    const auto code = parse_analysis_code(change.code);
    if (!code || !is_well(*code, work.kind)) {
      end(change.at);
    } else if (!since) {
      since = change.at;
    }
  }
  end(began);
  return until;
}

/// Whether it was another failure: something else was the matter, or the server was well since.
bool is_over(const RecoveryRecord& past, const RecoveryWork& work,
             std::optional<TimePoint> well_until) {
  const auto code = parse_analysis_code(past.analysis);
  if (code && traits(*code).recovery && traits(*code).recovery != work.kind) return true;
  return well_until && *well_until - *past.ended >= kWell;
}

/// Whether it changed nothing, as the one server that may be promoted could not be.
bool had_no_other(const RecoveryRecord& past, const RecoveryWork& work) {
  if (past.successful || past.failed != work.failed || work.designated_by.empty()) return false;
  return past.participants.empty() && !past.errors.empty() &&
         past.errors.front().ends_with(no_other_text(work.failed, work.designated_by));
}

std::string told(const RecoveryWork& work, const RecoveryRecord& past, std::chrono::seconds span) {
  return fmt::format(
      "{} was recovered by recovery {} less than {} s ago ('orch "
      "ack-cluster-recoveries' ends the block)",
      work.cluster_alias, past.id, span.count());
}

}  // namespace

storage::RecoveryStore recovery_store(const Parts& parts) {
  return {parts.database, parts.clock, parts.self};
}

Result<std::string> new_recovery_uid(const Clock& clock) {
  ORCH_ASSIGN(const std::string token, storage::make_token());
  const auto now =
      std::chrono::duration_cast<std::chrono::nanoseconds>(clock.now().time_since_epoch());
  return fmt::format("{}:{}", now.count(), token);
}

storage::RecoveryOwner owner_of(const Parts& parts) {
  return {.node = parts.self,
          .process = this_process(),
          .term = parts.leadership.leading().value_or(Term{0})};
}

bool owner_lives(const Parts& parts, const storage::RecoveryRun& run, SteadyPoint now) {
  if (run.owner.node.hostname == parts.self.hostname && run.owner.node.token == parts.self.token) {
    return parts.running.contains(run.uid);
  }
  const std::optional<bool> lives = process_lives(run.owner.process);
  if (lives == false) return false;
  // With a later leader there, one that stands still must not keep its recovery for ever; a command
  // that somebody runs does not lead, and goes on.
  const bool outdated = run.owner.term < parts.leadership.leading().value_or(Term{0});
  if (lives && !outdated) return true;
  if (outdated && parts.leadership.shuts_out_deposed()) return false;
  if (!run.alive_at) return false;
  const auto age = std::clamp<SteadyPoint::duration>(parts.clock.now() - *run.alive_at,
                                                     std::chrono::seconds(0), kLease);
  return parts.running.unchanged_for(run.uid, *run.alive_at, age, now) < kLease;
}

bool in_each_others_way(const RecoveryWork& work, const storage::RecoveryRun& run) {
  if (run.failed == work.failed) return true;
  const std::optional<RecoveryKind> kind = parse_recovery_kind(run.kind);
  if (!kind || !replaces_master(*kind) || !replaces_master(work.kind)) return false;
  if (run.winner == work.failed) return true;
  const Result<RecoveryWork> other = read_work(run);
  return other && same_cluster(work, other->cluster, other->cluster_alias);
}

Result<std::optional<storage::RecoveryRun>> find_unfinished(const Parts& parts,
                                                            const RecoveryWork& work) {
  ORCH_ASSIGN(std::vector<storage::RecoveryRun> runs,
              storage::JournalStore(parts.database, parts.clock).list_unfinished());
  for (storage::RecoveryRun& run : runs) {
    if (in_each_others_way(work, run)) return std::optional<storage::RecoveryRun>(std::move(run));
  }
  return std::optional<storage::RecoveryRun>();
}

Result<std::optional<PastBlock>> blocked_by_past(const RecoverySettings& settings,
                                                 const storage::RecoveryStore& store,
                                                 const storage::AnalysisStore& codes, TimePoint now,
                                                 const RecoveryWork& work) {
  ORCH_ASSIGN(const std::vector<RecoveryRecord> past, store.list("", 0, kPast));
  ORCH_ASSIGN(const std::optional<TimePoint> well_until, was_well_until(codes, work, now));
  const std::chrono::seconds period = block_period(settings);
  if (auto block = repaired_often(past, work, period, now)) return block;
  std::chrono::seconds settling{0};
  const RecoveryRecord* last_failover = nullptr;
  std::chrono::seconds pause{0};
  std::optional<TimePoint> last_failure;
  bool settled = false;
  for (const RecoveryRecord& record : past) {
    // One is acknowledged, too, as another of the same server begins: it counts all the same,
    // unless a person has acknowledged a later one.
    const bool is_followed =
        record.acknowledged && record.acknowledge_comment == storage::kFollowedByAnother;
    settled = settled || (record.acknowledged && !is_followed && concerns(record, work));
    if (!record.ended || (record.acknowledged && (!is_followed || settled))) continue;
    const auto ago = now - *record.ended;
    // Of a time to come: the clock was set back. How long ago it was nobody knows; nothing may wait
    // until the clock is there again, which may be hours.
    if (ago >= period || ago < -period) continue;
    if (concerns(record, work) && (record.active || is_followed)) {
      if (record.active && is_same_failure(record, work, past)) {
        return std::optional(PastBlock{record.id, told(work, record, period)});
      }
      if (ago < -kSettled) continue;
      settling =
          settling.count() == 0 ? std::min(kSettled, period) : std::min(settling * 2, period);
      const bool is_last = last_failover == nullptr || *record.ended > *last_failover->ended;
      if (record.active && is_last) last_failover = &record;
      continue;
    }
    if (record.successful || record.failed != work.failed || ago < -kFirstPause) continue;
    if (is_over(record, work, well_until) || had_no_other(record, work)) continue;
    pause = pause.count() == 0 ? kFirstPause : std::min(pause * 2, period);
    last_failure = std::max(last_failure.value_or(*record.ended), *record.ended);
  }
  if (last_failover != nullptr && now - *last_failover->ended < settling) {
    return std::optional(PastBlock{last_failover->id, told(work, *last_failover, settling)});
  }
  if (!last_failure || now - *last_failure >= pause) return std::optional<PastBlock>();
  return std::optional(PastBlock{
      std::nullopt, fmt::format("the recovery of {} failed, and is not tried again for {} s",
                                to_string(work.failed), pause.count())});
}

Result<bool> is_on_record(const Parts& parts, const RecoveryWork& work) {
  ORCH_ASSIGN(const std::vector<RecoveryRecord> past, recovery_store(parts).list("", 0, kPast));
  const auto last = std::find_if(past.begin(), past.end(), [&](const RecoveryRecord& record) {
    return record.failed == work.failed && record.ended;
  });
  if (last == past.end() || !had_no_other(*last, work)) return false;
  ORCH_ASSIGN(const std::optional<TimePoint> well_until,
              was_well_until({parts.database, parts.clock}, work, parts.clock.now()));
  return !is_over(*last, work, well_until);
}

Result<> check_automatic(const Parts& parts, const RecoveryWork& work) {
  ORCH_TRY(check_switch(parts));
  ORCH_TRY(check_filters(parts.config.recovery, work));
  ORCH_TRY(check_confirmation(parts, work));
  ORCH_ASSIGN(const auto block,
              blocked_by_past(parts.config.recovery, recovery_store(parts),
                              {parts.database, parts.clock}, parts.clock.now(), work));
  if (!block) return {};
  if (block->recovery) {
    ORCH_TRY(recovery_store(parts).save_blocked(work.failed, work.cluster, work.analysis,
                                                *block->recovery));
  }
  return fail(ErrorKind::Conflict, block->reason);
}

Result<std::int64_t> register_recovery(const Parts& parts, const RecoveryWork& work,
                                       const storage::RecoveryRun& run) {
  std::int64_t id = 0;
  const auto work_in_one = [&]() -> Result<> {
    ORCH_TRY(check_epoch(parts, run.owner.term));
    ORCH_ASSIGN(const std::optional<storage::RecoveryRun> other, find_unfinished(parts, work));
    if (other && other->uid != run.uid) {
      return fail(ErrorKind::Conflict, fmt::format("recovery {} of {} has begun and not ended",
                                                   other->uid, to_string(other->failed)));
    }
    ORCH_TRY(settle_foreign_rows(parts, work));
    storage::RecoveryStore store = recovery_store(parts);
    ORCH_TRY(store.end_completed(work.failed));
    RecoveryRecord record;
    record.uid = run.uid;
    record.failed = work.failed;
    record.analysis = work.analysis;
    record.cluster_name = work.cluster;
    record.cluster_alias = work.cluster_alias;
    record.affected_replicas = work.replicas;
    record.affected_count = static_cast<std::int64_t>(work.replicas.size());
    ORCH_ASSIGN(const std::optional<std::int64_t> claimed, store.claim(record));
    if (!claimed) {
      return fail(ErrorKind::Conflict,
                  "somebody else has just begun to recover " + to_string(work.failed));
    }
    id = *claimed;
    return storage::JournalStore(parts.database, parts.clock).save_run(run);
  };
  ORCH_TRY(parts.database.transaction(work_in_one));
  return id;
}

Result<> check_leads(const Parts& parts) {
  if (parts.leadership.leading()) return {};
  return fail(ErrorKind::Conflict, "this node does not lead");
}

Result<> take_ownership(const Parts& parts, storage::RecoveryRun& run) {
  const storage::RecoveryOwner before = run.owner;
  run.owner = owner_of(parts);
  storage::JournalStore journal(parts.database, parts.clock);
  ORCH_ASSIGN(const bool taken, journal.take_over(run.uid, before, run.owner));
  if (!taken) {
    return fail(ErrorKind::Conflict,
                "somebody else has just begun to carry on recovery " + run.uid);
  }
  storage::MaintenanceStore locks(parts.database, parts.clock, parts.self);
  ORCH_ASSIGN([[maybe_unused]] const std::int64_t freed, locks.end_all_of(before.node));
  return {};
}

}  // namespace orch::ha
