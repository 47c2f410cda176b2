#include "storage/maintenance_store.h"

#include <utility>

#include "storage/process_token.h"
#include "storage/statements.h"

namespace orch::storage {

namespace {

constexpr std::string_view kSqlEndOverdue = R"(
    update database_instance_maintenance
       set maintenance_active = null
     where maintenance_active = 1 and replace(end_timestamp, 'T', ' ') < ? and hostname = ? and port = ?)";
constexpr std::string_view kSqlFindHolder = R"(
    select processing_node_token
      from database_instance_maintenance
     where maintenance_active = 1 and explicitly_bounded = 0 and hostname = ? and port = ?
       and processing_node_hostname = ?)";
constexpr std::string_view kSqlFindOwn = R"(
    select database_instance_maintenance_id
      from database_instance_maintenance
     where maintenance_active = 1 and hostname = ? and port = ? and begin_timestamp = ?
       and owner = ? and reason = ? and processing_node_hostname = ? and processing_node_token = ?)";
constexpr std::string_view kSqlEndMaintenance = R"(
    update database_instance_maintenance
       set maintenance_active = null, end_timestamp = ?
     where maintenance_active = 1 and hostname = ? and port = ?)";
constexpr std::string_view kSqlRenewMaintenance = R"(
    update database_instance_maintenance
       set end_timestamp = ?
     where maintenance_active = 1 and explicitly_bounded = 0 and hostname = ? and port = ?
       and processing_node_hostname = ? and processing_node_token = ?)";
constexpr std::string_view kSqlEndById = R"(
    update database_instance_maintenance
       set maintenance_active = null, end_timestamp = ?
     where maintenance_active = 1 and database_instance_maintenance_id = ?)";
constexpr std::string_view kSqlFindActiveMaintenance = R"(
    select 1
      from database_instance_maintenance
     where maintenance_active = 1 and replace(end_timestamp, 'T', ' ') > ? and hostname = ? and port = ?)";
constexpr std::string_view kSqlListMaintenance = R"(
    select database_instance_maintenance_id, hostname, port, begin_timestamp, end_timestamp, owner,
           reason, explicitly_bounded
      from database_instance_maintenance
     where maintenance_active = 1
     order by database_instance_maintenance_id)";
constexpr std::string_view kSqlExpireOverdue = R"(
    update database_instance_maintenance
       set maintenance_active = null
     where maintenance_active = 1 and replace(end_timestamp, 'T', ' ') < ?)";
constexpr std::string_view kSqlEndOfNode = R"(
    update database_instance_maintenance
       set maintenance_active = null, end_timestamp = ?
     where maintenance_active = 1 and explicitly_bounded = 0
       and processing_node_hostname = ? and processing_node_token = ?)";
constexpr std::string_view kSqlListOrphans = R"(
    select database_instance_maintenance_id
      from database_instance_maintenance
     where maintenance_active = 1 and explicitly_bounded = 0
       and replace(end_timestamp, 'T', ' ') < ?
       and not exists (
             select 1 from node_health n
              where n.hostname = database_instance_maintenance.processing_node_hostname
                and n.token = database_instance_maintenance.processing_node_token))";
constexpr std::string_view kSqlDropOld = R"(
    delete from database_instance_maintenance
     where maintenance_active is null and end_timestamp < ?)";

}  // namespace

Result<std::optional<std::int64_t>> MaintenanceStore::claim(const MaintenanceRequest& request) {
  const TimePoint now = clock_.now();
  const InstanceKey& key = request.key;
  std::optional<std::int64_t> id;
  bool inserted_before = false;
  const auto work = [&]() -> Result<> {
    id.reset();
    ORCH_TRY(database_.execute(kSqlEndOverdue, {format_time(now), key.hostname, port_of(key)}));
    ORCH_TRY(end_of_dead_process(key));
    const std::string insert = database_.dialect().insert_if_absent(
        "database_instance_maintenance",
        {"hostname", "port", "maintenance_active", "begin_timestamp", "end_timestamp", "owner",
         "reason", "processing_node_hostname", "processing_node_token", "explicitly_bounded"});
    ORCH_ASSIGN(const std::int64_t inserted,
                database_.execute(
                    insert, {key.hostname, port_of(key), std::int64_t{1}, format_time(now),
                             format_time(now + request.duration), request.owner, request.reason,
                             self_.hostname, self_.token, std::int64_t{request.by_person}}));
    const bool again = std::exchange(inserted_before, inserted > 0);
    if (inserted > 0) id = database_.last_insert_id();
    if (inserted > 0 || !again) return {};
    // The commit was not answered: what is there may be what the time before has written.
    return database_.select(kSqlFindOwn,
                            {key.hostname, port_of(key), format_time(now), request.owner,
                             request.reason, self_.hostname, self_.token},
                            [&id](const Row& row) { id = row.integer(0); });
  };
  ORCH_TRY(database_.transaction(work));
  return id;
}

/// A process that was killed in the middle of its work must not keep others from going on with it.
Result<> MaintenanceStore::end_of_dead_process(const InstanceKey& key) {
  ORCH_ASSIGN(const std::optional<std::string> holder,
              select_text(database_, kSqlFindHolder, {key.hostname, port_of(key), self_.hostname}));
  if (!holder || !is_process_gone(*holder)) return {};
  ORCH_TRY(end(key));
  return {};
}

Result<bool> MaintenanceStore::renew(const InstanceKey& key) {
  ORCH_ASSIGN(const std::int64_t rows,
              database_.execute(kSqlRenewMaintenance,
                                {format_time(clock_.now() + kOperationLock), key.hostname,
                                 port_of(key), self_.hostname, self_.token}));
  return rows > 0;
}

Result<bool> MaintenanceStore::end(const InstanceKey& key) {
  ORCH_ASSIGN(const std::int64_t rows,
              database_.execute(kSqlEndMaintenance,
                                {format_time(clock_.now()), key.hostname, port_of(key)}));
  return rows > 0;
}

Result<bool> MaintenanceStore::end(std::int64_t id) {
  ORCH_ASSIGN(const std::int64_t rows,
              database_.execute(kSqlEndById, {format_time(clock_.now()), id}));
  return rows > 0;
}

Result<std::int64_t> MaintenanceStore::end_all_of(const NodeIdentity& node) {
  return database_.execute(kSqlEndOfNode, {format_time(clock_.now()), node.hostname, node.token});
}

Result<bool> MaintenanceStore::in_maintenance(const InstanceKey& key) const {
  bool found = false;
  ORCH_TRY(database_.select(kSqlFindActiveMaintenance,
                            {format_time(clock_.now()), key.hostname, port_of(key)},
                            [&found](const Row&) { found = true; }));
  return found;
}

Result<std::vector<Maintenance>> MaintenanceStore::list() const {
  std::vector<Maintenance> entries;
  ORCH_TRY(database_.select(kSqlListMaintenance, {}, [&entries](const Row& row) {
    entries.push_back({.id = row.integer(0),
                       .key = read_key(row, 1),
                       .begin = row.time(3),
                       .end = row.time(4),
                       .owner = row.text(5),
                       .reason = row.text(6),
                       .by_person = row.integer(7) != 0});
  }));
  return entries;
}

Result<std::int64_t> MaintenanceStore::expire() {
  const TimePoint now = clock_.now();
  std::int64_t ended = 0;
  const auto work = [&]() -> Result<> {
    ORCH_ASSIGN(const std::int64_t overdue,
                database_.execute(kSqlExpireOverdue, {format_time(now)}));
    ended = overdue;
    // By id: which nodes live is not the same wherever the statement is carried out.
    std::vector<std::int64_t> orphans;
    ORCH_TRY(database_.select(kSqlListOrphans, {format_time(now + kOperationLock - kUnrenewed)},
                              [&orphans](const Row& row) { orphans.push_back(row.integer(0)); }));
    for (const std::int64_t id : orphans) {
      ORCH_ASSIGN(const bool was_active, end(id));
      if (was_active) ++ended;
    }
    ORCH_TRY(database_.execute(kSqlDropOld, {format_time(now - std::chrono::days(7))}));
    return {};
  };
  ORCH_TRY(database_.transaction(work));
  return ended;
}

}  // namespace orch::storage
