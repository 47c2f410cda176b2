#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/gtid_set.h"
#include "core/ports/event_logs.h"

namespace orch {

/// The binary logs that hold any of those transactions; a log begins by naming all that is in those
/// before it. Errors: Refused, when the first log says that some are in none of them any more.
Result<std::vector<std::string>> logs_holding(EventLogs& logs, const GtidSet& wanted);

/// The transactions with GTIDs from that place of a binary log on. Errors: NotFound, when the
/// server has no such log any more.
Result<GtidSet> gtids_from(EventLogs& logs, const BinlogCoordinates& place);

}  // namespace orch
