#pragma once

#include "core/model/instance.h"
#include "core/ports/event_logs.h"

namespace orch {

/// Up to where in its source's log a replica, whose receiver has stopped, has received whole
/// transactions: `read`, unless its relay logs end inside of one. Its applier must be in the same
/// log of the source as its receiver. Errors: those of the logs; NotFound, when it cannot be told.
Result<BinlogCoordinates> whole_received(EventLogs& relay_logs, const Replication& link);

}  // namespace orch
