#pragma once

#include <chrono>
#include <set>
#include <string>

#include "core/base/result.h"
#include "core/mysql/sql_session.h"

namespace orch {

/// The XA transactions that are prepared on the server, by their ids as text. They can be committed
/// there whatever read_only and super_read_only say (measured on MySQL 9.7). XA RECOVER needs
/// XA_RECOVER_ADMIN on MySQL; without it, INNODB_TRX tells those that belong to no session. Empty
/// when the account may read neither. Errors: those of a lost session.
Result<std::set<std::string>> prepared_transactions(SqlSession& session, SteadyPoint deadline);

/// Waits until none is left of those prepared when it is called, or, with `none_at_all`, until none
/// is there; for so long at most. Errors: Conflict, when some stay; those of a lost session.
Result<> await_prepared_transactions(SqlSession& session, bool none_at_all,
                                     std::chrono::milliseconds patience, SteadyPoint deadline);

}  // namespace orch
