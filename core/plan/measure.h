#pragma once

#include "core/model/topology.h"
#include "core/plan/step.h"

namespace orch {

// By what the replicas of one failed server are compared with each other and with it.
//
// GTIDs compare when all who read its log follow by GTID, and on MySQL as soon as one does: that
// one's source gives every transaction a GTID then. Else:
// - The measure is the failed server's own log. Of a replica what it has read and executed of it;
//   of the failed server where its binary log ends, and never its place in the log of a co-master.
// - A name with another base than that log's ("abin" and "bin" are in no order), or without a
//   number ("unknown", none yet), is no place in it; nor is one in a log that comes after its last
//   recorded one, when the receiver stood still there while others received what comes before.
//   Which base it is say those whose receivers ran, when they agree, else its record.
// - How far one without a place is, is not known: it is behind all who have one, and nobody "lost
//   nothing" with it. MariaDB knows GTIDs for whatever a replica follows by, of what it applied:
//   they are the measure instead where somebody has no place or some follow by GTID (whose place
//   may stand still behind what they have), and those who do not have applied what they received.
//
// Who is told by AsItFollows, as all are outside of a failover, is judged by itself alone.

/// The servers, those whom it concerns with their measures. Who ran, and who followed by GTID
/// before a plan changed that, says `so_far`.
[[nodiscard]] Topology measured_alike(const Topology& fresh, const InstanceKey& failed,
                                      const Progress& so_far);
/// As they are now; those that have their measures keep them.
[[nodiscard]] Topology measured_alike(const Topology& topology, const InstanceKey& failed);

}  // namespace orch
