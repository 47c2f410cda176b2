#include "core/mysql/examine.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <string>
#include <utility>

#include "core/base/text.h"
#include "core/mysql/prepared_transactions.h"

namespace orch {

namespace {

constexpr std::string_view kVariables =
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('sync_binlog', 'innodb_flush_log_at_trx_commit',"
    " 'slave_net_timeout', 'replica_net_timeout', 'max_connections', 'gtid_strict_mode')";
constexpr std::string_view kConnections = "SHOW GLOBAL STATUS LIKE 'Threads_connected'";
constexpr std::string_view kClock = "SELECT UNIX_TIMESTAMP(NOW(6)) AS now";
constexpr std::string_view kGrants = "SHOW GRANTS";
// On MySQL super_read_only binds them all. That there is a root on the machine itself goes without
// saying, unless it has a session. Debian gives MariaDB an account mysql@localhost, for whom the
// server runs as: nobody comes in by it.
constexpr std::string_view kUnbound =
    "SELECT DISTINCT GRANTEE AS account FROM information_schema.USER_PRIVILEGES"
    " WHERE PRIVILEGE_TYPE IN ('SUPER', 'READ ONLY ADMIN', 'READ_ONLY ADMIN')"
    " AND GRANTEE NOT REGEXP '^.mariadb[.]sys.@|^.mysql.@.localhost.$'"
    " AND (GRANTEE NOT REGEXP '^.root.@.(localhost|127[.]0[.]0[.]1|::1).$' OR"
    " EXISTS (SELECT 1 FROM information_schema.PROCESSLIST WHERE USER = 'root')"
    " AND GRANTEE REGEXP '@.localhost.$')"
    " AND GRANTEE <> CONCAT(CHAR(39), REPLACE(CURRENT_USER(), '@',"
    " CONCAT(CHAR(39), '@', CHAR(39))), CHAR(39))"
    " ORDER BY account";

// USER_PRIVILEGES knows no roles. SUPER is bit 15, READ ONLY ADMIN bit 33 (privilege.h).
constexpr std::string_view kUnboundByRole =
    "WITH RECURSIVE holders AS"
    " (SELECT Host AS host, User AS user FROM mysql.global_priv WHERE Host = ''"
    " AND CAST(JSON_VALUE(Priv, '$.access') AS UNSIGNED) & ((1 << 15) | (1 << 33)) <> 0"
    " UNION SELECT granted.Host, granted.User FROM mysql.roles_mapping AS granted JOIN holders"
    " ON holders.host = '' AND granted.Role = holders.user)"
    " SELECT IF(user = 'PUBLIC', 'everybody, by PUBLIC,', CONCAT(QUOTE(user), '@', QUOTE(host)))"
    " AS account FROM holders WHERE (host <> '' OR user = 'PUBLIC') AND user <> 'root'"
    " AND CONCAT(user, '@', host) <> CURRENT_USER() ORDER BY account";

// Whoever may call it writes as who defined it. What is declared to write nothing is believed.
constexpr std::string_view kUnboundRoutines =
    "SELECT CONCAT('the ', LOWER(type), ' ', db, '.', name, ' of ', definer) AS routine"
    " FROM mysql.proc WHERE security_type = 'DEFINER' AND type IN ('PROCEDURE', 'FUNCTION')"
    " AND sql_data_access NOT IN ('READS_SQL_DATA', 'NO_SQL') AND db NOT IN ('mysql', 'sys')"
    " AND CONCAT(CHAR(39), REPLACE(definer, '@', CONCAT(CHAR(39), '@', CHAR(39))), CHAR(39)) IN"
    " (SELECT GRANTEE FROM information_schema.USER_PRIVILEGES"
    " WHERE PRIVILEGE_TYPE IN ('SUPER', 'READ ONLY ADMIN', 'READ_ONLY ADMIN'))"
    " ORDER BY db, name LIMIT 4";
constexpr std::size_t kMostRoutines = 3;

// Without EVENT an account sees none, and they run all the same.
constexpr std::string_view kUnboundEvents =
    "SELECT CONCAT('the event ', EVENT_SCHEMA, '.', EVENT_NAME, ' of ', DEFINER) AS event"
    " FROM information_schema.EVENTS"
    " WHERE @@global.event_scheduler = 'ON' AND STATUS = 'ENABLED'"
    " AND CONCAT(CHAR(39), REPLACE(DEFINER, '@', CONCAT(CHAR(39), '@', CHAR(39))), CHAR(39)) IN"
    " (SELECT GRANTEE FROM information_schema.USER_PRIVILEGES"
    " WHERE PRIVILEGE_TYPE IN ('SUPER', 'READ ONLY ADMIN', 'READ_ONLY ADMIN'))"
    " UNION SELECT 'events, which GRANT EVENT lets orch see,' FROM DUAL"
    " WHERE @@global.event_scheduler = 'ON' AND NOT EXISTS"
    " (SELECT 1 FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = 'EVENT'"
    " AND GRANTEE = CONCAT(CHAR(39), REPLACE(CURRENT_USER(), '@',"
    " CONCAT(CHAR(39), '@', CHAR(39))), CHAR(39)))";

/// An answer; an empty set when the server refuses. Errors: those of a lost session.
Result<ResultSet> ask(SqlSession& session, std::string_view statement, SteadyPoint deadline) {
  const std::string text(statement);
  ORCH_ASSIGN(Answers answers, session.query_many({&text, 1}, deadline));
  if (answers.refused || answers.results.empty()) return ResultSet{};
  return std::move(answers.results.front());
}

void read_variable(const std::string& name, const std::string& value, Examination& seen) {
  const std::optional<std::int64_t> number = parse_int(value);
  if (name == "sync_binlog") seen.sync_binlog = number;
  if (name == "innodb_flush_log_at_trx_commit") seen.flush_log_at_trx_commit = number;
  if (name == "max_connections") seen.max_connections = number;
  if (number && name.ends_with("_net_timeout")) seen.net_timeout = std::chrono::seconds(*number);
  if (name == "gtid_strict_mode") seen.gtid_strict = equals_ignoring_case(value, "ON");
}

/// "1769854830.123456" since 1970.
std::optional<TimePoint> parse_unix_time(const std::string& text) {
  double seconds = 0;
  const char* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, seconds);
  if (problem != std::errc{} || stop != end || seconds < 0 || seconds > 1e11) return std::nullopt;
  return TimePoint(std::chrono::microseconds(static_cast<std::int64_t>(seconds * 1e6)));
}

Result<> read_unbound(SqlSession& session, SteadyPoint deadline, Examination& seen) {
  if (session.server_version().find("MariaDB") == std::string::npos) return {};
  const auto list = [&](std::string_view question, std::string_view column,
                        std::vector<std::string>& into) -> Result<> {
    ORCH_ASSIGN(const ResultSet found, ask(session, question, deadline));
    for (std::size_t i = 0; i < found.rows.size(); ++i) {
      std::string name = Row(found, i).text(column);
      if (std::find(into.begin(), into.end(), name) == into.end()) into.push_back(std::move(name));
    }
    return {};
  };
  ORCH_TRY(list(kUnbound, "account", seen.unbound_accounts));
  ORCH_TRY(list(kUnboundByRole, "account", seen.unbound_accounts));
  ORCH_TRY(list(kUnboundEvents, "event", seen.unbound_events));
  ORCH_TRY(list(kUnboundRoutines, "routine", seen.unbound_routines));
  if (seen.unbound_routines.size() > kMostRoutines) seen.unbound_routines.back() = "more routines";
  return {};
}

}  // namespace

Result<std::string> unbound_text(SqlSession& session, SteadyPoint deadline) {
  Examination seen;
  ORCH_TRY(read_unbound(session, deadline, seen));
  return seen.unbound_text();
}

Result<Examination> examine(SqlSession& session, const std::function<TimePoint()>& now,
                            SteadyPoint deadline) {
  Examination seen;
  ORCH_ASSIGN(const ResultSet variables, ask(session, kVariables, deadline));
  for (std::size_t i = 0; i < variables.rows.size(); ++i) {
    const Row row(variables, i);
    read_variable(to_lower(row.text("Variable_name")), row.text("Value"), seen);
  }
  ORCH_ASSIGN(const ResultSet connections, ask(session, kConnections, deadline));
  if (!connections.empty()) seen.connections = Row(connections, 0).number("Value");
  const TimePoint before = now();
  ORCH_ASSIGN(const ResultSet clock, ask(session, kClock, deadline));
  // The server looked at its clock somewhere in between.
  const TimePoint middle = before + (now() - before) / 2;
  if (!clock.empty()) {
    if (const std::optional<TimePoint> theirs = parse_unix_time(Row(clock, 0).text("now")))
      seen.clock_ahead = std::chrono::duration_cast<std::chrono::milliseconds>(*theirs - middle);
  }
  ORCH_TRY(read_unbound(session, deadline, seen));
  ORCH_ASSIGN(const std::set<std::string> prepared, prepared_transactions(session, deadline));
  seen.prepared_transactions = prepared.size();
  ORCH_ASSIGN(const ResultSet grants, ask(session, kGrants, deadline));
  for (const auto& row : grants.rows) {
    if (!row.empty()) seen.grants.push_back(row.front().value_or(""));
  }
  return seen;
}

}  // namespace orch
