#include "storage/columns/instance_columns.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "core/json/instance_list.h"
#include "storage/columns/quoted_text.h"

namespace orch::storage {

namespace {

/// What the narrow columns of a MySQL backend hold.
constexpr unsigned kMostInOneByte = 255;

SqlValue to_sql(const std::string& text) {
  return text;
}
SqlValue to_sql(bool flag) {
  return std::int64_t{flag};
}
SqlValue to_sql(std::int64_t number) {
  return number;
}
SqlValue to_sql(unsigned number) {
  return std::int64_t{number};
}
SqlValue to_sql(std::uint16_t number) {
  return std::int64_t{number};
}
SqlValue to_sql(ThreadState state) {
  return static_cast<std::int64_t>(state);
}
template <typename Period>
SqlValue to_sql(std::chrono::duration<std::int64_t, Period> duration) {
  return std::int64_t{duration.count()};
}
/// Negative lags are stored as 0, unknown ones as NULL.
SqlValue to_sql(const std::optional<std::chrono::seconds>& lag) {
  if (!lag) return std::monostate{};
  return std::max<std::int64_t>(0, lag->count());
}

void from_sql(std::string& field, const Row& row, std::size_t column) {
  field = row.view(column);
}
void from_sql(bool& field, const Row& row, std::size_t column) {
  field = row.boolean(column);
}
void from_sql(std::int64_t& field, const Row& row, std::size_t column) {
  field = row.integer(column);
}
/// A number that does not fit reads as 0.
template <typename Number>
Number fitting(std::int64_t number) {
  const bool fits = number >= 0 && static_cast<std::uint64_t>(number) <=
                                       std::uint64_t{std::numeric_limits<Number>::max()};
  return fits ? static_cast<Number>(number) : Number{0};
}
void from_sql(std::uint32_t& field, const Row& row, std::size_t column) {
  field = fitting<std::uint32_t>(row.integer(column));
}
void from_sql(std::uint16_t& field, const Row& row, std::size_t column) {
  field = fitting<std::uint16_t>(row.integer(column));
}
void from_sql(ThreadState& field, const Row& row, std::size_t column) {
  const std::int64_t state = row.integer(column);
  field = state >= -1 && state <= 2 ? static_cast<ThreadState>(state) : ThreadState::Other;
}
template <typename Period>
void from_sql(std::chrono::duration<std::int64_t, Period>& field, const Row& row,
              std::size_t column) {
  field = std::chrono::duration<std::int64_t, Period>(row.integer(column));
}
void from_sql(std::optional<std::chrono::seconds>& field, const Row& row, std::size_t column) {
  if (row.is_null(column)) {
    field = std::nullopt;
  } else {
    field = std::chrono::seconds(row.integer(column));
  }
}

// A column that holds a field as it is.
#define ORCH_FIELD(column_name, field)                              \
  InstanceColumn {                                                  \
    column_name, [](const Instance& i) { return to_sql(i.field); }, \
        [](Instance& i, const Row& row, std::size_t column) {       \
          from_sql(i.field, row, column);                           \
        }                                                           \
  }

constexpr InstanceColumn kInstanceColumns[] = {
    ORCH_FIELD("hostname", key.hostname),
    ORCH_FIELD("port", key.port),
    ORCH_FIELD("uptime", server.uptime),
    ORCH_FIELD("server_id", server.id),
    ORCH_FIELD("server_uuid", server.uuid),
    ORCH_FIELD("version", server.version),
    {"major_version",
     [](const Instance& i) {
       return to_sql(major_version(i.server.version));
     }},
    ORCH_FIELD("version_comment", server.version_comment),
    ORCH_FIELD("binlog_server", server.binlog_server),
    ORCH_FIELD("read_only", server.read_only),
    ORCH_FIELD("binlog_format", server.binlog_format),
    ORCH_FIELD("binlog_row_image", server.binlog_row_image),
    ORCH_FIELD("log_bin", server.log_bin),
    ORCH_FIELD("log_slave_updates", server.log_replica_updates),
    ORCH_FIELD("binary_log_file", server.binlog.log_file),
    ORCH_FIELD("binary_log_pos", server.binlog.log_pos),
    ORCH_FIELD("master_host", replication.source.hostname),
    ORCH_FIELD("master_port", replication.source.port),
    ORCH_FIELD("master_uuid", replication.source_uuid),
    ORCH_FIELD("slave_sql_running", replication.sql_running),
    ORCH_FIELD("slave_io_running", replication.io_running),
    ORCH_FIELD("replication_sql_thread_state", replication.sql_state),
    ORCH_FIELD("replication_io_thread_state", replication.io_state),
    ORCH_FIELD("has_replication_filters", replication.has_filters),
    ORCH_FIELD("replication_credentials_available", replication.credentials_available),
    ORCH_FIELD("has_replication_credentials", replication.has_credentials),
    ORCH_FIELD("allow_tls", replication.allow_tls),
    ORCH_FIELD("master_log_file", replication.read.log_file),
    ORCH_FIELD("read_master_log_pos", replication.read.log_pos),
    ORCH_FIELD("relay_master_log_file", replication.exec.log_file),
    ORCH_FIELD("exec_master_log_pos", replication.exec.log_pos),
    ORCH_FIELD("relay_log_file", replication.relay.log_file),
    {"relay_log_pos", [](const Instance& i) { return to_sql(i.replication.relay.log_pos); },
     [](Instance& i, const Row& row, std::size_t column) {
       i.replication.relay.log_pos = row.integer(column);
       i.replication.relay.type = BinlogType::Relay;
     }},
    {"last_sql_error",
     [](const Instance& i) { return to_sql(quote_text(i.replication.last_sql_error)); },
     [](Instance& i, const Row& row, std::size_t column) {
       i.replication.last_sql_error = unquote_text(row.view(column));
     }},
    {"last_io_error",
     [](const Instance& i) { return to_sql(quote_text(i.replication.last_io_error)); },
     [](Instance& i, const Row& row, std::size_t column) {
       i.replication.last_io_error = unquote_text(row.view(column));
     }},
    ORCH_FIELD("seconds_behind_master", replication.seconds_behind),
    ORCH_FIELD("slave_lag_seconds", replication.lag),
    ORCH_FIELD("sql_delay", replication.sql_delay),
    ORCH_FIELD("gtid_mode", gtid.mode),
    ORCH_FIELD("supports_oracle_gtid", gtid.supports_oracle),
    ORCH_FIELD("oracle_gtid", gtid.uses_oracle),
    ORCH_FIELD("mariadb_gtid", gtid.uses_mariadb),
    ORCH_FIELD("pseudo_gtid", gtid.uses_pseudo),
    ORCH_FIELD("executed_gtid_set", gtid.executed),
    ORCH_FIELD("gtid_purged", gtid.purged),
    ORCH_FIELD("gtid_errant", gtid.errant),
    ORCH_FIELD("ancestry_uuid", ancestry_uuid),
    {"num_slave_hosts",
     [](const Instance& i) {
       return to_sql(std::int64_t(i.replicas.size()));
     }},
    {"slave_hosts", [](const Instance& i) { return to_sql(format_instance_list(i.replicas)); },
     [](Instance& i, const Row& row, std::size_t column) {
       i.replicas = parse_instance_list(row.view(column));
     }},
    ORCH_FIELD("cluster_name", cluster_name),
    ORCH_FIELD("suggested_cluster_alias", suggested_cluster_alias),
    ORCH_FIELD("data_center", location.data_center),
    ORCH_FIELD("region", location.region),
    ORCH_FIELD("physical_environment", location.physical_environment),
    ORCH_FIELD("instance_alias", alias),
    {"replication_depth",
     [](const Instance& i) { return to_sql(std::min(i.replication_depth, kMostInOneByte)); },
     [](Instance& i, const Row& row, std::size_t column) {
       from_sql(i.replication_depth, row, column);
     }},
    ORCH_FIELD("is_co_master", is_co_master),
    ORCH_FIELD("last_discovery_latency", last_discovery_latency),
    {"semi_sync_enforced",
     [](const Instance& i) { return to_sql(std::min(i.semi_sync.priority, kMostInOneByte)); },
     [](Instance& i, const Row& row, std::size_t column) {
       from_sql(i.semi_sync.priority, row, column);
     }},
    ORCH_FIELD("semi_sync_available", semi_sync.available),
    ORCH_FIELD("semi_sync_master_enabled", semi_sync.source_enabled),
    ORCH_FIELD("semi_sync_master_timeout", semi_sync.source_timeout),
    ORCH_FIELD("semi_sync_master_wait_for_slave_count", semi_sync.source_wait_for_replica_count),
    ORCH_FIELD("semi_sync_master_status", semi_sync.source_status),
    ORCH_FIELD("semi_sync_master_clients", semi_sync.source_clients),
    ORCH_FIELD("semi_sync_replica_status", semi_sync.replica_status),
    ORCH_FIELD("semi_sync_replica_enabled", semi_sync.replica_enabled),
    ORCH_FIELD("replication_group_name", group.name),
    ORCH_FIELD("replication_group_is_single_primary_mode", group.single_primary),
    ORCH_FIELD("replication_group_member_state", group.state),
    ORCH_FIELD("replication_group_member_role", group.role),
    {"replication_group_members",
     [](const Instance& i) { return to_sql(format_instance_list(i.group.others)); },
     [](Instance& i, const Row& row, std::size_t column) {
       i.group.others = parse_instance_list(row.view(column));
     }},
    ORCH_FIELD("replication_group_primary_host", group.primary.hostname),
    ORCH_FIELD("replication_group_primary_port", group.primary.port),
};

#undef ORCH_FIELD

}  // namespace

std::span<const InstanceColumn> instance_columns() {
  return kInstanceColumns;
}

}  // namespace orch::storage
