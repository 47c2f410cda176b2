#include "storage/circumstances.h"

#include <fmt/format.h>

#include "storage/analysis_store.h"
#include "storage/hostname_store.h"
#include "storage/maintenance_store.h"
#include "storage/recovery_store.h"
#include "storage/statements.h"

namespace orch::storage {

namespace {

constexpr std::string_view kSqlListErrors =
    "select hostname, port, message from orch_instance_error";
// What the latest probe said; of an earlier one nobody wants to know.
constexpr std::string_view kSqlListWaiting = R"(
    select w.hostname, w.port, w.waiting_sessions
      from orch_semi_sync_wait w
      join database_instance i
        on i.hostname = w.hostname and i.port = w.port and i.last_checked = w.checked_at)";

Result<> read_locks(Database& database, const Clock& clock, Circumstances& circumstances) {
  ORCH_ASSIGN(const std::vector<Maintenance> locks, MaintenanceStore(database, clock, {}).list());
  for (const Maintenance& lock : locks) {
    // One that has run out is none, though nobody has ended it yet.
    if (lock.end && *lock.end <= clock.now()) continue;
    circumstances.maintenance[lock.key] = {lock.owner, lock.reason};
  }
  return {};
}

Result<> read_names(Database& database, const Clock& clock, const ClusterStore& clusters,
                    Circumstances& circumstances) {
  ORCH_ASSIGN(const std::vector<ClusterInfo> known, clusters.list());
  for (const ClusterInfo& cluster : known)
    circumstances.clusters[cluster.name] = {cluster.alias, cluster.domain};
  ORCH_ASSIGN(const std::vector<ResolvedName> names,
              HostnameStore(database, clock).list_resolved());
  for (const ResolvedName& name : names) {
    if (name.hostname != name.resolved) circumstances.resolved[name.hostname] = name.resolved;
  }
  return {};
}

Result<> read_recoveries(Database& database, const Clock& clock, Circumstances& circumstances) {
  const RecoveryStore recoveries(database, clock, {});
  ORCH_ASSIGN(circumstances.recoveries_disabled, recoveries.globally_disabled());
  ORCH_ASSIGN(const std::vector<RecoveryRecord> active, recoveries.list_active());
  for (const RecoveryRecord& recovery : active) {
    if (recovery.ended) continue;
    circumstances.recovering[recovery.cluster_name] =
        fmt::format("recovery {} ({} of {}) is running", recovery.id, recovery.analysis,
                    to_string(recovery.failed));
  }
  return {};
}

}  // namespace

Result<Circumstances> read_circumstances(Database& database, const Clock& clock,
                                         const ClusterStore& clusters) {
  Circumstances circumstances;
  ORCH_ASSIGN(circumstances.stand_still, AnalysisStore(database, clock).list_stand_still());
  ORCH_TRY(read_locks(database, clock, circumstances));
  ORCH_TRY(read_names(database, clock, clusters, circumstances));
  ORCH_TRY(read_recoveries(database, clock, circumstances));
  ORCH_TRY(database.select(kSqlListErrors, {}, [&](const Row& row) {
    circumstances.probe_errors[read_key(row, 0)] = row.text(2);
  }));
  ORCH_TRY(database.select(kSqlListWaiting, {}, [&](const Row& row) {
    circumstances.semi_sync_waiting[read_key(row, 0)] = static_cast<unsigned>(row.integer(2));
  }));
  return circumstances;
}

}  // namespace orch::storage
