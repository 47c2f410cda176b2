#include "core/plan/undo.h"

#include <algorithm>
#include <optional>

#include "core/model/replication_rules.h"

namespace orch {

namespace {

bool made_read_only(const Progress& so_far, const InstanceKey& server) {
  const StepResult* last = latest(so_far, server, [](const Action& action) {
    return is_change<SetReadOnly>(action) || std::holds_alternative<Fence>(action);
  });
  if (last == nullptr) return false;
  const auto* change = change_in<SetReadOnly>(last->step.action);
  return change == nullptr || change->on;
}

bool source_answers(const Instance& replica, const Topology& fresh) {
  const Instance* source = fresh.find(replica.replication.source);
  return source != nullptr && answers(*source);
}

/// It was to be promoted, and takes no writes: it refused, and no earlier run had told it.
bool was_told_in_vain(const InstanceKey& winner, const Progress& so_far, const Topology& fresh) {
  const StepResult* told = latest(so_far, winner, [](const Action& action) {
    const auto* change = change_in<SetReadOnly>(action);
    return change != nullptr && !change->on;
  });
  const std::vector<InstanceKey>& earlier = so_far.facts.told_to_write;
  const Instance* now = fresh.find(winner);
  return told != nullptr && told->error && now != nullptr && answers(*now) &&
         now->server.read_only &&
         std::find(earlier.begin(), earlier.end(), winner) == earlier.end();
}

/// Which of its threads ran before, and do no more.
std::optional<ReplicationThreads> threads_to_start(const Instance& before, const Instance& now,
                                                   const Progress& so_far, const Topology& fresh) {
  const bool receiver =
      runs(before.replication.io_state) && now.replication.io_state == ThreadState::Stopped;
  // An error that stopped it before shows again when it is started.
  const bool lost_error = !before.replication.last_sql_error.empty() && is_replica(now) &&
                          now.replication.last_sql_error.empty();
  const bool applier = (runs(before.replication.sql_state) || lost_error) &&
                       now.replication.sql_state == ThreadState::Stopped;
  // MariaDB throws away what is received and not applied when the receiver starts by GTID: then
  // its source must be there to send it again, and have it still.
  const Instance* source = fresh.find(now.replication.source);
  const bool comes_again =
      source_answers(now, fresh) && purged_and_lacking(now, *source, false).value_or("").empty();
  const bool would_discard =
      is_mariadb(now) && now.gtid.uses_mariadb && !comes_again && !has_applied_all(now);
  const auto& winner = so_far.facts.winner;
  const bool gets_what_others_lack =
      is_past_return(so_far) && winner && !was_told_in_vain(*winner, so_far, fresh) &&
      source != nullptr && source->key != *winner && !fresh.is_below(source->key, *winner) &&
      !(answers(*source) && source->server.read_only);
  // Started while the receiver stands, the applier has it do the same: what counts as lost once
  // somebody is promoted, and is kept until then.
  const bool keeps = now.replication.io_state == ThreadState::Stopped && !is_past_return(so_far);
  const bool may_receive = receiver && !would_discard && !gets_what_others_lack;
  if (may_receive && applier) return ReplicationThreads::Both;
  if (applier && !(would_discard && keeps)) return ReplicationThreads::Applier;
  if (may_receive) return ReplicationThreads::Receiver;
  return std::nullopt;
}

/// Where it followed its former source by GTID, follows another now, in vain, and can go back.
bool can_go_back(const Instance& before, const Instance& now, const Progress& so_far,
                 const Topology& fresh) {
  if (!answers(now) || !is_replica(before) || !uses_gtid(before) || !uses_gtid(now)) return false;
  const StepResult* pointed = latest(so_far, before.key, is_change<PointTo>);
  if (pointed == nullptr || pointed->error || pointed->step.credentials_from) return false;
  const InstanceKey& former = before.replication.source;
  const InstanceKey& present = change_in<PointTo>(pointed->step.action)->source;
  const bool same =
      present == former && before.replication.source_name == now.replication.source_name;
  if (same || now.replication.source != present || replica_running(now)) return false;
  const Instance* source = fresh.find(former);
  return source != nullptr && answers(*source) && !fresh.is_below(former, before.key);
}

/// It was tried already. An applier alone is also started to apply the rest; then the receiver may
/// be what is still to be started.
bool was_started(const Progress& so_far, const Instance& now, ReplicationThreads threads,
                 const Topology& fresh) {
  const StepResult* last = latest(
      so_far, now.key, [](const Action& action) { return std::holds_alternative<Change>(action); });
  const auto* start = last == nullptr ? nullptr : change_in<StartReplication>(last->step.action);
  const bool other_thread = start != nullptr && start->threads == ReplicationThreads::Applier &&
                            threads == ReplicationThreads::Receiver;
  return start != nullptr && !(other_thread && source_answers(now, fresh));
}

/// It was started up to a place, and would stop by itself when it comes there.
bool will_stop(const Progress& so_far, const InstanceKey& server) {
  const StepResult* last = latest(so_far, server, [](const Action& action) {
    return is_change<StopReplication>(action) || is_change<StartReplication>(action) ||
           is_change<StartUntil>(action);
  });
  return last != nullptr && is_change<StartUntil>(last->step.action);
}

}  // namespace

std::optional<ReplicationThreads> former_threads(const Instance& before) {
  const bool receiver = runs(before.replication.io_state);
  const bool applier =
      runs(before.replication.sql_state) || !before.replication.last_sql_error.empty();
  if (receiver && applier) return ReplicationThreads::Both;
  if (receiver) return ReplicationThreads::Receiver;
  if (applier) return ReplicationThreads::Applier;
  return std::nullopt;
}

std::vector<Step> undo_thread_steps(const Progress& so_far, const Topology& fresh,
                                    const std::vector<LostReplica>& lost) {
  std::vector<Step> steps;
  for (const Instance& before : so_far.at_start.instances()) {
    const Instance* now = fresh.find(before.key);
    if (now == nullptr || !answers(*now)) continue;
    // One that takes writes may still know its source: it must not follow it again.
    const bool takes_writes = !now->server.read_only && is_past_return(so_far);
    if (so_far.facts.winner == before.key && takes_writes) continue;
    const bool same_link = is_replica(*now) && now->replication.source == before.replication.source;
    const StepResult* stop = latest(so_far, before.key, is_change<StopReplication>);
    if (!same_link || stop == nullptr) continue;
    const auto why = std::find_if(lost.begin(), lost.end(),
                                  [&](const LostReplica& one) { return one.key == before.key; });
    const auto add = [&](Change change) {
      steps.push_back(
          {before.key,
           std::move(change),
           why == lost.end() ? "as it was before" : why->because,
           {},
           false,
           stop->error ? stop->step.limit : std::nullopt});  // it may hang as it did then
    };
    if (will_stop(so_far, before.key)) {
      add(StopReplication{});
      if (const auto threads = former_threads(before)) add(StartReplication{*threads});
      continue;
    }
    const auto threads = threads_to_start(before, *now, so_far, fresh);
    if (threads && !was_started(so_far, *now, *threads, fresh)) add(StartReplication{*threads});
  }
  return steps;
}

std::string stopped_threads(const Instance& before, const Instance& now) {
  const auto is_stopped = [&](ThreadState Replication::*thread) {
    return runs(before.replication.*thread) && !runs(now.replication.*thread);
  };
  const bool receiver = is_stopped(&Replication::io_state);
  const bool applier = is_stopped(&Replication::sql_state);
  if (receiver && applier) return "replication";
  return receiver ? "its receiver" : applier ? "its applier" : "";
}

std::vector<Step> undo_link_steps(const Progress& so_far, const Topology& fresh,
                                  const std::vector<LostReplica>& lost) {
  std::vector<Step> steps;
  if (is_past_return(so_far)) return steps;
  for (const LostReplica& one : lost) {
    const Instance* before = so_far.at_start.find(one.key);
    const Instance* now = fresh.find(one.key);
    if (before == nullptr || now == nullptr || !can_go_back(*before, *now, so_far, fresh)) continue;
    const auto add = [&](Change change) {
      steps.push_back({one.key, std::move(change), one.because, {}, false, {}});
    };
    if (!replication_threads_stopped(*now)) {
      const Instance* present = fresh.source_of(one.key);
      add(StopReplication{ReplicationThreads::Both, present == nullptr || !answers(*present)});
    }
    PointTo back;
    back.source = before->replication.source;
    back.written_name = before->replication.source_name;
    add(std::move(back));
    if (const auto threads = former_threads(*before)) add(StartReplication{*threads});
  }
  return steps;
}

std::vector<Step> undo_read_only_steps(const Progress& so_far, const Topology& fresh) {
  std::vector<Step> steps;
  for (const Instance& before : so_far.at_start.instances()) {
    const Instance* now = fresh.find(before.key);
    if (now == nullptr || !answers(*now)) continue;
    if (was_semi_sync_source(so_far.facts, before.key) && !now->semi_sync.source_enabled) {
      const StepResult* tried = latest(so_far, before.key, is_change<SetSemiSyncSource>);
      if (tried == nullptr) {
        steps.push_back(
            {before.key, Change{SetSemiSyncSource{true}}, "as it was before", {}, false, {}});
      } else if (tried->error) {
        // It would acknowledge what no replica has.
        continue;
      }
    }
    if (before.server.read_only) continue;
    if (!now->server.read_only || !made_read_only(so_far, before.key)) continue;
    steps.push_back({before.key, Change{SetReadOnly{false}}, "as it was before", {}, false, {}});
  }
  return steps;
}

std::vector<Step> undo_semi_sync_steps(const Progress& so_far, const Topology& fresh) {
  std::vector<Step> steps;
  for (const Instance& before : so_far.at_start.instances()) {
    const Instance* now = fresh.find(before.key);
    if (now == nullptr || !answers(*now) || !now->server.read_only) continue;
    if (before.semi_sync.source_enabled || !now->semi_sync.source_enabled) continue;
    if (was_semi_sync_source(so_far.facts, before.key)) continue;  // until it was fenced
    const StepResult* last = latest(so_far, before.key, is_change<SetSemiSyncSource>);
    if (last == nullptr || last->error || !change_in<SetSemiSyncSource>(last->step.action)->on) {
      continue;
    }
    steps.push_back({before.key,
                     Change{SetSemiSyncSource{false}},
                     "it was not promoted: its applier would wait for replicas",
                     {},
                     false,
                     {}});
  }
  return steps;
}

}  // namespace orch
