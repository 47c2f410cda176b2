#include "core/plan/preview.h"

#include <algorithm>
#include <utility>

namespace orch {

namespace {

constexpr int kMaxRounds = 500;

bool concerns_receiver(ReplicationThreads threads) {
  return threads != ReplicationThreads::Applier;
}
bool concerns_applier(ReplicationThreads threads) {
  return threads != ReplicationThreads::Receiver;
}

void set_threads(Instance& instance, ReplicationThreads threads, bool on) {
  const ThreadState state = on ? ThreadState::Running : ThreadState::Stopped;
  Replication& replication = instance.replication;
  if (concerns_receiver(threads)) {
    replication.io_state = state;
    replication.io_running = on;
  }
  if (concerns_applier(threads)) {
    replication.sql_state = state;
    replication.sql_running = on;
  }
}

/// Without what the server wrote itself.
MariaDbGtidPos received_part(const MariaDbGtidPos& position, const Instance& instance) {
  std::string text;
  for (const MariaDbGtid& gtid : position.ends()) {
    if (gtid.server == instance.server.id) continue;
    text += (text.empty() ? "" : ",") + to_string(gtid);
  }
  return MariaDbGtidPos::parse(text).value_or({});
}

void set_executed(Instance& instance, const Position& position) {
  if (const auto* set = std::get_if<GtidSet>(&position)) {
    instance.gtid.executed = set->to_string();
  } else if (const auto* pos = std::get_if<MariaDbGtidPos>(&position)) {
    instance.gtid.mariadb_slave_pos = received_part(*pos, instance).to_string();
    instance.gtid.mariadb_binlog_state = pos->to_string();
  } else if (const auto* place = std::get_if<BinlogCoordinates>(&position)) {
    instance.replication.exec = *place;
  }
}

/// The receiver connects: what the source has executed arrives.
void receive_all(Instance& instance, const Topology& topology) {
  const Instance* source = topology.find(instance.replication.source);
  if (source == nullptr || !answers(*source)) {
    instance.replication.io_state = ThreadState::Other;
    instance.replication.io_running = false;
    return;
  }
  Replication& replication = instance.replication;
  if (source->server.binlog_server && is_before(replication.read, source->replication.exec)) {
    replication.read = source->replication.exec;
  }
  const Position before = received_position(instance);
  if (replication.read.empty()) replication.read = source->server.binlog;
  if (replication.read.empty()) replication.read = {"binlog.000001", 4, BinlogType::Binary};
  const Position arrived = united(before, executed_position(*source));
  if (const auto* set = std::get_if<GtidSet>(&arrived)) {
    replication.retrieved_gtid_set = set->to_string();
  } else if (const auto* pos = std::get_if<MariaDbGtidPos>(&arrived)) {
    replication.gtid_io_pos = received_part(*pos, instance).to_string();
  }
}

void point(Instance& instance, const PointTo& target) {
  Replication& replication = instance.replication;
  // What was received and not applied is gone.
  replication.retrieved_gtid_set.clear();
  replication.read = {};
  replication.exec = {};
  replication.source = target.source;
  replication.source_name = target.written_name;
  replication.configured = true;
  replication.channels = 1;
  replication.last_io_error.clear();
  replication.last_sql_error.clear();
  replication.temporary_tables = 0;
  set_threads(instance, ReplicationThreads::Both, false);
  if (target.positioning == Positioning::Coordinates) {
    replication.read = replication.exec = target.coordinates;
    instance.gtid.uses_mariadb = instance.gtid.uses_oracle = false;
    instance.gtid.mariadb_current = false;
  } else if (target.positioning != Positioning::Keep) {
    instance.gtid.uses_mariadb = is_mariadb(instance);
    instance.gtid.uses_oracle = !is_mariadb(instance);
    if (target.positioning == Positioning::MariaDbCurrent) instance.gtid.mariadb_current = true;
  } else if (!uses_gtid(instance)) {
    replication.read = replication.exec = target.coordinates;
  }
}

void reset(Instance& instance) {
  set_executed(instance, executed_position(instance));
  instance.replication = {};
  instance.gtid.uses_oracle = false;
  instance.gtid.uses_mariadb = instance.gtid.mariadb_current = false;
}

void apply(Instance& instance, const Change& change, const Topology& topology) {
  if (const auto* stop = std::get_if<StopReplication>(&change)) {
    set_threads(instance, stop->threads, false);
  } else if (const auto* start = std::get_if<StartReplication>(&change)) {
    set_threads(instance, start->threads, true);
    if (concerns_receiver(start->threads)) receive_all(instance, topology);
  } else if (const auto* target = std::get_if<PointTo>(&change)) {
    point(instance, *target);
  } else if (std::holds_alternative<ResetReplication>(change)) {
    reset(instance);
  } else if (const auto* read_only = std::get_if<SetReadOnly>(&change)) {
    instance.server.read_only = read_only->on;
  } else if (const auto* source = std::get_if<SetSemiSyncSource>(&change)) {
    instance.semi_sync.source_enabled = source->on;
  } else if (const auto* replica = std::get_if<SetSemiSyncReplica>(&change)) {
    instance.semi_sync.replica_enabled = replica->on;
  } else if (const auto* delay = std::get_if<SetDelay>(&change)) {
    instance.replication.sql_delay = delay->delay;
    if (delay->keeps_relay_logs) {
      instance.gtid.uses_mariadb = instance.gtid.mariadb_current = false;
      instance.replication.exec = instance.replication.read;
    }
  } else if (const auto* until = std::get_if<StartUntil>(&change)) {
    set_threads(instance, ReplicationThreads::Receiver, true);
    instance.replication.exec = until->until;
  } else if (const auto* flush = std::get_if<FlushBinaryLogs>(&change)) {
    for (int i = 0; i < flush->times; ++i)
      instance.server.binlog = next_log(instance.server.binlog).value_or(instance.server.binlog);
  } else if (const auto* follow = std::get_if<FollowByGtid>(&change)) {
    instance.gtid.uses_mariadb = true;
    instance.gtid.mariadb_current = follow->current;
    instance.replication.gtid_io_pos = instance.gtid.mariadb_slave_pos;
  } else if (std::holds_alternative<RollBackPartial>(change)) {
    set_threads(instance, ReplicationThreads::Applier, false);
    instance.replication.read = instance.replication.exec;
    instance.replication.partial = {};
  } else if (std::holds_alternative<CommitNothing>(change)) {
    instance.semi_sync.source_waiting_sessions = 0;
  } else if (const auto* history = std::get_if<ResetGtidHistory>(&change)) {
    instance.gtid.executed = instance.gtid.purged = history->executed;
    instance.replication.retrieved_gtid_set = history->executed;
    instance.gtid.errant.clear();
  }
}

BinlogCoordinates later(const BinlogCoordinates& a, const BinlogCoordinates& b) {
  return is_before(a, b) ? b : a;
}

void fulfil(Instance& instance, const Condition& condition) {
  if (const auto* applied = std::get_if<AppliedReceived>(&condition)) {
    set_executed(instance, received_position(instance));
    if (!applied->not_at.empty()) instance.gtid.mariadb_slave_pos.clear();  // not known
    instance.replication.exec = later(instance.replication.exec, instance.replication.read);
  } else if (const auto* executed = std::get_if<HasExecuted>(&condition)) {
    // Coordinates are in the source's log, also for one whose GTIDs are known.
    const auto* place = std::get_if<BinlogCoordinates>(&executed->position);
    if (place != nullptr) {
      instance.replication.exec = later(instance.replication.exec, *place);
      instance.replication.read = later(instance.replication.read, *place);
    } else {
      set_executed(instance, united(executed_gtids(instance), executed->position));
    }
  } else if (std::holds_alternative<ReplicatesFrom>(condition)) {
    set_threads(instance, ReplicationThreads::Both, true);
  } else if (std::holds_alternative<HoldsNoTemporaryTables>(condition)) {
    instance.replication.temporary_tables = 0;
  } else if (std::holds_alternative<IsStopped>(condition)) {
    set_threads(instance, ReplicationThreads::Both, false);
  }
}

/// How long the wait would be patient with a server that executes nothing.
std::chrono::seconds patience(const WaitFor& wait) {
  return std::min(wait.limit, wait.stall_limit.value_or(wait.limit));
}

/// What will never be, as the server stands now, or not as soon as anybody waits for it.
std::optional<Error> foreseen_error(const Instance& before, const Step& step) {
  const auto* wait = std::get_if<WaitFor>(&step.action);
  if (wait == nullptr) return std::nullopt;
  const Standing now = standing(wait->condition, before);
  const std::string key = to_string(before.key);
  if (now.state == Standing::State::Never) {
    return Error{ErrorKind::Refused, key + ": " + now.reason};
  }
  if (now.state == Standing::State::Holds) return std::nullopt;
  // Its next transaction is as old as its lag, and due when it is as old as the delay. Without a
  // source it tells no lag.
  const Replication& replication = before.replication;
  const auto due =
      replication.sql_delay - replication.seconds_behind.value_or(std::chrono::seconds(0));
  if (due <= patience(*wait)) return std::nullopt;
  return Error{ErrorKind::Unreachable,
               key + ": would be waited for " + std::to_string(patience(*wait).count()) +
                   "s in vain: it is delayed by " + std::to_string(replication.sql_delay.count()) +
                   "s, and " + now.reason};
}

/// A fence that meets prepared transactions has made the server read-only all the same.
bool is_done_in_part(const Step& step, const Error& error) {
  return std::holds_alternative<Fence>(step.action) && error.kind == ErrorKind::Conflict;
}

bool is_changed(const Progress& so_far, const InstanceKey& server) {
  return std::any_of(so_far.steps.begin(), so_far.steps.end(), [&](const StepResult& done) {
    return done.step.server == server && changes_server(done.step);
  });
}

/// What is known of the server after the step, as intended.
Instance seen_after(const Instance& before, const Step& step, const Topology& topology) {
  Instance after = simulated(before, step, topology);
  // MySQL's appliers tell their place later than what they have executed: there may be more.
  const bool tells_late = !is_mariadb(before) && before.gtid.uses_oracle;
  if (tells_late && waits_for<AppliedReceived>(step.action)) {
    after.replication.exec = before.replication.exec;
  }
  return after;
}

Topology with(const Topology& topology, Instance changed) {
  std::vector<Instance> all(topology.instances().begin(), topology.instances().end());
  all.push_back(std::move(changed));
  return Topology(std::move(all));
}

}  // namespace

Instance simulated(const Instance& instance, const Step& step, const Topology& topology) {
  Instance after = instance;
  if (const auto* change = std::get_if<Change>(&step.action)) {
    apply(after, *change, topology);
  } else if (const auto* wait = std::get_if<WaitFor>(&step.action)) {
    fulfil(after, wait->condition);
    // Where its source's log ends, it has all that the source has.
    const Instance* source = topology.find(instance.replication.source);
    const bool has_all = is_mariadb(instance) && source != nullptr &&
                         waits_for<HasExecuted>(step.action) &&
                         after.replication.exec == source->server.binlog;
    if (has_all) set_executed(after, united(executed_gtids(after), executed_gtids(*source)));
  } else if (std::holds_alternative<Fence>(step.action) && answers(instance)) {
    after.server.read_only = true;
    after.semi_sync.source_enabled = false;
  }
  return after;
}

Preview preview(const Planner& planner, const Topology& topology, const Foresight& foresight,
                const Rereading& rereading) {
  Preview result;
  Progress so_far;
  so_far.at_start = topology;
  Topology fresh = topology;
  for (int round = 0; round < kMaxRounds; ++round) {
    Decision decision = planner(so_far, fresh);
    if (auto* done = std::get_if<Done>(&decision)) {
      result.end = std::move(*done);
      return result;
    }
    if (auto* give_up = std::get_if<GiveUp>(&decision)) {
      result.end = std::move(*give_up);
      return result;
    }
    Run& run = std::get<Run>(decision);
    remember(so_far.facts, run.facts);
    for (Step& step : run.steps) {
      std::optional<Error> error;
      std::optional<BinlogCoordinates> found;
      bool idle = false;
      if (const Instance* before = fresh.find(step.server)) {
        error = foreseen_error(*before, step);
        if (foresight && !error) {
          if (Result<> asked = foresight(*before, step); !asked) error = std::move(asked).error();
        }
        result.steps.push_back({step, *before, error});
        // There may be nothing to roll back, unless it is known.
        idle = is_change<RollBackPartial>(step.action) && before->replication.partial.empty();
        // Only the servers' logs tell the place; to look there takes a server that stands still.
        if (std::holds_alternative<Align>(step.action)) found = {"<place found>", 4};
        const bool reads = rereading && std::holds_alternative<Reprobe>(step.action) &&
                           answers(*before) && !is_changed(so_far, step.server);
        if (auto now = reads ? rereading(step.server) : std::nullopt) {
          fresh = with(fresh, *std::move(now));
        } else if (!idle && (!error || is_done_in_part(step, *error))) {
          fresh = with(fresh, seen_after(*before, step, fresh));
        }
      }
      so_far.steps.push_back({std::move(step), std::move(error), std::move(found), idle});
    }
  }
  result.end = GiveUp{Error{ErrorKind::Broken, "the plan does not come to an end"}, {}};
  return result;
}

}  // namespace orch
