#include <string>
#include <utility>

#include "core/base/text.h"
#include "storage/candidate_store.h"
#include "storage/cluster_store.h"
#include "storage/columns/instance_columns.h"
#include "storage/hostname_store.h"
#include "storage/instance_store.h"
#include "storage/statements.h"

// The half of InstanceStore that writes.

namespace orch::storage {

namespace {

const std::vector<std::string_view> kKey = {"hostname", "port"};

constexpr std::string_view kSqlMarkChecked = R"(
    update database_instance
       set last_checked = ?, last_check_partial_success = ?,
           last_seen = case when last_seen >= ? then ? else last_seen end
     where hostname = ? and port = ?)";
constexpr std::string_view kSqlMarkAttempted =
    "update database_instance set last_attempted_check = ? where hostname = ? and port = ?";
constexpr std::string_view kSqlRenameCluster =
    "update database_instance set cluster_name = ? where cluster_name = ?";
constexpr std::string_view kSqlSaveClusterName =
    "update database_instance set cluster_name = ? where hostname = ? and port = ?";
constexpr std::string_view kSqlSetApart = R"(
    update database_instance
       set cluster_name = ?, replication_depth = 0, is_co_master = 0
     where hostname = ? and port = ?)";
constexpr std::string_view kSqlForgetInstance =
    "delete from database_instance where hostname = ? and port = ?";
constexpr std::string_view kSqlListMembers =
    "select hostname, port from database_instance where cluster_name = ?";
constexpr std::string_view kSqlForgetError =
    "delete from orch_instance_error where hostname = ? and port = ?";
constexpr std::string_view kSqlForgetStrayErrors = R"(
    delete from orch_instance_error
     where not exists (select 1 from database_instance i
                        where i.hostname = orch_instance_error.hostname
                          and i.port = orch_instance_error.port))";
// What was never seen clean counts from when it was last read at all, or came to be known.
constexpr std::string_view kSqlExpireInstance =
    "delete from database_instance where coalesce(last_seen, last_attempted_check) < ?";

std::vector<std::string_view> column_names(bool seen) {
  std::vector<std::string_view> names;
  for (const InstanceColumn& column : instance_columns())
    names.push_back(column.name);
  names.insert(names.end(), {"last_checked", "last_attempted_check", "last_check_partial_success"});
  if (seen) names.push_back("last_seen");
  return names;
}

std::vector<SqlValue> values_of(const Instance& instance, const std::string& now, bool partial,
                                bool seen) {
  std::vector<SqlValue> values;
  for (const InstanceColumn& column : instance_columns())
    values.push_back(column.write(instance));
  values.insert(values.end(), {now, now, std::int64_t{partial}});
  if (seen) values.emplace_back(now);
  return values;
}

/// What a probe had to complain about, in one line; "" for a clean one.
std::string complaint(const Observation& observation) {
  std::vector<std::string> messages;
  if (observation.error) messages.push_back(observation.error->message);
  for (const Error& error : observation.soft_errors)
    messages.push_back(error.message);
  return join(messages, "; ");
}

/// The key under which a record is kept: what the server calls itself, once it was read.
const InstanceKey& kept_key(const Observation& observation) {
  return observation.found() ? observation.instance.key : observation.asked;
}

Result<> record_errors(Database& database, std::span<const Observation> observations,
                       const std::string& now) {
  std::vector<std::vector<SqlValue>> rows;
  for (const Observation& observation : observations) {
    if (observation.outcome == ProbeOutcome::Skipped) continue;
    const InstanceKey& key = kept_key(observation);
    std::string message = complaint(observation);
    if (message.empty()) {
      ORCH_TRY(database.execute(kSqlForgetError, {key.hostname, port_of(key)}));
    } else {
      rows.push_back({key.hostname, port_of(key), now, std::move(message)});
    }
  }
  ORCH_TRY(save_rows(database, "orch_instance_error", kKey,
                     {"hostname", "port", "checked_at", "message"}, rows));
  // Of servers that never became a record nobody asks.
  if (!rows.empty()) ORCH_TRY(database.execute(kSqlForgetStrayErrors));
  return {};
}

Result<> record_tls(Database& database, std::span<const Observation> observations) {
  std::vector<std::vector<SqlValue>> rows;
  for (const Observation& observation : observations) {
    if (!observation.tls_required) continue;
    const InstanceKey& key = observation.asked;
    rows.push_back({key.hostname, port_of(key), std::int64_t{*observation.tls_required}});
  }
  return save_rows(database, "database_instance_tls", kKey, {"hostname", "port", "required"}, rows);
}

Result<> record_waiting(Database& database, std::span<const Observation> observations,
                        const std::string& now) {
  std::vector<std::vector<SqlValue>> rows;
  for (const Observation& observation : observations) {
    const auto waiting = observation.instance.semi_sync.source_waiting_sessions;
    if (!observation.found() || !waiting) continue;
    const InstanceKey& key = observation.instance.key;
    rows.push_back({key.hostname, port_of(key), now, std::int64_t{*waiting}});
  }
  return save_rows(database, "orch_semi_sync_wait", kKey,
                   {"hostname", "port", "checked_at", "waiting_sessions"}, rows);
}

Result<> record_positions(Database& database, std::span<const Observation> observations,
                          const std::string& now) {
  std::vector<std::vector<SqlValue>> rows;
  for (const Observation& observation : observations) {
    const Gtid& gtid = observation.instance.gtid;
    const bool known = !gtid.mariadb_slave_pos.empty() || !gtid.mariadb_binlog_state.empty();
    if (!observation.found() || !known) continue;
    const InstanceKey& key = observation.instance.key;
    rows.push_back(
        {key.hostname, port_of(key), now, gtid.mariadb_slave_pos, gtid.mariadb_binlog_state});
  }
  return save_rows(database, "orch_mariadb_position", kKey,
                   {"hostname", "port", "checked_at", "slave_pos", "binlog_state"}, rows);
}

Result<> record_sources(Database& database, std::span<const Observation> observations,
                        const std::string& now) {
  std::vector<std::vector<SqlValue>> rows;
  for (const Observation& observation : observations) {
    const std::int64_t sources = observation.instance.replication.channels;
    if (!observation.found() || sources < 2) continue;
    const InstanceKey& key = observation.instance.key;
    rows.push_back({key.hostname, port_of(key), now, sources});
  }
  return save_rows(database, "orch_sources", kKey, {"hostname", "port", "checked_at", "sources"},
                   rows);
}

/// What a probe learnt beside the record itself.
Result<> record_findings(Database& database, const Clock& clock,
                         std::span<const Observation> observations, bool store_resolved) {
  for (const Observation& observation : observations) {
    if (observation.outcome == ProbeOutcome::Skipped) continue;
    if (store_resolved && !observation.resolved.empty()) {
      ORCH_TRY(HostnameStore(database, clock).save_resolved(observation.resolved));
    }
    if (!observation.found()) continue;
    const Instance& instance = observation.instance;
    if (observation.detected_promotion_rule) {
      ORCH_TRY(CandidateStore(database, clock)
                   .save({instance.key, *observation.detected_promotion_rule}));
    }
    if (instance.replication_depth == 0 && !observation.detected_cluster_domain.empty()) {
      ORCH_TRY(ClusterStore(database, clock, {})
                   .save_domain(instance.cluster_name, observation.detected_cluster_domain));
    }
  }
  const std::string now = format_time(clock.now());
  ORCH_TRY(record_waiting(database, observations, now));
  ORCH_TRY(record_positions(database, observations, now));
  ORCH_TRY(record_sources(database, observations, now));
  return record_tls(database, observations);
}

}  // namespace

Result<> InstanceStore::save(std::span<const InstanceWrite> writes) {
  const std::string now = format_time(clock_.now());
  std::vector<std::vector<SqlValue>> seen;
  std::vector<std::vector<SqlValue>> unseen;
  for (const InstanceWrite& write : writes) {
    (write.seen ? seen : unseen).push_back(values_of(*write.instance, now, true, write.seen));
  }
  return database_.transaction([&]() -> Result<> {
    ORCH_TRY(save_rows(database_, "database_instance", kKey, column_names(true), seen));
    return save_rows(database_, "database_instance", kKey, column_names(false), unseen);
  });
}

Result<> InstanceStore::record(std::span<const Observation> observations) {
  std::vector<InstanceWrite> writes;
  for (const Observation& observation : observations) {
    if (!observation.found()) continue;
    writes.push_back({&observation.instance, observation.outcome == ProbeOutcome::Clean});
  }
  return database_.transaction([&]() -> Result<> {
    ORCH_TRY(save(writes));
    for (const Observation& observation : observations) {
      const bool partial = observation.outcome == ProbeOutcome::Partial;
      if (!partial && observation.outcome != ProbeOutcome::Failed) continue;
      ORCH_TRY(mark_checked(observation.asked, partial));
    }
    ORCH_TRY(record_findings(database_, clock_, observations, settings_.store_resolved));
    return record_errors(database_, observations, format_time(clock_.now()));
  });
}

Result<> InstanceStore::mark_checked(const InstanceKey& key, bool partial_success) {
  const TimePoint now = clock_.now();
  // Times have whole seconds: one that was seen in this very second was not seen by this check.
  ORCH_TRY(database_.execute(
      kSqlMarkChecked, {format_time(now), std::int64_t{partial_success}, format_time(now),
                        format_time(now - std::chrono::seconds(1)), key.hostname, port_of(key)}));
  return {};
}

Result<> InstanceStore::mark_read_only(const InstanceKey& key) {
  ORCH_TRY(database_.execute(
      "update database_instance set read_only = 1 where hostname = ? and port = ?",
      {key.hostname, port_of(key)}));
  return {};
}

Result<> InstanceStore::mark_attempted(const InstanceKey& key) {
  ORCH_TRY(database_.execute(kSqlMarkAttempted,
                             {format_time(clock_.now()), key.hostname, port_of(key)}));
  return {};
}

Result<> InstanceStore::insert_if_absent(const InstanceKey& key, bool reachable) {
  Instance bare;
  bare.key = key;
  bare.cluster_name = to_string(key);
  bare.server.version = "Unknown";
  // Everything else is zero, also where the model's defaults are not.
  bare.replication.io_state = ThreadState::Stopped;
  bare.replication.sql_state = ThreadState::Stopped;
  bare.group.single_primary = false;
  const std::vector<SqlValue> values = values_of(bare, format_time(clock_.now()), false, reachable);
  ORCH_TRY(database_.execute(
      database_.dialect().insert_if_absent("database_instance", column_names(reachable)),
      std::span<const SqlValue>(values)));
  return {};
}

Result<std::int64_t> InstanceStore::rename_cluster(const std::string& from, const std::string& to) {
  return database_.execute(kSqlRenameCluster, {to, from});
}

Result<> InstanceStore::save_cluster_name(const InstanceKey& key, const std::string& cluster) {
  ORCH_TRY(database_.execute(kSqlSaveClusterName, {cluster, key.hostname, port_of(key)}));
  return {};
}

Result<> InstanceStore::set_apart(const InstanceKey& key) {
  ORCH_TRY(database_.execute(kSqlSetApart, {to_string(key), key.hostname, port_of(key)}));
  return {};
}

Result<bool> InstanceStore::forget(const InstanceKey& key) {
  bool known = false;
  const auto work = [&]() -> Result<> {
    ORCH_ASSIGN(const std::int64_t rows,
                database_.execute(kSqlForgetInstance, {key.hostname, port_of(key)}));
    known = rows > 0;
    ORCH_TRY(database_.execute(kSqlForgetError, {key.hostname, port_of(key)}));
    return {};
  };
  ORCH_TRY(database_.transaction(work));
  return known;
}

Result<std::int64_t> InstanceStore::forget_cluster(const std::string& cluster) {
  std::int64_t rows = 0;
  const auto work = [&]() -> Result<> {
    rows = 0;
    // By key: what another node's records say of the cluster may be older or newer.
    std::vector<InstanceKey> members;
    ORCH_TRY(database_.select(kSqlListMembers, {cluster},
                              [&members](const Row& row) { members.push_back(read_key(row, 0)); }));
    for (const InstanceKey& key : members) {
      ORCH_ASSIGN(const std::int64_t gone,
                  database_.execute(kSqlForgetInstance, {key.hostname, port_of(key)}));
      rows += gone;
    }
    ORCH_TRY(database_.execute(kSqlForgetStrayErrors));
    return {};
  };
  ORCH_TRY(database_.transaction(work));
  return rows;
}

Result<std::int64_t> InstanceStore::expire(std::chrono::hours age) {
  return database_.execute(kSqlExpireInstance, {format_time(clock_.now() - age)});
}

}  // namespace orch::storage
