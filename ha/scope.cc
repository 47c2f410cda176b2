#include "ha/scope.h"

#include <algorithm>
#include <iterator>

#include "ha/quarantine.h"
#include "ha/registration.h"
#include "storage/journal_store.h"
#include "storage/tag_store.h"

namespace orch::ha {

namespace {

constexpr std::size_t kRecords = 200;  ///< of past recoveries, how many are looked at

}  // namespace

Result<Topology> records_of(const Parts& parts, const RecoveryWork& work,
                            const InstanceKey& winner) {
  // Those that are recorded in another cluster are among them, too.
  ORCH_ASSIGN(std::vector<Instance> records, parts.instances.list({.source = work.failed}));
  for (const InstanceKey& key : work.replicas) {
    ORCH_ASSIGN(std::optional<Instance> record, parts.instances.find(key));
    if (record) records.push_back(*std::move(record));
  }
  std::vector<InstanceKey> tops = work.promoted_before;
  tops.insert(tops.end(), {work.failed, winner});
  for (const InstanceKey& key : tops) {
    if (key.hostname.empty()) continue;
    ORCH_ASSIGN(std::optional<Instance> record, parts.instances.find(key));
    if (!record) {
      record.emplace();
      record->key = key;
    }
    if (!record->cluster_name.empty()) {
      ORCH_ASSIGN(std::vector<Instance> members,
                  parts.instances.list({.cluster = record->cluster_name}));
      std::move(members.begin(), members.end(), std::back_inserter(records));
    }
    // Each of several primaries is in a cluster of its own.
    for (const InstanceKey& other : record->group.others) {
      ORCH_ASSIGN(std::optional<Instance> member, parts.instances.find(other));
      if (member) records.push_back(*std::move(member));
    }
    records.push_back(*std::move(record));
  }
  ORCH_TRY(parts.instances.add_positions(records));
  return Topology(std::move(records));
}

Result<> mark_incomplete(const Parts& parts, const Topology& records) {
  ORCH_ASSIGN(const auto marked,
              storage::TagStore(parts.database, parts.clock).mark_incomplete(records));
  for (const auto& [key, tag] : marked)
    parts.teller.audit("tag", key, to_string(tag));
  return {};
}

Result<std::vector<InstanceKey>> promoted_before(const Parts& parts, const InstanceKey& failed,
                                                 const std::string& uid) {
  std::vector<InstanceKey> promoted;
  const storage::JournalStore journal(parts.database, parts.clock);
  ORCH_ASSIGN(const std::optional<Instance> record, parts.instances.find(failed));
  ORCH_ASSIGN(const std::vector<RecoveryRecord> past, recovery_store(parts).list("", 0, kRecords));
  for (const RecoveryRecord& before : past) {
    if (before.failed != failed || before.uid == uid) continue;
    if (before.successful || before.acknowledged) break;
    const bool was_seen_since = record && before.started && record->freshness.last_seen &&
                                *record->freshness.last_seen > *before.started;
    // One that takes writes is the master again; one that was to be replaced while it lived waits.
    const bool is_over = was_seen_since && !record->server.read_only;
    ORCH_ASSIGN(const std::vector<storage::JournalEntry> steps, journal.list(before.uid));
    for (const storage::JournalEntry& step : steps) {
      const bool is_known =
          std::find(promoted.begin(), promoted.end(), step.server) != promoted.end();
      if (!step.point_of_no_return || is_known) continue;
      ORCH_ASSIGN(const std::optional<Instance> told, parts.instances.find(step.server));
      const bool was_heard =
          !told || (answers(*told) && before.started && told->freshness.last_seen > before.started);
      if (!is_over || !was_heard) promoted.push_back(step.server);
    }
    if (is_over) break;
  }
  return promoted;
}

Result<bool> can_replace_both(const Parts& parts, RecoveryWork work) {
  if (work.kind != RecoveryKind::DeadMaster && work.kind != RecoveryKind::DeadCoMaster)
    return false;
  ORCH_ASSIGN(const std::string lost, lost_its_place(parts, work));
  if (!lost.empty() || (work.automatic && !check_automatic(parts, work))) return false;
  ORCH_ASSIGN(work.promoted_before, promoted_before(parts, work.failed, ""));
  Progress progress;
  ORCH_ASSIGN(progress.at_start, records_of(parts, work, {}));
  ORCH_ASSIGN(const Planner planner, planner_for(work, parts.policy));
  return !std::holds_alternative<GiveUp>(planner(progress, progress.at_start));
}

}  // namespace orch::ha
