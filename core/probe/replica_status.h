#pragma once

#include "core/model/instance.h"
#include "core/mysql/result_set.h"

namespace orch {

/// Fills `instance.replication` and the two "uses GTID" flags from the answer to SHOW REPLICA
/// STATUS, SHOW SLAVE STATUS or SHOW ALL SLAVES STATUS, whatever the version calls its columns.
/// The source's host stays as the server names it. Group replication's own channels are no
/// sources; of several real ones the default channel is shown, and `channels` counts them (DISC-8).
void read_replica_status(const ResultSet& set, Instance& instance);

/// Fills the heartbeats of that status' channel, where the server has them in a table of their own.
void read_heartbeats(const ResultSet& set, Instance& instance);

}  // namespace orch
