#include "storage/recovery_store.h"

#include <algorithm>

#include "core/base/text.h"
#include "storage/columns/recovery_columns.h"
#include "storage/statements.h"

namespace orch::storage {

namespace {

constexpr std::string_view kSqlLatestDetection = R"(
    select coalesce(max(detection_id), 0) from topology_failure_detection
     where hostname = ? and port = ?)";
constexpr std::string_view kSqlFindClaim =
    "select recovery_id from topology_recovery where uid = ?";
constexpr std::string_view kSqlSaveEnd = R"(
    update topology_recovery
       set is_successful = ?, successor_hostname = ?, successor_port = ?, successor_alias = ?,
           participating_instances = ?, lost_slaves = ?, all_errors = ?, end_recovery = ?
     where uid = ?)";
constexpr std::string_view kSqlListSteps = R"(
    select recovery_step_id, recovery_uid, audit_at, message
      from topology_recovery_steps
     where recovery_uid = ?
     order by recovery_step_id)";
constexpr std::string_view kSqlFindLastEnd = R"(
    select coalesce(max(end_active_period_unixtime), 0)
      from topology_recovery
     where hostname = ? and port = ? and in_active_period = 0)";
constexpr std::string_view kSqlAcknowledge = R"(
    update topology_recovery
       set in_active_period = 0, end_active_period_unixtime = ?, acknowledged = 1,
           acknowledged_at = ?, acknowledged_by = ?, acknowledge_comment = ?
     where recovery_id = ?)";
constexpr std::string_view kSqlFindActiveRecovery = R"(
    select hostname, port from topology_recovery where uid = ? and in_active_period = 1)";
constexpr std::string_view kSqlListBlocked = R"(
    select hostname, port, cluster_name, analysis, last_blocked_timestamp, blocking_recovery_id
      from blocked_topology_recovery
     order by last_blocked_timestamp desc, hostname, port)";
constexpr std::string_view kSqlEndActive = R"(
    update topology_recovery
       set in_active_period = 0, end_active_period_unixtime = ?
     where uid = ? and in_active_period = 1)";
constexpr std::string_view kSqlEndCrashed =
    "update topology_recovery set end_recovery = ? where uid = ? and end_recovery is null";
constexpr std::string_view kSqlFindLastDetectionEnd = R"(
    select coalesce(max(end_active_period_unixtime), 0)
      from topology_failure_detection
     where hostname = ? and port = ? and in_active_period = 0)";
constexpr std::string_view kSqlCountOwnDetection = R"(
    select count(*)
      from topology_failure_detection
     where hostname = ? and port = ? and in_active_period = 1 and is_actionable = ?
       and start_active_period = ? and processing_node_hostname = ? and processcing_node_token = ?)";
constexpr std::string_view kSqlEndDetection = R"(
    update topology_failure_detection
       set in_active_period = 0, end_active_period_unixtime = ?
     where detection_id = ?)";
constexpr std::string_view kSqlEnable = "delete from global_recovery_disable";
constexpr std::string_view kSqlIsDisabled =
    "select 1 from global_recovery_disable where disable_recovery = 1";

std::int64_t unix_seconds(TimePoint time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

/// When the active period of a host's entry may end: now, or the next second that no earlier entry
/// of this host has; the two are part of a unique key.
Result<std::int64_t> free_end(Database& database, std::string_view sql, const InstanceKey& key,
                              TimePoint now) {
  std::int64_t last = 0;
  ORCH_TRY(database.select(sql, {key.hostname, port_of(key)},
                           [&last](const Row& row) { last = row.integer(0); }));
  return std::max(unix_seconds(now), last + 1);
}

template <typename Record>
Result<std::vector<Record>> list_records(Database& database, const std::string& sql,
                                         const std::vector<SqlValue>& arguments,
                                         Record (*read)(const Row&)) {
  std::vector<Record> records;
  ORCH_TRY(database.select(sql, std::span<const SqlValue>(arguments),
                           [&](const Row& row) { records.push_back(read(row)); }));
  return records;
}

Result<std::vector<RecoveryRecord>> list_recoveries(Database& database, std::string_view rest,
                                                    const std::vector<SqlValue>& arguments) {
  std::string sql = "select ";
  sql.append(kRecoveryColumns).append(" from topology_recovery ").append(rest);
  return list_records(database, sql, arguments, read_recovery);
}

Result<std::optional<RecoveryRecord>> first_of(Result<std::vector<RecoveryRecord>> records) {
  if (!records) return fail(std::move(records).error());
  if (records->empty()) return std::optional<RecoveryRecord>{};
  return std::optional<RecoveryRecord>(std::move(records->front()));
}

void add_page(std::string& sql, std::vector<SqlValue>& arguments, std::size_t page,
              std::size_t page_size) {
  sql += " limit ? offset ?";
  arguments.emplace_back(static_cast<std::int64_t>(page_size));
  arguments.emplace_back(static_cast<std::int64_t>(page * page_size));
}

}  // namespace

Result<std::optional<std::int64_t>> RecoveryStore::claim(const RecoveryRecord& recovery) {
  std::optional<std::int64_t> id;
  const auto work = [&]() -> Result<> {
    const InstanceKey& key = recovery.failed;
    std::int64_t detection = 0;
    ORCH_TRY(database_.select(kSqlLatestDetection, {key.hostname, port_of(key)},
                              [&detection](const Row& row) { detection = row.integer(0); }));
    const std::string insert = database_.dialect().insert_if_absent(
        "topology_recovery",
        {"uid", "hostname", "port", "in_active_period", "start_active_period",
         "end_active_period_unixtime", "analysis", "cluster_name", "cluster_alias",
         "count_affected_slaves", "slave_hosts", "participating_instances", "lost_slaves",
         "all_errors", "acknowledge_comment", "last_detection_id", "processing_node_hostname",
         "processcing_node_token"});
    ORCH_TRY(database_.execute(
        insert,
        {recovery.uid, key.hostname, port_of(key), std::int64_t{1}, format_time(clock_.now()),
         std::int64_t{0}, recovery.analysis, recovery.cluster_name, recovery.cluster_alias,
         recovery.affected_count, join_keys(recovery.affected_replicas), std::string(),
         std::string(), std::string(), std::string(), detection, self_.hostname, self_.token}));
    id.reset();
    return database_.select(kSqlFindClaim, {recovery.uid},
                            [&id](const Row& row) { id = row.integer(0); });
  };
  ORCH_TRY(database_.transaction(work));
  return id;
}

Result<> RecoveryStore::save_end(const RecoveryRecord& recovery) {
  const InstanceKey successor = recovery.successful ? recovery.successor : InstanceKey{};
  ORCH_TRY(database_.execute(
      kSqlSaveEnd, {std::int64_t{recovery.successful}, successor.hostname, port_of(successor),
                    recovery.successor_alias, join_keys(recovery.participants),
                    join_keys(recovery.lost_replicas), join(recovery.errors, "\n"),
                    format_time(clock_.now()), recovery.uid}));
  return {};
}

Result<> RecoveryStore::end_completed(const InstanceKey& key) {
  return database_.transaction([&]() -> Result<> {
    ORCH_ASSIGN([[maybe_unused]] const std::int64_t count,
                acknowledge("hostname = ? and port = ? and in_active_period = 1 and "
                            "end_recovery is not null",
                            {key.hostname, port_of(key)},
                            {.owner = "orchestrator", .comment = std::string(kFollowedByAnother)}));
    return {};
  });
}

Result<> RecoveryStore::end_active(const std::string& uid) {
  return database_.transaction([&]() -> Result<> {
    std::optional<InstanceKey> key;
    ORCH_TRY(database_.select(kSqlFindActiveRecovery, {uid},
                              [&key](const Row& row) { key = read_key(row, 0); }));
    if (!key) return {};
    ORCH_ASSIGN(const std::int64_t end, free_end(database_, kSqlFindLastEnd, *key, clock_.now()));
    ORCH_TRY(database_.execute(kSqlEndActive, {end, uid}));
    return {};
  });
}

Result<> RecoveryStore::end_crashed(const std::string& uid) {
  return database_.transaction([&]() -> Result<> {
    ORCH_TRY(database_.execute(kSqlEndCrashed, {format_time(clock_.now()), uid}));
    ORCH_ASSIGN([[maybe_unused]] const std::int64_t count,
                acknowledge("uid = ?", {uid},
                            {.owner = "orchestrator", .comment = "detected crashed recovery"}));
    return {};
  });
}

Result<> RecoveryStore::end_detections_of(const InstanceKey& key) {
  return database_.transaction([&]() -> Result<> {
    return end_detections("hostname = ? and port = ?", {key.hostname, port_of(key)});
  });
}

Result<> RecoveryStore::save_blocked(const InstanceKey& key, const std::string& cluster,
                                     const std::string& analysis, std::int64_t blocking_id) {
  return save_rows(
      database_, "blocked_topology_recovery", {"hostname", "port"},
      {"hostname", "port", "cluster_name", "analysis", "last_blocked_timestamp",
       "blocking_recovery_id"},
      {{key.hostname, port_of(key), cluster, analysis, format_time(clock_.now()), blocking_id}});
}

Result<std::vector<BlockedRecovery>> RecoveryStore::list_blocked() const {
  std::vector<BlockedRecovery> blocked;
  ORCH_TRY(database_.select(kSqlListBlocked, {}, [&blocked](const Row& row) {
    blocked.push_back({.failed = read_key(row, 0),
                       .cluster_name = row.text(2),
                       .analysis = row.text(3),
                       .last_blocked = row.time(4),
                       .blocking_id = row.integer(5)});
  }));
  return blocked;
}

Result<> RecoveryStore::save_step(const std::string& uid, const std::string& message) {
  ORCH_TRY(add_row(database_, "topology_recovery_steps", {"recovery_uid", "audit_at", "message"},
                   {uid, format_time(clock_.now()), message}));
  return {};
}

Result<std::optional<RecoveryRecord>> RecoveryStore::find(std::int64_t id) const {
  return first_of(list_recoveries(database_, "where recovery_id = ?", {id}));
}

Result<std::optional<RecoveryRecord>> RecoveryStore::find(const std::string& uid) const {
  return first_of(list_recoveries(database_, "where uid = ?", {uid}));
}

Result<std::vector<RecoveryRecord>> RecoveryStore::list(const std::string& cluster,
                                                        std::size_t page,
                                                        std::size_t page_size) const {
  std::string rest;
  std::vector<SqlValue> arguments;
  if (!cluster.empty()) {
    rest = "where cluster_name = ? ";
    arguments.emplace_back(cluster);
  }
  rest += "order by recovery_id desc";
  add_page(rest, arguments, page, page_size);
  return list_recoveries(database_, rest, arguments);
}

Result<std::vector<RecoveryRecord>> RecoveryStore::list_active() const {
  return list_recoveries(database_, "where in_active_period = 1 order by recovery_id desc", {});
}

Result<std::vector<RecoveryStep>> RecoveryStore::list_steps(const std::string& uid) const {
  std::vector<RecoveryStep> steps;
  ORCH_TRY(database_.select(kSqlListSteps, {uid}, [&steps](const Row& row) {
    steps.push_back({row.integer(0), row.text(1), row.time(2), row.text(3)});
  }));
  return steps;
}

Result<std::int64_t> RecoveryStore::acknowledge(const std::string& where,
                                                std::vector<SqlValue> arguments,
                                                const Acknowledgement& acknowledgement) {
  struct Entry {
    std::int64_t id{0};
    InstanceKey key{};
    std::int64_t end{0};
  };
  std::vector<Entry> entries;
  ORCH_TRY(database_.select(
      "select recovery_id, hostname, port, end_active_period_unixtime from topology_recovery "
      "where acknowledged = 0 and " +
          where + " order by recovery_id",
      std::span<const SqlValue>(arguments), [&entries](const Row& row) {
        entries.push_back({row.integer(0), read_key(row, 1), row.integer(3)});
      }));
  const TimePoint now = clock_.now();
  for (Entry& entry : entries) {
    if (entry.end == 0) {
      ORCH_ASSIGN(entry.end, free_end(database_, kSqlFindLastEnd, entry.key, now));
    }
    ORCH_TRY(database_.execute(kSqlAcknowledge, {entry.end, format_time(now), acknowledgement.owner,
                                                 acknowledgement.comment, entry.id}));
  }
  return static_cast<std::int64_t>(entries.size());
}

Result<> RecoveryStore::end_detections(const std::string& where, std::vector<SqlValue> arguments) {
  std::vector<std::pair<std::int64_t, InstanceKey>> entries;
  ORCH_TRY(database_.select(
      "select detection_id, hostname, port from topology_failure_detection "
      "where in_active_period = 1 and " +
          where,
      std::span<const SqlValue>(arguments),
      [&entries](const Row& row) { entries.emplace_back(row.integer(0), read_key(row, 1)); }));
  for (const auto& [id, key] : entries) {
    ORCH_ASSIGN(const std::int64_t end,
                free_end(database_, kSqlFindLastDetectionEnd, key, clock_.now()));
    ORCH_TRY(database_.execute(kSqlEndDetection, {end, id}));
  }
  return {};
}

Result<std::int64_t> RecoveryStore::acknowledge_one(const std::string& uid,
                                                    const Acknowledgement& acknowledgement) {
  std::int64_t count = 0;
  ORCH_TRY(database_.transaction([&]() -> Result<> {
    ORCH_ASSIGN(count, acknowledge("uid = ?", {uid}, acknowledgement));
    return {};
  }));
  return count;
}

Result<std::int64_t> RecoveryStore::acknowledge_all(const Acknowledgement& acknowledgement) {
  std::int64_t count = 0;
  const auto work = [&]() -> Result<> {
    ORCH_ASSIGN(count, acknowledge("1 = 1", {}, acknowledgement));
    return {};
  };
  ORCH_TRY(database_.transaction(work));
  return count;
}

Result<std::int64_t> RecoveryStore::acknowledge_cluster(const std::string& name,
                                                        const std::string& alias,
                                                        const Acknowledgement& acknowledgement) {
  const std::string where = "(cluster_name = ? or (cluster_alias <> '' and cluster_alias = ?))";
  std::int64_t count = 0;
  const auto work = [&]() -> Result<> {
    ORCH_TRY(end_detections(where, {name, alias}));
    ORCH_ASSIGN(count, acknowledge(where, {name, alias}, acknowledgement));
    return {};
  };
  ORCH_TRY(database_.transaction(work));
  return count;
}

Result<std::int64_t> RecoveryStore::acknowledge_instance(const InstanceKey& key,
                                                         const Acknowledgement& acknowledgement) {
  const std::string where = "hostname = ? and port = ?";
  std::int64_t count = 0;
  const auto work = [&]() -> Result<> {
    ORCH_TRY(end_detections(where, {key.hostname, port_of(key)}));
    ORCH_ASSIGN(count, acknowledge(where, {key.hostname, port_of(key)}, acknowledgement));
    return {};
  };
  ORCH_TRY(database_.transaction(work));
  return count;
}

Result<bool> RecoveryStore::claim_detection(const FailureDetection& detection) {
  const std::string insert = database_.dialect().insert_if_absent(
      "topology_failure_detection",
      {"hostname", "port", "in_active_period", "start_active_period", "end_active_period_unixtime",
       "processing_node_hostname", "processcing_node_token", "analysis", "cluster_name",
       "cluster_alias", "count_affected_slaves", "slave_hosts", "is_actionable"});
  const InstanceKey& key = detection.failed;
  const std::int64_t actionable{detection.actionable};
  const std::string start = format_time(clock_.now());
  std::int64_t inserted = 0;
  const auto work = [&]() -> Result<> {
    ORCH_TRY(end_detections("hostname = ? and port = ? and is_actionable = ? and analysis <> ?",
                            {key.hostname, port_of(key), actionable, detection.analysis}));
    const bool again = inserted > 0;
    ORCH_ASSIGN(inserted,
                database_.execute(insert, {key.hostname, port_of(key), std::int64_t{1}, start,
                                           std::int64_t{0}, self_.hostname, self_.token,
                                           detection.analysis, detection.cluster_name,
                                           detection.cluster_alias, detection.affected_count,
                                           join_keys(detection.affected_replicas), actionable}));
    if (inserted > 0 || !again) return {};
    // The commit was not answered: what is there may be what the time before has written.
    return database_.select(
        kSqlCountOwnDetection,
        {key.hostname, port_of(key), actionable, start, self_.hostname, self_.token},
        [&inserted](const Row& row) { inserted = row.integer(0); });
  };
  ORCH_TRY(database_.transaction(work));
  return inserted > 0;
}

Result<> RecoveryStore::end_old_detections(std::chrono::minutes period) {
  const std::string oldest = format_time(clock_.now() - period);
  return database_.transaction(
      [&]() -> Result<> { return end_detections("start_active_period < ?", {oldest}); });
}

Result<std::vector<FailureDetection>> RecoveryStore::list_detections(std::size_t page,
                                                                     std::size_t page_size) const {
  std::string sql = "select ";
  sql.append(kDetectionColumns)
      .append(" from topology_failure_detection order by detection_id desc");
  std::vector<SqlValue> arguments;
  add_page(sql, arguments, page, page_size);
  return list_records(database_, sql, arguments, read_detection);
}

Result<> RecoveryStore::save_global_switch(bool recoveries_disabled) {
  if (!recoveries_disabled) {
    ORCH_TRY(database_.execute(kSqlEnable));
    return {};
  }
  ORCH_TRY(database_.execute(
      database_.dialect().insert_if_absent("global_recovery_disable", {"disable_recovery"}),
      {std::int64_t{1}}));
  return {};
}

Result<bool> RecoveryStore::globally_disabled() const {
  bool disabled = false;
  ORCH_TRY(database_.select(kSqlIsDisabled, {}, [&disabled](const Row&) { disabled = true; }));
  return disabled;
}

Result<std::int64_t> RecoveryStore::expire(std::chrono::days age) {
  const std::string oldest = format_time(clock_.now() - age);
  std::int64_t gone = 0;
  const auto work = [&]() -> Result<> {
    gone = 0;
    for (const std::string_view sql :
         {"delete from topology_recovery where start_active_period < ?",
          "delete from topology_recovery_steps where audit_at < ?",
          "delete from topology_failure_detection where start_active_period < ?"}) {
      ORCH_ASSIGN(const std::int64_t rows, database_.execute(sql, {oldest}));
      gone += rows;
    }
    return {};
  };
  ORCH_TRY(database_.transaction(work));
  return gone;
}

}  // namespace orch::storage
