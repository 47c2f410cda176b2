#include "core/probe/variables.h"

#include <algorithm>
#include <limits>

#include "core/base/text.h"
#include "core/model/gtid_set.h"
#include "core/model/mariadb_gtid.h"
#include "core/mysql/statements.h"

namespace orch {
namespace {

unsigned small(std::int64_t number) {
  return static_cast<unsigned>(
      std::clamp<std::int64_t>(number, 0, std::numeric_limits<unsigned>::max()));
}

void read_gtid(const Variables& variables, Gtid& gtid) {
  gtid.mode = variables.text("gtid_mode");
  gtid.supports_oracle = !gtid.mode.empty() && to_upper(gtid.mode) != "OFF";
  gtid.executed = variables.text("gtid_executed");
  gtid.purged = variables.text("gtid_purged");
  gtid.mariadb_slave_pos = variables.text("gtid_slave_pos");
  gtid.mariadb_binlog_state = variables.text("gtid_binlog_state");
  gtid.mariadb_current_pos = variables.text("gtid_current_pos");
}

/// Of two names for one variable, the one that the server has.
std::string_view either(const Variables& variables, std::string_view old_name,
                        std::string_view new_name) {
  return variables.has(new_name) ? new_name : old_name;
}

void read_semi_sync(const Variables& variables, SemiSync& semi_sync) {
  const auto source =
      either(variables, "rpl_semi_sync_master_enabled", "rpl_semi_sync_source_enabled");
  const auto replica =
      either(variables, "rpl_semi_sync_slave_enabled", "rpl_semi_sync_replica_enabled");
  semi_sync.available = has_semi_sync(variables);
  semi_sync.new_names =
      source == "rpl_semi_sync_source_enabled" || replica == "rpl_semi_sync_replica_enabled";
  semi_sync.source_enabled = variables.flag(source);
  semi_sync.replica_enabled = variables.flag(replica);
  semi_sync.source_timeout = std::chrono::milliseconds(variables.number(
      either(variables, "rpl_semi_sync_master_timeout", "rpl_semi_sync_source_timeout")));
  semi_sync.source_wait_point = variables.text(
      either(variables, "rpl_semi_sync_master_wait_point", "rpl_semi_sync_source_wait_point"));
  const auto count = either(variables, "rpl_semi_sync_master_wait_for_slave_count",
                            "rpl_semi_sync_source_wait_for_replica_count");
  // MariaDB has no such variable: it waits for one.
  semi_sync.source_wait_for_replica_count = variables.has(count)    ? small(variables.number(count))
                                            : variables.has(source) ? 1U
                                                                    : 0U;
}

/// Of databases that are not the server's own: to keep those out is usual, and no rows of an
/// application are missing.
bool leaves_out_rows(std::string_view only, std::string_view ignored) {
  constexpr std::string_view kServersOwn[] = {"information_schema", "mysql", "performance_schema",
                                              "sys"};
  const auto has_rows = [&](const std::string& name) {
    return std::ranges::find(kServersOwn, to_lower(name)) == std::end(kServersOwn);
  };
  return !trim(only).empty() || std::ranges::any_of(words(ignored, ", "), has_rows);
}

}  // namespace

void Variables::add_rows(const ResultSet& set) {
  for (std::size_t i = 0; i < set.rows.size(); ++i) {
    const Row row(set, i);
    const std::string name = to_lower(row.text("variable_name"));
    // They are stored and shown as they are here.
    if (name.empty()) continue;
    values_[name] = printable(row.text(row.has("value") ? "value" : "variable_value"));
  }
}

void Variables::add_columns(const ResultSet& set) {
  if (set.empty()) return;
  for (std::size_t i = 0; i < set.columns.size(); ++i) {
    values_[to_lower(set.columns[i])] = printable(set.rows.front()[i].value_or(""));
  }
}

std::string Variables::text(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::string() : found->second;
}

std::int64_t Variables::number(std::string_view name) const {
  return parse_int(text(name)).value_or(0);
}

bool Variables::flag(std::string_view name) const {
  const std::string value = to_upper(text(name));
  return value == "ON" || value == "YES" || value == "TRUE" || parse_int(value).value_or(0) != 0;
}

std::vector<std::string> Variables::known_of(const std::vector<std::string>& wanted) const {
  std::vector<std::string> known;
  for (const std::string& name : wanted) {
    if (has(name)) known.push_back(name);
  }
  return known;
}

bool has_semi_sync(const Variables& variables) {
  return (variables.has("rpl_semi_sync_master_enabled") ||
          variables.has("rpl_semi_sync_source_enabled")) &&
         (variables.has("rpl_semi_sync_slave_enabled") ||
          variables.has("rpl_semi_sync_replica_enabled"));
}

void read_variables(const Variables& variables, Instance& instance) {
  ServerFacts& server = instance.server;
  server.id = small(variables.number("server_id"));
  server.uuid = variables.text("server_uuid");
  server.version = variables.text("version");
  server.version_comment = variables.text("version_comment");
  server.read_only = variables.flag("read_only");
  if (variables.has("super_read_only")) server.super_read_only = variables.flag("super_read_only");
  server.offline = variables.flag("offline_mode");
  server.transactions_read_only =
      variables.flag(either(variables, "transaction_read_only", "tx_read_only"));
  server.binlog_format = variables.text("binlog_format");
  server.binlog_row_image = variables.text("binlog_row_image");
  server.log_bin = variables.flag("log_bin");
  server.log_replica_updates =
      variables.flag(either(variables, "log_slave_updates", "log_replica_updates"));
  const std::string skipped =
      variables.text(either(variables, "slave_skip_errors", "replica_skip_errors"));
  server.skips_errors = !skipped.empty() && !equals_ignoring_case(skipped, "OFF");
  server.filters_binlog =
      leaves_out_rows(variables.text("binlog_do_db"), variables.text("binlog_ignore_db"));
  read_gtid(variables, instance.gtid);
  read_semi_sync(variables, instance.semi_sync);
}

std::vector<std::string> malformed_gtids(const Gtid& gtid) {
  std::vector<std::string> texts;
  const auto note = [&](std::string_view name, const auto& parsed) {
    if (!parsed) texts.push_back(std::string(name) + ": " + parsed.error().message);
  };
  note("gtid_executed", GtidSet::parse(gtid.executed));
  note("gtid_purged", GtidSet::parse(gtid.purged));
  note("gtid_slave_pos", MariaDbGtidPos::parse(gtid.mariadb_slave_pos));
  note("gtid_binlog_state", MariaDbGtidPos::parse(gtid.mariadb_binlog_state));
  note("gtid_current_pos", MariaDbGtidPos::parse(gtid.mariadb_current_pos));
  note("BINLOG_GTID_POS", MariaDbGtidPos::parse(gtid.mariadb_purged));
  return texts;
}

void read_semi_sync_status(const Variables& status, Instance& instance) {
  SemiSync& semi_sync = instance.semi_sync;
  semi_sync.source_status =
      status.flag(either(status, "rpl_semi_sync_master_status", "rpl_semi_sync_source_status"));
  semi_sync.source_clients = small(status.number(
      either(status, "rpl_semi_sync_master_clients", "rpl_semi_sync_source_clients")));
  const auto waiting =
      either(status, "rpl_semi_sync_master_wait_sessions", "rpl_semi_sync_source_wait_sessions");
  if (status.has(waiting)) semi_sync.source_waiting_sessions = small(status.number(waiting));
  semi_sync.replica_status =
      status.flag(either(status, "rpl_semi_sync_slave_status", "rpl_semi_sync_replica_status"));
}

bool is_galera(const Variables& variables) {
  const std::string provider = variables.text("wsrep_provider");
  return variables.flag("wsrep_on") && !provider.empty() && !equals_ignoring_case(provider, "none");
}

void read_galera(const Variables& variables, const Variables& status, Instance& instance) {
  if (!is_galera(variables) || instance.replication.configured) return;
  // Cut off from the others it takes no writes, and they may.
  const bool with_most = equals_ignoring_case(status.text("wsrep_cluster_status"), "Primary");
  if (with_most && status.number("wsrep_cluster_size") == 1) return;
  instance.group = {.name = "galera:" + status.text("wsrep_cluster_state_uuid"),
                    .single_primary = false,
                    .state = with_most ? "ONLINE" : "ERROR",
                    .role = "PRIMARY",
                    .primary = instance.key};
}

void read_binlog_status(const ResultSet& set, Instance& instance) {
  BinlogCoordinates end = binlog_end(set);
  end.log_pos = std::max<std::int64_t>(end.log_pos, 0);
  instance.server.binlog = std::move(end);
  if (set.empty()) return;
  // MariaDB tells that by variables, as of 11.7.
  const Row row(set, 0);
  instance.server.filters_binlog =
      instance.server.filters_binlog ||
      leaves_out_rows(row.text("binlog_do_db"), row.text("binlog_ignore_db"));
}

}  // namespace orch
