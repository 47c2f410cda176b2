#pragma once

#include "ha/parts.h"

namespace orch::ha {

/// Replicas that a failover of the last minutes left behind for their silence, and that answer now:
/// those that still follow the server that was replaced are moved below the new master, as far as
/// what they hold allows. Each is tried once, unless a connection fails or somebody else is at it.
/// Only where recoveries are automatic, and nobody has acknowledged this one. Errors: the store's.
Result<> gather_latecomers(const Parts& parts);

/// Ends the downtime of those whom a recovery left behind more than a minute ago, and that
/// replicate. Errors: the store's.
Result<> end_downtimes_of_lost(const Parts& parts);

}  // namespace orch::ha
