#include "tests/support/fake_servers.h"

#include "core/plan/preview.h"

namespace orch::test {

namespace {

/// What a real server says no to.
std::string objection(const Instance& instance, const Change& change) {
  const bool stopped =
      !runs(instance.replication.io_state) && !runs(instance.replication.sql_state);
  const bool needs_stop =
      std::holds_alternative<PointTo>(change) || std::holds_alternative<ResetReplication>(change);
  if (needs_stop && !stopped) return "replication threads run";
  if (std::holds_alternative<StartReplication>(change) && !instance.replication.configured) {
    return "the server is not configured as replica";
  }
  return "";
}

/// With GTID, MariaDB throws away what was received and not applied when its receiver starts, and
/// when its applier starts while the receiver does not run either.
void discard_relay_logs(Instance& instance, const Change& change) {
  const auto* start = std::get_if<StartReplication>(&change);
  if (start == nullptr || instance.replication.io_state != ThreadState::Stopped) return;
  const bool receiver = start->threads != ReplicationThreads::Applier;
  if (!receiver && runs(instance.replication.sql_state)) return;
  if (instance.gtid.uses_mariadb) {
    instance.replication.gtid_io_pos = instance.gtid.mariadb_slave_pos;
  }
}

/// From the applier's place on: a whole transaction up to there, and the beginning of another.
class RelayTail final : public EventLogs {
 public:
  RelayTail(const Replication& link, std::int64_t inside) : end_(link.relay) {
    const std::int64_t length = inside - link.exec.log_pos;
    if (length > 0) events_.push_back({end_, inside, "Query", 1, "create table a.b (i int)"});
    BinlogCoordinates begun = end_;
    begun.log_pos += length;
    events_.push_back({begun, link.read.log_pos, "Gtid", 1, "BEGIN GTID 0-1-7"});
  }
  [[nodiscard]] const BinlogCoordinates& end() const override { return end_; }
  [[nodiscard]] const std::vector<std::string>& files() const override { return files_; }
  Result<std::vector<BinlogEvent>> page(const std::string& file, const ReadSoFar& after) override {
    if (file != end_.log_file) return fail(Error{ErrorKind::Refused, "no such log", true});
    std::vector<BinlogEvent> found;
    for (const BinlogEvent& event : events_) {
      if (event.place.log_pos >= after.next_pos) found.push_back(event);
    }
    return found;
  }

 private:
  BinlogCoordinates end_;
  std::vector<std::string> files_{};
  std::vector<BinlogEvent> events_{};
};

}  // namespace

void FakeServers::add(Instance instance) {
  const MutexLock lock(mutex_);
  const InstanceKey key = instance.key;
  servers_[key] = std::move(instance);
}

void FakeServers::kill(const InstanceKey& key) {
  const MutexLock lock(mutex_);
  dead_.insert(key);
}

void FakeServers::revive(const InstanceKey& key) {
  const MutexLock lock(mutex_);
  dead_.erase(key);
  hanging_.erase(key);
}

void FakeServers::hang(const InstanceKey& key, int probes) {
  const MutexLock lock(mutex_);
  dead_.insert(key);
  hanging_[key] = probes;
}

void FakeServers::lose(const InstanceKey& key, std::size_t change_index, int times, bool done) {
  const MutexLock lock(mutex_);
  losses_[{key, change_index}] = {times, done};
}

void FakeServers::freeze_applier(const InstanceKey& key) {
  const MutexLock lock(mutex_);
  frozen_.insert(key);
}

void FakeServers::shut_out(const InstanceKey& key) {
  const MutexLock lock(mutex_);
  shut_.insert(key);
}

void FakeServers::deny(const InstanceKey& key) {
  const MutexLock lock(mutex_);
  denying_.insert(key);
}

void FakeServers::write_on_promotion(const InstanceKey& key, const std::string& executed) {
  const MutexLock lock(mutex_);
  written_late_[key] = executed;
}

void FakeServers::keep_writing(const InstanceKey& key) {
  const MutexLock lock(mutex_);
  writing_.insert(key);
}

void FakeServers::purge_all(const InstanceKey& key) {
  const MutexLock lock(mutex_);
  purged_.insert(key);
}

void FakeServers::keep_credentials(const InstanceKey& key) {
  const MutexLock lock(mutex_);
  silent_about_credentials_.insert(key);
}

void FakeServers::set(const InstanceKey& key, const std::function<void(Instance&)>& change) {
  const MutexLock lock(mutex_);
  change(servers_.at(key));
}

void FakeServers::refuse(const InstanceKey& key, std::size_t change_index, int times) {
  const MutexLock lock(mutex_);
  refusals_[{key, change_index}] = times;
}

Instance FakeServers::at(const InstanceKey& key) const {
  const MutexLock lock(mutex_);
  return servers_.at(key);
}

Topology FakeServers::records() const {
  const MutexLock lock(mutex_);
  std::vector<Instance> all;
  for (const auto& [key, instance] : servers_)
    all.push_back(instance);
  return Topology(std::move(all));
}

std::set<InstanceKey> FakeServers::keys() const {
  const MutexLock lock(mutex_);
  std::set<InstanceKey> all;
  for (const auto& [key, instance] : servers_)
    all.insert(key);
  return all;
}

std::vector<std::string> FakeServers::changes() const {
  const MutexLock lock(mutex_);
  return changes_;
}

std::vector<InstanceKey> FakeServers::writable() const {
  const MutexLock lock(mutex_);
  std::vector<InstanceKey> found;
  for (const auto& [key, instance] : servers_) {
    if (dead_.count(key) == 0 && !instance.server.read_only) found.push_back(key);
  }
  return found;
}

Topology FakeServers::living() const {
  std::vector<Instance> all;
  for (const auto& [key, instance] : servers_) {
    all.push_back(instance);
    all.back().freshness.is_last_check_valid = dead_.count(key) == 0;
  }
  return Topology(std::move(all));
}

void FakeServers::replicate() {
  for (auto& [key, instance] : servers_) {
    if (dead_.count(key) > 0 || !is_replica(instance)) continue;
    const Topology now = living();
    if (purged_.count(instance.replication.source) > 0) {
      instance.replication.io_state = ThreadState::Stopped;
      instance.replication.last_io_error = "Got fatal error 1236";
    }
    if (runs(instance.replication.io_state)) {
      const ThreadState applier = instance.replication.sql_state;
      const Step start{key, Change{StartReplication{ReplicationThreads::Receiver}}, "", {}, false,
                       {}};
      instance = simulated(instance, start, now);
      instance.replication.sql_state = applier;
    }
    const bool applies = instance.replication.sql_state == ThreadState::Running &&
                         instance.replication.sql_delay.count() == 0 && frozen_.count(key) == 0;
    const std::string error = applies && stops_at && !has_applied_all(instance)
                                  ? stops_at(key, instance.replication.source)
                                  : "";
    if (!error.empty()) {
      instance.replication.sql_state = ThreadState::Stopped;
      instance.replication.sql_running = false;
      instance.replication.last_sql_error = error;
    } else if (applies) {
      if (not_begun_.erase(key) > 0) instance.gtid.mariadb_slave_pos += ",9-9-9";
      instance =
          simulated(instance, {key, WaitFor{AppliedReceived{}, {}, {}}, "", {}, false, {}}, now);
      const auto inside = ends_inside.find(key);
      if (inside != ends_inside.end()) instance.replication.exec = inside->second;
    }
  }
}

void FakeServers::write_once() {
  for (const InstanceKey& key : writing_) {
    Instance& server = servers_.at(key);
    if (server.server.read_only) continue;
    const std::string number = std::to_string(++writes_);
    if (is_mariadb(server)) {
      server.gtid.mariadb_binlog_state = "0-" + std::to_string(server.server.id) + "-" + number;
    } else {
      server.gtid.executed += "," + server.server.uuid + ":" + number;
    }
  }
  if (!writing_.empty()) replicate();
}

Observation FakeServers::probe(const InstanceKey& key, SteadyPoint) {
  const MutexLock lock(mutex_);
  replicate();
  if (ending_.count(key) > 0 && --rolling_back[key] <= 0) {
    ending_.erase(key);
    Instance& instance = servers_.at(key);
    instance = simulated(instance, {key, Change{RollBackPartial{}}, "", {}, false, {}}, living());
  }
  Observation seen;
  seen.asked = key;
  const auto hanging = hanging_.find(key);
  if (hanging != hanging_.end()) {
    seen.error = Error{ErrorKind::Unreachable, to_string(key) + ": no MySQL greeting in time"};
    if (--hanging->second == 0) {
      hanging_.erase(hanging);
      dead_.erase(key);
    }
    return seen;
  }
  const auto server = servers_.find(key);
  if (server == servers_.end() || dead_.count(key) > 0) {
    seen.error = Error{ErrorKind::Unreachable, to_string(key) + ": connection refused"};
    seen.error->nobody_listens = true;
    return seen;
  }
  if (shut_.count(key) > 0) {
    seen.error = Error{ErrorKind::Unreachable, "too many connections", true};
    return seen;
  }
  if (denying_.count(key) > 0) {
    seen.error = Error{ErrorKind::Denied, to_string(key) + ": access denied for user 'orch'", true};
    return seen;
  }
  seen.outcome = ProbeOutcome::Clean;
  seen.instance = server->second;
  seen.instance.freshness = {};
  return seen;
}

Result<> FakeServers::fence(const Instance& as_probed, SteadyPoint deadline) {
  if (as_probed.semi_sync.source_enabled) {
    ORCH_TRY(apply(as_probed, SetSemiSyncSource{false}, deadline));
  }
  return apply(as_probed, SetReadOnly{true}, deadline);
}

Result<> FakeServers::check_hand_over(const Instance& as_probed, SteadyPoint) {
  const MutexLock lock(mutex_);
  if (dead_.count(as_probed.key) > 0) return fail(ErrorKind::Unreachable, "connection refused");
  if (no_right.count(as_probed.key) > 0) {
    return fail(Error{ErrorKind::Denied, "access denied: you need the SUPER privilege", true});
  }
  return {};
}

Result<> FakeServers::apply(const Instance& as_probed, const Change& change, SteadyPoint) {
  const MutexLock lock(mutex_);
  if (dead_.count(as_probed.key) > 0) {
    return fail(ErrorKind::Unreachable, "connection refused");
  }
  if (shut_.count(as_probed.key) > 0) {
    return fail(Error{ErrorKind::Unreachable, "too many connections", true});
  }
  write_once();
  int& refusals = refusals_[{as_probed.key, change.index()}];
  if (refusals > 0) {
    --refusals;
    return fail(Error{ErrorKind::Refused, "the server said no", true});
  }
  auto& [losses, is_done] = losses_[{as_probed.key, change.index()}];
  const bool loses = losses > 0;
  if (loses) --losses;
  if (loses && !is_done) return fail(ErrorKind::Unreachable, "connection lost");
  Instance& instance = servers_.at(as_probed.key);
  const bool never_stops =
      cannot_stop_broken.count(as_probed.key) > 0 && !instance.replication.last_sql_error.empty();
  if (never_stops && std::holds_alternative<StopReplication>(change))
    return fail(ErrorKind::Unreachable, "no answer in time");
  if (std::string text = objection(instance, change); !text.empty()) {
    return fail(ErrorKind::Refused, std::move(text));
  }
  if (std::holds_alternative<RollBackPartial>(change) && no_partial.count(as_probed.key) > 0) {
    return fail(ErrorKind::NotFound, "it applies no transaction that it received in part");
  }
  const auto slow = rolling_back.find(as_probed.key);
  if (slow != rolling_back.end() && std::holds_alternative<RollBackPartial>(change)) {
    ending_.insert(as_probed.key);
    changes_.push_back(to_string(instance.key) + ' ' + describe(Action{change}));
    return {};
  }
  if (std::holds_alternative<StopReplication>(change) && ending_.count(as_probed.key) > 0) {
    stopped_too_soon.insert(as_probed.key);
  }
  discard_relay_logs(instance, change);
  const auto* delay = std::get_if<SetDelay>(&change);
  if (delay != nullptr && delay->keeps_relay_logs && !uses_gtid(instance)) {
    not_begun_.insert(instance.key);
  }
  const Step step{instance.key, change, "", {}, false, {}};
  const bool comes_nowhere =
      std::holds_alternative<StartUntil>(change) && frozen_.count(instance.key) > 0;
  if (std::holds_alternative<StopReplication>(change)) started_until.erase(instance.key);
  if (std::holds_alternative<PointTo>(change)) ends_inside.erase(instance.key);
  if (comes_nowhere) {
    started_until.insert(instance.key);
    instance.replication.io_state = instance.replication.sql_state = ThreadState::Running;
  } else {
    instance = simulated(instance, step, living());
  }
  const auto* read_only = std::get_if<SetReadOnly>(&change);
  if (read_only != nullptr && !read_only->on) {
    for (const auto& [key, executed] : written_late_)
      servers_.at(key).gtid.executed = executed;
  }
  changes_.push_back(to_string(instance.key) + ' ' + describe(step.action));
  if (loses) return fail(ErrorKind::Unreachable, "connection lost");
  return {};
}

Result<ReplicationCredentials> FakeServers::replication_credentials(const Instance& as_probed,
                                                                    SteadyPoint) {
  if (silent_about_credentials_.count(as_probed.key) > 0) {
    return fail(ErrorKind::NotFound, to_string(as_probed.key) + " tells no replication user");
  }
  return ReplicationCredentials{"repl", Secret("secret")};
}

std::optional<Term> FakeLeadership::leading() const {
  const MutexLock lock(mutex_);  // those who run the steps of several servers ask side by side
  if (answers_ == 0) return std::nullopt;
  if (answers_ > 0) --answers_;
  return 1;
}

Result<> FakeLocks::claim(const InstanceKey& key, const std::string& reason) {
  if (taken_by_others.count(key) > 0) {
    return fail(ErrorKind::Conflict, "Cannot begin maintenance for instance: " + to_string(key) +
                                         "; maintenance reason: " + reason);
  }
  held.insert(key);
  return {};
}

Result<bool> FakeLocks::is_worked_on(const InstanceKey& key) {
  ++asked;
  return taken_by_others.contains(key);
}

Result<> FakeLocks::release(const InstanceKey& key) {
  held.erase(key);
  return {};
}

Result<Examination> FakeServers::examine(const InstanceKey& key, SteadyPoint /*deadline*/) {
  const MutexLock lock(mutex_);
  if (dead_.count(key) != 0 || servers_.count(key) == 0) {
    return fail(ErrorKind::Unreachable, to_string(key) + " is dead");
  }
  return examinations_[key];
}

Result<std::unique_ptr<EventLogs>> FakeServers::open_logs(const Instance& as_probed,
                                                          BinlogType type,
                                                          SteadyPoint /*deadline*/) {
  const MutexLock lock(mutex_);
  const auto inside = ends_inside.find(as_probed.key);
  if (type == BinlogType::Relay && inside != ends_inside.end()) {
    return std::unique_ptr<EventLogs>(
        std::make_unique<RelayTail>(as_probed.replication, inside->second.log_pos));
  }
  const auto found = logs.find(as_probed.key);
  if (type == BinlogType::Relay || found == logs.end()) {
    return fail(ErrorKind::NotFound, "it has no such log");
  }
  return std::unique_ptr<EventLogs>(std::make_unique<ScriptedLogs>(found->second));
}

void FakeServers::set_examination(const InstanceKey& key, Examination seen) {
  const MutexLock lock(mutex_);
  examinations_[key] = std::move(seen);
}

}  // namespace orch::test
