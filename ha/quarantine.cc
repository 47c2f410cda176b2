#include "ha/quarantine.h"

#include <fmt/format.h>

#include "core/plan/position.h"
#include "ha/completion.h"
#include "storage/downtime_store.h"
#include "storage/recovery_store.h"

namespace orch::ha {

namespace {

constexpr std::chrono::seconds kFenceLimit{10};

constexpr int kMostHops = 100;  ///< replicas may form a circle

bool takes_writes(const Instance& seen) {
  return !seen.server.read_only;
}

/// Who may stand in the place of the one on the list: the likeliest first.
Result<std::vector<InstanceKey>> possible_masters(const storage::InstanceStore& instances,
                                                  const storage::ClusterStore& clusters,
                                                  const storage::Quarantine& entry) {
  std::vector<InstanceKey> keys;
  if (!entry.successor.hostname.empty()) keys.push_back(entry.successor);
  ORCH_ASSIGN(const std::vector<Instance> masters, instances.list_cluster_masters());
  ORCH_ASSIGN(const std::optional<std::string> cluster, clusters.find_name(entry.cluster_alias));
  for (const Instance& master : masters) {
    if (cluster && master.cluster_name == *cluster) keys.push_back(master.key);
  }
  std::erase(keys, entry.key);
  return keys;
}

/// The writable master that stands in the place of the one on the list; read now.
Result<std::optional<InstanceKey>> standing_master(const Parts& parts,
                                                   const storage::Quarantine& entry) {
  ORCH_ASSIGN(const std::vector<InstanceKey> keys,
              possible_masters(parts.instances, parts.clusters, entry));
  for (const InstanceKey& key : keys) {
    const Observation seen =
        parts.servers.probe(key, std::chrono::steady_clock::now() + parts.executor.probe_limit);
    if (seen.found() && takes_writes(seen.instance) && !is_replica(seen.instance)) {
      return std::optional<InstanceKey>(key);
    }
  }
  return std::optional<InstanceKey>();
}

/// Whether it gets what that master writes, as the records have those between them.
Result<bool> is_below(const Parts& parts, const Instance& seen, const InstanceKey& master) {
  InstanceKey source = seen.replication.source;
  for (int hops = 0; hops < kMostHops; ++hops) {
    if (source == master) return true;
    ORCH_ASSIGN(const std::optional<Instance> between, parts.instances.find(source));
    if (!between || !is_replica(*between)) return false;
    source = between->replication.source;
  }
  return false;
}

/// What the server has and the master lacks, as both say now; "" when nothing, or not known.
std::string extra_text(const Parts& parts, const InstanceKey& key, const InstanceKey& master) {
  const auto deadline = std::chrono::steady_clock::now() + parts.executor.probe_limit;
  const Observation here = parts.servers.probe(key, deadline);
  const Observation there = parts.servers.probe(master, deadline);
  if (!here.found() || !there.found()) return "";
  const Difference extra =
      missing(executed_position(there.instance), executed_position(here.instance));
  return extra.empty() ? "" : "; it has " + to_string(extra) + " that the master lacks";
}

/// Whether the one that took its place gets all from it, and takes no writes of its own.
Result<bool> is_master_again(const Parts& parts, const storage::Quarantine& entry) {
  if (entry.successor.hostname.empty()) return false;
  const Observation heir = parts.servers.probe(
      entry.successor, std::chrono::steady_clock::now() + parts.executor.probe_limit);
  if (!heir.found() || takes_writes(heir.instance) || !replica_running(heir.instance)) return false;
  return is_below(parts, heir.instance, entry.key);
}

Result<> release(const Parts& parts, const storage::Quarantine& entry, const std::string& why) {
  ORCH_ASSIGN(
      [[maybe_unused]] const bool released,
      storage::QuarantineStore(parts.database, parts.clock).release(entry.key, "orch", why));
  parts.teller.audit("quarantine-release", entry.key, why);
  ORCH_ASSIGN(const std::optional<Instance> record, parts.instances.find(entry.key));
  if (!record || !record->downtime.active || record->downtime.reason != kLostInRecovery) return {};
  ORCH_ASSIGN([[maybe_unused]] const bool ended,
              storage::DowntimeStore(parts.database, parts.clock).end(entry.key));
  parts.teller.audit("end-downtime", entry.key, why);
  return {};
}

Result<> judge(const Parts& parts, const storage::Quarantine& entry, const Instance& seen) {
  const std::string name = to_string(entry.key);
  if (const std::string why = other_server(entry, seen); !why.empty()) {
    parts.teller.say(
        fmt::format("{} is in quarantine, but {}: left alone ('orch quarantine release "
                    "{}' takes the name off the list)",
                    name, why, name));
    return {};
  }
  if (!takes_writes(seen) && !replica_running(seen)) return {};
  ORCH_ASSIGN(const std::optional<InstanceKey> master, standing_master(parts, entry));
  if (!takes_writes(seen)) {
    // Who took its place may be one of a pair that follow each other.
    ORCH_ASSIGN(const bool follows, is_below(parts, seen, master.value_or(entry.successor)));
    if (!follows) return {};
    const std::string extra = extra_text(parts, entry.key, seen.replication.source);
    if (!extra.empty()) {
      parts.teller.say(fmt::format("{} replicates again and stays in quarantine{}", name, extra));
      return {};
    }
    return release(parts, entry, "seen replicating, read-only");
  }
  if (!master) {
    ORCH_ASSIGN(const bool is_back, is_master_again(parts, entry));
    if (is_back) return release(parts, entry, "the master again: who took its place follows it");
    parts.teller.say(
        fmt::format("{} is in quarantine and takes writes; no other master stands in "
                    "its place, so that it is left alone",
                    name));
    return {};
  }
  // Its commits may wait for replicas that have gone: more than read_only is needed.
  const Result<> fenced = parts.servers.fence(seen, std::chrono::steady_clock::now() + kFenceLimit);
  // It may be read-only all the same, and somebody left whom that does not bind.
  bool read_only = fenced.has_value();
  if (!read_only) {
    const Observation now = parts.servers.probe(
        entry.key, std::chrono::steady_clock::now() + parts.executor.suspect_limit);
    read_only = now.found() && !takes_writes(now.instance);
  }
  const std::string message =
      read_only ? fmt::format("{} took writes although {} is the master: it was made read-only{}{}",
                              name, to_string(*master), extra_text(parts, entry.key, *master),
                              fenced ? "" : "; " + fenced.error().message)
                : fmt::format(
                      "{} takes writes although {} is the master, and could not be made "
                      "read-only: {}",
                      name, to_string(*master), fenced.error().message);
  parts.teller.audit(read_only ? "quarantine-fence" : "quarantine-fence-failed", entry.key,
                     message);
  parts.teller.say(message);
  if (!read_only) return {};
  storage::InstanceStore instances = parts.instances;
  return instances.mark_read_only(entry.key);
}

}  // namespace

std::string other_server(const storage::Quarantine& entry, const Instance& seen) {
  const bool uuids = !entry.server_uuid.empty() && !seen.server.uuid.empty();
  if (uuids && entry.server_uuid != seen.server.uuid) {
    return fmt::format("the server that answers there has the UUID {}, not {}", seen.server.uuid,
                       entry.server_uuid);
  }
  const bool ids = entry.server_id != 0 && seen.server.id != 0;
  if (!uuids && ids && entry.server_id != seen.server.id) {
    return fmt::format("the server that answers there has the id {}, not {}", seen.server.id,
                       entry.server_id);
  }
  return "";
}

Result<std::string> lost_its_place(const PlaceRecords& records, const RecoveryWork& work) {
  const bool makes_writable = work.kind == RecoveryKind::NonWriteableMaster;
  if (!makes_writable && !replaces_master(work.kind)) return std::string();
  ORCH_ASSIGN(const std::optional<storage::Quarantine> entry,
              storage::QuarantineStore(records.database, records.clock).find(work.failed));
  ORCH_ASSIGN(const std::optional<Instance> record, records.instances.find(work.failed));
  if (!entry || (record && !other_server(*entry, *record).empty())) return std::string();
  std::optional<InstanceKey> master;
  ORCH_ASSIGN(const std::vector<InstanceKey> keys,
              possible_masters(records.instances, records.clusters, *entry));
  for (const InstanceKey& key : keys) {
    ORCH_ASSIGN(const std::optional<Instance> other, records.instances.find(key));
    const bool stands = other && answers(*other) && takes_writes(*other) && !is_replica(*other);
    if (stands && !master) master = key;
  }
  // With nobody in its place: writable, it has been the master again; and a recovery that did not
  // succeed has put nobody there for good.
  ORCH_ASSIGN(
      const std::optional<RecoveryRecord> recovery,
      storage::RecoveryStore(records.database, records.clock, {}).find(entry->recovery_uid));
  const bool was_replaced = !recovery || recovery->successful;
  const bool was_writable = record && takes_writes(*record);
  if (!master && !makes_writable && (was_writable || !was_replaced)) return std::string();
  const std::string name = to_string(work.failed);
  return fmt::format(
      "{} is in quarantine: {} took its place{}; its replicas belong below the new master ('orch "
      "relocate' moves them). Should it be a master again: 'orch quarantine release {}'",
      name, to_string(entry->successor),
      master ? fmt::format(", and {} takes the writes", to_string(*master)) : "", name);
}

Result<> enforce_quarantine(const Parts& parts, std::span<const Instance> seen) {
  ORCH_ASSIGN(const std::vector<storage::Quarantine> entries,
              storage::QuarantineStore(parts.database, parts.clock).list());
  for (const storage::Quarantine& entry : entries) {
    ORCH_ASSIGN(const std::optional<std::string> cluster,
                parts.clusters.find_name(entry.cluster_alias));
    bool successor_seen = false;
    bool was_seen = false;
    for (const Instance& instance : seen) {
      const bool is_master = takes_writes(instance) && !is_replica(instance) && cluster &&
                             instance.cluster_name == *cluster;
      successor_seen = successor_seen || is_master || instance.key == entry.successor;
      if (instance.key != entry.key) continue;
      was_seen = true;
      ORCH_TRY(judge(parts, entry, instance));
    }
    // Whoever looks at the master looks at the one whose place it took.
    if (was_seen || !successor_seen) continue;
    const Observation found = parts.servers.probe(
        entry.key, std::chrono::steady_clock::now() + parts.executor.suspect_limit);
    if (found.found()) ORCH_TRY(judge(parts, entry, found.instance));
  }
  return {};
}

}  // namespace orch::ha
