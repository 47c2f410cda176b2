#include "core/analysis/facts.h"

#include <algorithm>
#include <string>

#include "core/base/text.h"

namespace orch {

namespace {

constexpr std::uint32_t kNobody = ~std::uint32_t{0};

std::uint64_t hash_of(std::string_view hostname, std::uint16_t port) {
  return std::hash<std::string_view>()(hostname) * 31 + port;
}

/// From keys to places. Thousands of keys are looked up each second: the table is one block of
/// memory, and reads a record only where the hash fits.
class Places {
 public:
  explicit Places(std::span<const Instance> instances) : instances_(instances) {
    std::size_t size = 16;
    while (size < 2 * instances.size())
      size *= 2;
    slots_.resize(size);
  }

  /// Of two with one name the first stays.
  void add(std::string_view hostname, std::uint16_t port, std::uint32_t place) {
    if (find(hostname, port) != kNobody) return;
    const std::uint64_t hash = hash_of(hostname, port);
    std::size_t at = hash & (slots_.size() - 1);
    while (slots_[at].place != kNobody)
      at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {hash, hostname, place};
    if (++used_ * 2 > slots_.size()) grow();
  }

  [[nodiscard]] std::uint32_t find(std::string_view hostname, std::uint16_t port) const {
    const std::uint64_t hash = hash_of(hostname, port);
    for (std::size_t at = hash & (slots_.size() - 1); slots_[at].place != kNobody;
         at = (at + 1) & (slots_.size() - 1)) {
      const Slot& slot = slots_[at];
      if (slot.hash == hash && slot.hostname == hostname &&
          instances_[slot.place].key.port == port) {
        return slot.place;
      }
    }
    return kNobody;
  }

 private:
  struct Slot {
    std::uint64_t hash{0};
    std::string_view hostname{};
    std::uint32_t place{kNobody};
  };

  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.place == kNobody) continue;
      std::size_t at = slot.hash & (slots_.size() - 1);
      while (slots_[at].place != kNobody)
        at = (at + 1) & (slots_.size() - 1);
      slots_[at] = slot;
    }
  }

  std::span<const Instance> instances_;
  std::vector<Slot> slots_;
  std::size_t used_{0};
};

/// "error ", and somewhere behind it "connecting to master" or "connecting to source".
bool tells_of_failing_to_connect(const std::string& error) {
  if (error.empty()) return false;
  const std::string text = to_lower(error);
  const std::size_t start = text.find("error ");
  if (start == std::string::npos) return false;
  const std::string_view rest = std::string_view(text).substr(start + 6);
  return rest.find("connecting to master") != std::string_view::npos ||
         rest.find("connecting to source") != std::string_view::npos;
}

// The stored flags count here, not the states of the threads: a record may hold both.
bool fails_to_connect(const Replication& link) {
  return link.sql_running && !link.io_running && tells_of_failing_to_connect(link.last_io_error);
}

bool replicates(const Replication& link) {
  return link.io_running && link.sql_running;
}

bool check_went_well(const Freshness& freshness) {
  return freshness.last_checked && freshness.last_seen &&
         *freshness.last_checked <= *freshness.last_seen;
}

bool too_old(const Freshness& freshness, const AnalysisRules& rules, TimePoint now) {
  if (!rules.judge_age || !freshness.last_checked) return false;
  const auto limit = check_went_well(freshness) ? rules.stale_after : rules.stale_after_failure;
  return now - *freshness.last_checked > limit;
}

bool is_reachable(const Freshness& freshness, const AnalysisRules& rules) {
  if (!check_went_well(freshness) || !freshness.last_attempted_check) return false;
  // A check that began and has not ended yet: the server hangs.
  return *freshness.last_attempted_check <=
         *freshness.last_seen + rules.instance_poll + rules.reasonable_instance_check;
}

bool is_top(const Instance& instance) {
  const InstanceKey& source = instance.replication.source;
  const bool follows = !source.hostname.empty() && source.hostname != "_" && source.port != 0 &&
                       !is_detached(source);
  return !follows && (instance.group.name.empty() || instance.group.role == "PRIMARY");
}

bool lags(const Replication& link, const AnalysisRules& rules) {
  return link.lag && *link.lag > rules.reasonable_replication_lag;
}

/// A source that lives sends something each heartbeat period; more is for the way.
bool hears_nothing(const Instance& replica) {
  constexpr std::chrono::milliseconds kOnTheWay{500};
  const Replication& link = replica.replication;
  const auto looked = replica.freshness.last_attempted_check;
  return link.io_running && link.heartbeat && link.heartbeat->count() > 0 && link.silent_since &&
         looked && *looked - *link.silent_since > *link.heartbeat + kOnTheWay;
}

/// Counts replicas one by one.
class Counting {
 public:
  Counting(Facts& facts, const AnalysisRules& rules, TimePoint now)
      : facts_(facts), counts_(facts.replicas), rules_(rules), now_(now) {}

  void add(const Instance& replica) {
    ++counts_.all;
    facts_.co_master = facts_.co_master || replica.is_co_master;
    if (replica.replication.sql_delay.count() > 0) ++counts_.delayed;
    if (replica.downtime.active) ++counts_.downtimed;
    if (replica.semi_sync.replica_enabled) ++counts_.semi_sync_enabled;
    add_logging(replica.server);
    add_gtid(replica);
    if (too_old(replica.freshness, rules_, now_)) {
      ++counts_.stale;
    } else if (check_went_well(replica.freshness)) {
      add_valid(replica);
    }
  }

  void finish() {
    facts_.oracle_gtid_below = counts_.valid > 0 && oracle_gtid_ == counts_.valid;
    facts_.mariadb_gtid_below = counts_.valid > 0 && mariadb_gtid_ == counts_.valid;
    facts_.binlog_servers_below = counts_.valid > 0 && binlog_servers_ == counts_.valid;
    counts_.logging_major_versions = static_cast<int>(versions_.size());
  }

 private:
  void add_valid(const Instance& replica) {
    const Replication& link = replica.replication;
    ++counts_.valid;
    const bool deaf = hears_nothing(replica);
    if (deaf) ++counts_.deaf;
    const bool believes = deaf && !facts_.reachable;  // its threads run, for slave_net_timeout
    if (replicates(link) && !believes) ++counts_.replicating;
    const bool failing = fails_to_connect(link);
    if (failing) ++counts_.failing_to_connect;
    // "Connecting" is neither stopped nor running.
    const bool trying = !link.io_running && link.io_state == ThreadState::Other;
    if (failing || trying || believes ||
        (!link.io_running && tells_of_failing_to_connect(link.last_io_error)))
      ++counts_.confirming;
    if (link.io_running && !believes) ++counts_.receiving;
    if (lags(link, rules_)) ++counts_.lagging;
    if (link.sql_delay.count() > 0) ++counts_.valid_delayed;
    if (replica.gtid.uses_oracle) ++oracle_gtid_;
    if (replica.gtid.uses_mariadb) ++mariadb_gtid_;
    if (replica.server.binlog_server) ++binlog_servers_;
  }

  void add_logging(const ServerFacts& server) {
    if (!server.log_bin || !server.log_replica_updates) return;
    ++counts_.logging;
    if (server.binlog_format == "STATEMENT") ++counts_.logging_statements;
    if (server.binlog_format == "MIXED") ++counts_.logging_mixed;
    if (server.binlog_format == "ROW") ++counts_.logging_rows;
    const std::string version = major_version(server.version);
    if (std::find(versions_.begin(), versions_.end(), version) == versions_.end())
      versions_.push_back(version);
  }

  void add_gtid(const Instance& replica) {
    const std::string_view mode = replica.gtid.mode;
    if (counts_.all == 1 || mode < facts_.min_gtid_mode) facts_.min_gtid_mode = mode;
    facts_.max_gtid_mode = std::max(facts_.max_gtid_mode, mode);
    if (replica.downtime.active) return;
    facts_.max_errant = std::max(facts_.max_errant, std::string_view(replica.gtid.errant));
  }

  Facts& facts_;
  ReplicaCounts& counts_;
  const AnalysisRules& rules_;
  TimePoint now_;
  int oracle_gtid_{0};
  int mariadb_gtid_{0};
  int binlog_servers_{0};
  std::vector<std::string> versions_;
};

bool has_stood_still(const Instance& instance, const Circumstances& circumstances,
                     const AnalysisRules& rules, TimePoint now) {
  const auto found = circumstances.stand_still.find(instance.key);
  if (found == circumstances.stand_still.end()) return false;
  const StandStill& still = found->second;
  return still.since && still.at.log_file == instance.server.binlog.log_file &&
         still.at.log_pos == instance.server.binlog.log_pos &&
         now - *still.since > rules.reasonable_locked_semi_sync_master;
}

std::optional<unsigned> waiting_sessions(const Instance& instance,
                                         const Circumstances& circumstances) {
  if (instance.semi_sync.source_waiting_sessions) return instance.semi_sync.source_waiting_sessions;
  const auto found = circumstances.semi_sync_waiting.find(instance.key);
  if (found == circumstances.semi_sync_waiting.end()) return std::nullopt;
  return found->second;
}

/// How many of a member's group are there and take part.
void count_group(const Census& census, const Instance& instance, const AnalysisRules& rules,
                 TimePoint now, Facts& facts) {
  const auto takes_part = [&](const Instance* member) {
    return member != nullptr &&
           (member->group.state == "ONLINE" || member->group.state == "RECOVERING") &&
           is_reachable(member->freshness, rules) && !too_old(member->freshness, rules, now);
  };
  facts.group_size = 1 + static_cast<int>(instance.group.others.size());
  facts.group_online = takes_part(&instance) ? 1 : 0;
  for (const InstanceKey& key : instance.group.others) {
    if (takes_part(census.find(key))) ++facts.group_online;
  }
}

}  // namespace

Census::Census(std::span<const Instance> instances, const Circumstances& circumstances)
    : instances_(instances), first_(instances.size() + 1, 0) {
  Places places(instances);
  for (std::uint32_t i = 0; i < instances.size(); ++i)
    places.add(instances[i].key.hostname, instances[i].key.port, i);
  // Replicas may name their source by what its name resolves to.
  for (std::uint32_t i = 0; i < instances.size() && !circumstances.resolved.empty(); ++i) {
    const auto found = circumstances.resolved.find(instances[i].key.hostname);
    if (found != circumstances.resolved.end()) places.add(found->second, instances[i].key.port, i);
  }
  std::vector<std::uint32_t> source(instances.size(), kNobody);
  for (std::size_t i = 0; i < instances.size(); ++i) {
    const InstanceKey& followed = instances[i].replication.source;
    if (followed.hostname.empty()) continue;
    source[i] = places.find(followed.hostname, followed.port);
    if (source[i] != kNobody) ++first_[source[i] + 1];
  }
  for (std::size_t i = 1; i < first_.size(); ++i)
    first_[i] += first_[i - 1];
  members_.resize(first_.back());
  std::vector<std::uint32_t> next(first_.begin(), first_.end() - 1);
  for (std::uint32_t i = 0; i < instances.size(); ++i) {
    if (source[i] != kNobody) members_[next[source[i]]++] = i;
  }
}

const Instance* Census::find(const InstanceKey& key) const {
  const auto found =
      std::lower_bound(instances_.begin(), instances_.end(), key,
                       [](const Instance& a, const InstanceKey& wanted) { return a.key < wanted; });
  return found != instances_.end() && found->key == key ? &*found : nullptr;
}

bool may_be_left_out(const Census& census, std::size_t place, const AnalysisRules& rules) {
  if (!census.replicas_of(place).empty()) return false;
  const Instance& instance = census.instances()[place];
  const Freshness& freshness = instance.freshness;
  const bool never_seen =
      !freshness.last_checked || !freshness.last_seen || !freshness.last_attempted_check;
  return (never_seen || is_reachable(freshness, rules)) && !fails_to_connect(instance.replication);
}

bool needs_coordinates_watched(const Instance& instance, const Circumstances& circumstances) {
  const SemiSync& semi_sync = instance.semi_sync;
  const unsigned wanted = semi_sync.source_wait_for_replica_count;
  if (!semi_sync.source_enabled || !semi_sync.source_status || wanted == 0) return false;
  return semi_sync.source_clients < wanted ||
         waiting_sessions(instance, circumstances).value_or(0) > 0;
}

Facts facts_of(const Census& census, std::size_t place, const Circumstances& circumstances,
               const AnalysisRules& rules, TimePoint now) {
  const Instance& instance = census.instances()[place];
  const Replication& link = instance.replication;
  Facts facts;
  facts.master = is_top(instance);
  facts.co_master = instance.is_co_master;
  facts.binlog_server = instance.server.binlog_server;
  facts.configured_replica = link.configured;
  facts.checked = instance.freshness.last_checked && instance.freshness.last_seen &&
                  instance.freshness.last_attempted_check;
  facts.reachable = is_reachable(instance.freshness, rules);
  // A member in state ERROR was expelled, and is missed all the same; so is one that had left, when
  // it is gone.
  facts.group_member =
      !instance.group.name.empty() && (instance.group.state != "OFFLINE" || !facts.reachable);
  facts.partly_reachable = instance.freshness.last_check_partial_success;
  facts.too_old = too_old(instance.freshness, rules, now);
  facts.read_only = instance.server.read_only;
  facts.failing_to_connect = fails_to_connect(link);
  facts.replicating = replicates(link);
  facts.lagging = lags(link, rules) && link.sql_delay.count() == 0;
  facts.depth = instance.replication_depth;
  facts.semi_sync_enabled = instance.semi_sync.source_enabled;
  facts.semi_sync_on = instance.semi_sync.source_status;
  facts.semi_sync_wanted = instance.semi_sync.source_wait_for_replica_count;
  facts.semi_sync_clients = instance.semi_sync.source_clients;
  facts.semi_sync_waiting = waiting_sessions(instance, circumstances);
  facts.stands_still = has_stood_still(instance, circumstances, rules, now);
  facts.pseudo_gtid = instance.gtid.uses_pseudo;
  facts.gtid_mode = instance.gtid.mode;
  facts.wants_exact_semi_sync = rules.enforce_exact_semi_sync_replicas;
  facts.wants_writable_master = rules.recover_non_writeable_master;
  facts.judges_replicas = rules.judge_replicas;
  facts.judges_sickness = rules.judge_sickness;
  const std::span<const std::uint32_t> replicas = census.replicas_of(place);
  if (!replicas.empty()) {
    Counting counting(facts, rules, now);
    for (const std::uint32_t replica : replicas)
      counting.add(census.instances()[replica]);
    counting.finish();
  }
  if (facts.group_member) count_group(census, instance, rules, now, facts);
  return facts;
}

}  // namespace orch
