#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/model/binlog_coordinates.h"
#include "core/model/server_version.h"
#include "core/mysql/result_set.h"

namespace orch {

/// The statements that read a server, in the words that its version understands. Versions are
/// compared as numbers and the flavor comes first (DISC-5).
struct ReadingStatements {
  std::string replica_status{};
  std::string binlog_status{};
  std::string registered_replicas{};
  std::string dump_threads{};  ///< columns user, host
  std::string
      dump_threads_fallback{};  ///< when the server refuses the former (DISC-6); "" for none
  /// MySQL: channel_name, heartbeats, period, ciphersuites, compression, level; "" for none
  std::string heartbeats{};
  std::string replication_user{};  ///< MySQL: column user_name; "" for none
  std::string purged_gtids{};      ///< MariaDB: one value; "" for none
  std::string temporary_tables{};  ///< MariaDB: those that the applier holds; "" for none
};
ReadingStatements reading_statements(Flavor flavor, const ServerVersion& version);

/// The first statement of a session of ours: the server's globals for these are meant for people's
/// queries, and would cut off answers or refuse questions. What is no MySQL server may refuse it.
constexpr std::string_view kOwnSession =
    "SET SESSION sql_select_limit = 18446744073709551615, sql_big_selects = 1 "
    "/*!50708 , max_execution_time = 0 */ /*M!100101 , max_statement_time = 0 */";

/// Where the binary log ends (MariaDB: but for commits that wait for a semi-sync replica), as
/// `binlog_status` answers; empty when there is none. A position that is not told is -1.
BinlogCoordinates binlog_end(const ResultSet& status);

/// The variables that a probe wants of a server of that flavor; not every version has each.
std::vector<std::string> wanted_variables(Flavor flavor);
/// Variables that every version of the flavor has and whose values can be long: SHOW VARIABLES
/// would cut them off at 1024 characters.
std::vector<std::string> long_variables(Flavor flavor);

/// Rows of Variable_name and Value; names that the server does not have are missing.
std::string show_variables(const std::vector<std::string>& names);
/// One row, a column per name. One unknown name makes the server refuse the whole.
std::string select_variables(const std::vector<std::string>& names);

/// Rows of Variable_name and Value: Uptime, and what semi-sync replication counts.
std::string show_status(bool with_uptime, bool with_semi_sync, bool with_galera);

/// Members of the server's replication group that are not OFFLINE.
std::string group_members();

/// Whether a statement of the user's may have several answers: it hides others behind semicolons
/// (outside of quotes), or is none of those that are known to answer once. A procedure answers for
/// each of its statements, and once more for itself.
bool may_answer_often(std::string_view statement);
/// Without blanks and semicolons at its end.
std::string_view trimmed_statement(std::string_view statement);

}  // namespace orch
