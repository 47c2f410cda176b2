#pragma once

#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/execute/live_connection.h"
#include "core/model/instance.h"

namespace orch {

/// Writes one row into `table` (WriteProbeTable, made if it is not there), through the binary log
/// like any client. A write that does not end is given up at the deadline, and its session ended.
/// Errors: Unreachable, when it does not end in time; what the server says.
Result<> probe_write(const Instance& instance, const std::string& table,
                     const LiveServerSettings& settings, SteadyPoint deadline);

}  // namespace orch
