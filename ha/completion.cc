#include "ha/completion.h"

#include <algorithm>

#include <fmt/format.h>

#include "ha/kv.h"
#include "ha/registration.h"
#include "storage/attribute_store.h"
#include "storage/downtime_store.h"
#include "storage/quarantine_store.h"

namespace orch::ha {

namespace {

/// How long a server that a failover left behind is kept out of automatic recovery.
constexpr std::chrono::hours kLostDowntime{365 * 24};

bool follows(const Instance* server, const InstanceKey& master) {
  return server != nullptr && answers(*server) && is_replica(*server) &&
         server->replication.source == master && server->server.read_only;
}

/// Those of the old cluster who do not follow the promoted server are in that of whom they follow,
/// the old master above all: two roots in one cluster would hide one of them. A dead one follows
/// nobody, though its record may say so: it may have been one of two that followed each other.
Result<> set_apart(storage::InstanceStore& instances, const RecoveryWork& work, const Topology& now,
                   const InstanceKey& promoted) {
  const Instance* failed = now.find(work.failed);
  const bool gone = failed == nullptr || !answers(*failed);
  if (gone) ORCH_TRY(instances.set_apart(work.failed));
  for (const Instance& server : now.instances()) {
    if (server.key == promoted || server.cluster_name != work.cluster) continue;
    InstanceKey top = server.key;
    for (const Instance* above : now.ancestors_of(server.key)) {
      if ((gone && top == work.failed) || top == promoted) break;
      top = above->key;
    }
    const bool stays = top == promoted || (gone && server.key == work.failed);
    if (!stays) ORCH_TRY(instances.save_cluster_name(server.key, to_string(top)));
  }
  return {};
}

/// The cluster is called after its new master. All at once: whoever asked in the midst would find
/// the old master beside the new one, under the new name.
Result<> rename_after_promotion(const Parts& parts, const RecoveryWork& work,
                                const Outcome& outcome) {
  storage::InstanceStore instances = parts.instances;
  storage::ClusterStore clusters = parts.clusters;
  const InstanceKey& promoted = *outcome.account.promoted;
  const std::string name = to_string(promoted);
  return parts.database.transaction([&]() -> Result<> {
    if (work.cluster != name) {
      ORCH_ASSIGN([[maybe_unused]] const std::int64_t renamed,
                  instances.rename_cluster(work.cluster, name));
      ORCH_TRY(clusters.rename(work.cluster, name));
    }
    return set_apart(instances, work, outcome.topology, promoted);
  });
}

Result<> downtime_lost(const Parts& parts, const RecoveryWork& work, const Outcome& outcome) {
  std::vector<InstanceKey> lost;
  const Instance* old_master = outcome.topology.find(work.failed);
  const bool away = old_master == nullptr || !answers(*old_master);
  const bool takeover = work.kind == RecoveryKind::GracefulTakeover;
  if (away || (!takeover && !follows(old_master, *outcome.account.promoted))) {
    lost.push_back(work.failed);
  }
  for (const LostReplica& replica : outcome.account.lost)
    lost.push_back(replica.key);
  storage::DowntimeStore store(parts.database, parts.clock);
  for (const InstanceKey& key : lost) {
    ORCH_TRY(store.begin({.key = key,
                          .owner = work.owner,
                          .reason = std::string(kLostInRecovery),
                          .duration = kLostDowntime}));
  }
  return {};
}

Result<> quarantine(const Parts& parts, const RecoveryWork& work, const std::string& uid,
                    const InstanceKey& promoted, const Topology& now,
                    const InstanceKey& left_behind) {
  storage::QuarantineStore store(parts.database, parts.clock);
  const Instance* server = now.find(left_behind);
  if (follows(server, promoted)) {
    ORCH_ASSIGN([[maybe_unused]] const bool joined,
                store.release(left_behind, work.owner, "it follows " + to_string(promoted)));
    return {};
  }
  ORCH_ASSIGN(const std::optional<storage::Quarantine> before, store.find(left_behind));
  if (before && before->recovery_uid == uid && before->successor == promoted) return {};
  storage::Quarantine entry;
  entry.key = left_behind;
  if (server != nullptr) {
    entry.server_uuid = server->server.uuid;
    entry.server_id = server->server.id;
  }
  entry.cluster_alias = work.cluster_alias;
  entry.successor = promoted;
  entry.recovery_uid = uid;
  entry.reason =
      fmt::format("{} took its place as the master of {}", to_string(promoted), work.cluster_alias);
  entry.owner = work.owner;
  ORCH_TRY(store.save(entry));
  parts.teller.audit("quarantine", left_behind, entry.reason);
  return {};
}

Result<> keep_quarantine(const Parts& parts, const RecoveryWork& work, const std::string& uid,
                         const InstanceKey& promoted, const Topology& now) {
  storage::QuarantineStore store(parts.database, parts.clock);
  ORCH_ASSIGN([[maybe_unused]] const bool released,
              store.release(promoted, work.owner, "promoted by recovery " + uid));
  ORCH_TRY(quarantine(parts, work, uid, promoted, now, work.failed));
  for (const InstanceKey& key : work.promoted_before) {
    if (key != promoted) ORCH_TRY(quarantine(parts, work, uid, promoted, now, key));
  }
  return {};
}

Result<> settle_successor(const Parts& parts, const InstanceKey& promoted) {
  ORCH_ASSIGN([[maybe_unused]] const bool ended,
              storage::DowntimeStore(parts.database, parts.clock).end(promoted));
  return {};
}

}  // namespace

std::vector<std::string> story_of(const Account& account) {
  std::vector<std::string> lines{fmt::format("promoted: {}; lost transactions: {}",
                                             to_string(*account.promoted),
                                             account.lost_transactions)};
  for (const LostReplica& lost : account.lost) {
    lines.push_back(fmt::format("left behind: {}: {}", to_string(lost.key), lost.because));
  }
  lines.insert(lines.end(), account.notes.begin(), account.notes.end());
  return lines;
}

bool is_unrecorded(const RecoveryOutcome& recovery) {
  return recovery.unrecorded || recovery.outcome.still_locked;
}

std::vector<std::string> notes_of(const RecoveryOutcome& recovery) {
  std::vector<std::string> all;
  if (!recovery.error) all = recovery.outcome.account.notes;
  for (const std::vector<std::string>* more : {&recovery.outcome.left, &recovery.notes})
    all.insert(all.end(), more->begin(), more->end());
  std::vector<std::string> notes;
  for (const std::string& line : all) {
    const auto says_it = [&](const std::string& other) {
      return &other != &line && other.find(line) != std::string::npos &&
             (&other < &line || other != line);
    };
    const bool in_error = recovery.error && recovery.error->message.find(line) != std::string::npos;
    if (!in_error && std::none_of(all.begin(), all.end(), says_it)) notes.push_back(line);
  }
  if (is_unrecorded(recovery) && recovery.id != 0) {
    std::string text = "not all of this could be recorded";
    if (recovery.resumable) {
      text += fmt::format(
          ": when the backend can be written again, 'orch recovery resume {}' finishes what is "
          "left "
          "of it",
          recovery.uid);
    }
    notes.push_back(std::move(text));
  }
  return notes;
}

Result<> publish_master(const Parts& parts, const RecoveryWork& work, const InstanceKey& master) {
  if (!work.cluster_domain.empty()) {
    ORCH_TRY(storage::AttributeStore(parts.database, parts.clock)
                 .save(storage::kNoHost, work.cluster_domain, to_string(master)));
  }
  const storage::HostnameStore hosts(parts.database, parts.clock);
  return parts.kv.publish({parts.database, parts.clock},
                          master_pairs(parts.config.kv, hosts, work.cluster_alias, master),
                          KvStores::kRecoveryLimit);
}

Result<> keep_promotion(const Parts& parts, const RecoveryWork& work, const std::string& uid,
                        const InstanceKey& promoted, const Topology& now) {
  // The old master of a takeover follows the new one next.
  if (!is_takeover(work)) ORCH_TRY(keep_quarantine(parts, work, uid, promoted, now));
  return parts.record ? parts.record({promoted}, now) : Result<>();
}

std::vector<std::string> settle_promotion(const Parts& parts, const RecoveryWork& work,
                                          const std::string& uid, const Outcome& outcome) {
  std::vector<std::string> problems;
  const auto keep = [&](const Result<>& done) {
    if (!done) problems.push_back(done.error().message);
  };
  if (replaces_master(work.kind)) {
    keep(rename_after_promotion(parts, work, outcome));
    keep(keep_quarantine(parts, work, uid, *outcome.account.promoted, outcome.topology));
    keep(downtime_lost(parts, work, outcome));
    // After the downtime: the old master must not keep the alias.
    storage::ClusterStore clusters = parts.clusters;
    keep(clusters.rebuild_aliases());
  }
  keep(settle_successor(parts, *outcome.account.promoted));
  keep(recovery_store(parts).end_detections_of(work.failed));
  return problems;
}

}  // namespace orch::ha
