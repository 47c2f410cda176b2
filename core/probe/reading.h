#pragma once

#include "core/base/clock.h"
#include "core/model/observation.h"
#include "core/mysql/sql_session.h"
#include "core/net/resolver.h"
#include "core/probe/probe_rules.h"
#include "core/probe/questions.h"

namespace orch {

/// Reads the server at the other end of the session. `known` is empty for a new session and has
/// afterwards what the next reading over the same session may rely on.
Observation read_server(SqlSession& session, Capabilities& known, const InstanceKey& key,
                        const ProbeRules& rules, Resolver& resolver, SteadyPoint deadline);

}  // namespace orch
