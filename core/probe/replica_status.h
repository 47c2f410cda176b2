#pragma once

#include "core/model/instance.h"
#include "core/mysql/result_set.h"

namespace orch {

/// Fills `instance.replication` and the two "uses GTID" flags from the answer to SHOW REPLICA
/// STATUS, SHOW SLAVE STATUS or SHOW ALL SLAVES STATUS, whatever the version calls its columns.
/// The source's host stays as the server names it. Group replication's own channels are no
/// sources; of several real ones the default channel is shown, and `channels` counts them (DISC-8).
void read_replica_status(const ResultSet& set, Instance& instance);

/// Fills what a server tells of that status' channel in tables of their own: its heartbeats, and
/// options of the link.
void read_link_details(const ResultSet& set, Instance& instance);

}  // namespace orch
