#include "core/probe/replica_status.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/text.h"

namespace orch {
namespace {

/// One row of the status, asked by the columns' old names.
class StatusRow {
 public:
  StatusRow(const ResultSet& set, std::size_t index) : row_(set, index) {}

  [[nodiscard]] std::optional<std::string_view> find(std::string_view old_name,
                                                     std::string_view new_name) const {
    return row_.has(new_name) ? row_.find(new_name) : row_.find(old_name);
  }
  [[nodiscard]] std::string text(std::string_view old_name, std::string_view new_name) const {
    return std::string(find(old_name, new_name).value_or(std::string_view()));
  }
  [[nodiscard]] std::string text(std::string_view name) const { return row_.text(name); }
  [[nodiscard]] std::int64_t number(std::string_view old_name, std::string_view new_name) const {
    const auto value = find(old_name, new_name);
    return value ? parse_int(*value).value_or(0) : 0;
  }
  [[nodiscard]] std::int64_t number(std::string_view name) const { return number(name, name); }
  [[nodiscard]] bool has(std::string_view old_name, std::string_view new_name) const {
    return row_.has(new_name) || row_.has(old_name);
  }

 private:
  Row row_;
};

std::string channel_of(const Row& row) {
  return row.text(row.has("channel_name") ? "channel_name" : "connection_name");
}

bool is_group_channel(std::string_view channel) {
  return channel == "group_replication_applier" || channel == "group_replication_recovery";
}

/// Whether the row names a source; a MaxScale may answer an empty row.
bool names_source(const StatusRow& row) {
  return !row.text("Master_Host", "Source_Host").empty() ||
         !row.text("Slave_IO_Running", "Replica_IO_Running").empty();
}

std::vector<std::size_t> rows_of_sources(const ResultSet& set) {
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < set.rows.size(); ++i) {
    if (!is_group_channel(channel_of(Row(set, i))) && names_source(StatusRow(set, i))) {
      rows.push_back(i);
    }
  }
  std::ranges::stable_sort(rows, {}, [&](std::size_t i) { return channel_of(Row(set, i)); });
  return rows;
}

ThreadState thread_state(std::string_view text) {
  if (text == "Yes") return ThreadState::Running;
  return text == "No" ? ThreadState::Stopped : ThreadState::Other;
}

std::optional<bool> tri_state(std::optional<std::string_view> value) {
  if (!value || value->empty()) return std::nullopt;
  return *value == "1" || equals_ignoring_case(*value, "yes");
}

SourceTls read_tls(const StatusRow& row) {
  SourceTls tls;
  tls.ca_file = row.text("Master_SSL_CA_File", "Source_SSL_CA_File");
  tls.ca_path = row.text("Master_SSL_CA_Path", "Source_SSL_CA_Path");
  tls.cert = row.text("Master_SSL_Cert", "Source_SSL_Cert");
  tls.cipher = row.text("Master_SSL_Cipher", "Source_SSL_Cipher");
  tls.crl_file = row.text("Master_SSL_Crl", "Source_SSL_Crl");
  tls.crl_path = row.text("Master_SSL_Crlpath", "Source_SSL_Crlpath");
  tls.key = row.text("Master_SSL_Key", "Source_SSL_Key");
  tls.verify_server_cert =
      tri_state(row.find("Master_SSL_Verify_Server_Cert", "Source_SSL_Verify_Server_Cert"));
  tls.tls_version = row.text("Master_TLS_Version", "Source_TLS_Version");
  tls.tls_ciphersuites = row.text("Master_TLS_Ciphersuites", "Source_TLS_Ciphersuites");
  tls.public_key_path = row.text("Master_public_key_path", "Source_public_key_path");
  tls.get_public_key = tri_state(row.find("Get_master_public_key", "Get_source_public_key"));
  // With a key file, "do not fetch the key" is a choice that a repoint must repeat.
  if (!tls.public_key_path.empty() && !tls.get_public_key) tls.get_public_key = false;
  return tls;
}

bool filters_domains(const StatusRow& row) {
  return !row.text("Replicate_Ignore_Domain_Ids").empty() ||
         !row.text("Replicate_Do_Domain_Ids").empty();
}

bool has_filters(const StatusRow& row, std::uint32_t own_id) {
  constexpr std::string_view kFilters[] = {"Replicate_Do_DB",         "Replicate_Ignore_DB",
                                           "Replicate_Do_Table",      "Replicate_Ignore_Table",
                                           "Replicate_Wild_Do_Table", "Replicate_Wild_Ignore_Table",
                                           "Replicate_Rewrite_DB"};
  if (std::ranges::any_of(kFilters, [&](auto name) { return !row.text(name).empty(); }))
    return true;
  // What it wrote itself it has: in rings, servers leave that out.
  const auto servers = words(row.text("Replicate_Ignore_Server_Ids"), ", ");
  const std::string own = std::to_string(own_id);
  return filters_domains(row) || std::ranges::any_of(servers, [&](auto& id) { return id != own; });
}

void read_positions(const StatusRow& row, Replication& replication) {
  replication.read = {row.text("Master_Log_File", "Source_Log_File"),
                      row.number("Read_Master_Log_Pos", "Read_Source_Log_Pos"), BinlogType::Binary};
  replication.exec = {row.text("Relay_Master_Log_File", "Relay_Source_Log_File"),
                      row.number("Exec_Master_Log_Pos", "Exec_Source_Log_Pos"), BinlogType::Binary};
  replication.relay = {row.text("Relay_Log_File"), row.number("Relay_Log_Pos"), BinlogType::Relay};
  replication.retrieved_gtid_set = row.text("Retrieved_Gtid_Set");
  replication.gtid_io_pos = row.text("Gtid_IO_Pos");
}

void read_threads(const StatusRow& row, Replication& replication) {
  replication.io_state = thread_state(row.text("Slave_IO_Running", "Replica_IO_Running"));
  replication.sql_state = thread_state(row.text("Slave_SQL_Running", "Replica_SQL_Running"));
  replication.io_running = replication.io_state == ThreadState::Running;
  replication.sql_running = replication.sql_state == ThreadState::Running;
  replication.last_io_error = printable(row.text("Last_IO_Error"));
  replication.last_sql_error = printable(row.text("Last_SQL_Error"));
  replication.sql_delay = std::chrono::seconds(row.number("SQL_Delay"));
  const auto behind = row.find("Seconds_Behind_Master", "Seconds_Behind_Source");
  if (const auto seconds = behind ? parse_int(*behind) : std::nullopt) {
    replication.seconds_behind = std::chrono::seconds(std::max<std::int64_t>(*seconds, 0));
  }
  replication.lag = replication.seconds_behind;
}

/// "3.500" seconds.
std::optional<std::chrono::milliseconds> parsed_period(std::string_view text) {
  double seconds = 0;
  const char* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, seconds);
  if (problem != std::errc{} || stop != end || !(seconds >= 0) || seconds > 4294967) {
    return std::nullopt;
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000 + 0.5));
}

void take_heartbeats(std::string_view count, std::string_view period, Replication& replication) {
  replication.heartbeats = static_cast<std::uint64_t>(parse_int(count).value_or(0));
  replication.heartbeat = parsed_period(period);
}

}  // namespace

void read_replica_status(const ResultSet& set, Instance& instance) {
  const std::vector<std::size_t> rows = rows_of_sources(set);
  if (rows.empty()) return;
  const StatusRow row(set, rows.front());
  Replication& replication = instance.replication;
  replication.configured = true;
  replication.channels = static_cast<int>(rows.size());
  replication.channel = channel_of(Row(set, rows.front()));
  const std::int64_t port = row.number("Master_Port", "Source_Port");
  replication.source = {row.text("Master_Host", "Source_Host"),
                        static_cast<std::uint16_t>(port > 0 && port < 65536 ? port : 0)};
  replication.source_name = replication.source.hostname;
  replication.source_uuid =
      row.has("Master_UUID", "Source_UUID") ? row.text("Master_UUID", "Source_UUID") : "No";
  replication.user = row.text("Master_User", "Source_User");
  replication.has_credentials = !replication.user.empty();
  replication.has_filters = has_filters(row, instance.server.id);
  replication.filters_domains = filters_domains(row);
  replication.allow_tls = row.text("Master_SSL_Allowed", "Source_SSL_Allowed") == "Yes";
  replication.tls = read_tls(row);
  replication.kept.connect_retry = std::chrono::seconds(row.number("Connect_Retry"));
  const auto retries = row.find("Master_Retry_Count", "Source_Retry_Count");
  replication.kept.retry_count = retries ? parse_uint(*retries) : std::nullopt;
  read_threads(row, replication);
  read_positions(row, replication);
  take_heartbeats(row.text("Slave_received_heartbeats"), row.text("Slave_heartbeat_period"),
                  replication);
  instance.gtid.uses_oracle = row.number("Auto_Position") == 1;
  const std::string using_gtid = row.text("Using_Gtid");
  instance.gtid.uses_mariadb = !using_gtid.empty() && using_gtid != "No";
  instance.gtid.mariadb_current = using_gtid == "Current_Pos";
}

void read_link_details(const ResultSet& set, Instance& instance) {
  for (std::size_t i = 0; i < set.rows.size(); ++i) {
    const Row row(set, i);
    if (row.text("channel_name") != instance.replication.channel) continue;
    Replication& link = instance.replication;
    take_heartbeats(row.text("heartbeats"), row.text("period"), link);
    link.tls.tls_ciphersuites = row.text("ciphersuites");
    const std::string compression = row.text("compression");
    if (compression == "uncompressed") continue;
    link.kept.compression = compression;
    link.kept.zstd_level = static_cast<unsigned>(row.number("level").value_or(0));
  }
}

}  // namespace orch
