#include "core/execute/write_probe.h"

#include <utility>

namespace orch {

namespace {

constexpr unsigned kNoSuchDatabase = 1049;
constexpr unsigned kNoSuchTable = 1146;

/// "schema.table" as `schema`, and `schema`.`table`.
std::pair<std::string, std::string> quoted_names(const std::string& table) {
  const std::size_t dot = table.find('.');
  const std::string schema = "`" + table.substr(0, dot) + "`";
  return {schema, schema + ".`" + table.substr(dot + 1) + "`"};
}

Result<> write_row(Connection& connection, const std::string& table, SteadyPoint deadline) {
  const auto [schema, name] = quoted_names(table);
  const std::string write = "REPLACE INTO " + name + " (anchor, written_at) VALUES (1, NOW())";
  ORCH_ASSIGN(const Answers answers, connection.query_many({&write, 1}, deadline));
  if (!answers.refused) return {};
  const unsigned code = answers.refused->code;
  if (code != kNoSuchDatabase && code != kNoSuchTable) return fail(answers.refused->error);
  ORCH_TRY(connection.query("CREATE DATABASE IF NOT EXISTS " + schema, deadline));
  ORCH_TRY(connection.query("CREATE TABLE IF NOT EXISTS " + name +
                                " (anchor TINYINT PRIMARY KEY, written_at DATETIME NOT NULL)",
                            deadline));
  ORCH_TRY(connection.query(write, deadline));
  return {};
}

}  // namespace

Result<> probe_write(const Instance& instance, const std::string& table,
                     const LiveServerSettings& settings, SteadyPoint deadline) {
  ORCH_ASSIGN(Connection connection, connect_to(instance.key, settings, deadline));
  ORCH_ASSIGN(const std::string own, session_id(connection, deadline));
  Result<> written = write_row(connection, table, deadline);
  // It would go on waiting: for a lock, or for somebody to free the disk.
  if (!connection.usable()) end_session(own, instance.key, settings);
  return written;
}

}  // namespace orch
