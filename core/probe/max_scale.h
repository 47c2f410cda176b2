#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/instance.h"
#include "core/mysql/sql_session.h"
#include "core/probe/neighbours.h"

namespace orch {

/// The version that a MaxScale states, with "-maxscale" behind; nothing for any other server, also
/// when it refuses the question. Errors: the session is lost.
Result<std::optional<std::string>> max_scale_version(SqlSession& session, SteadyPoint deadline);

/// Reads a MaxScale that serves binary logs; it takes one statement at a time. Fills `instance`
/// but for its key, and returns the replicas it knows. Errors: the session is lost, or there is no
/// replica status, without which it is of no use.
Result<std::vector<ReportedReplica>> read_max_scale(SqlSession& session, const std::string& version,
                                                    Instance& instance, SteadyPoint deadline);

}  // namespace orch
