#pragma once

#include <functional>

#include "core/base/result.h"
#include "core/model/examination.h"
#include "core/mysql/sql_session.h"

namespace orch {

/// Asks everything that an Examination holds. What the server refuses to tell stays unknown.
/// `now` is our clock. Errors: those of a lost session.
Result<Examination> examine(SqlSession& session, const std::function<TimePoint()>& now,
                            SteadyPoint deadline);

/// MariaDB: Examination::unbound_text(). Errors: those of a lost session.
Result<std::string> unbound_text(SqlSession& session, SteadyPoint deadline);

}  // namespace orch
