#pragma once

#include <optional>
#include <vector>

#include "core/model/topology.h"
#include "core/plan/policy.h"
#include "core/plan/step.h"

namespace orch {

// What an applier keeps back of what was received: for its delay, or because the rest of a
// transaction never came.

/// MariaDB with a broken applier: with its receiver stopped too, whatever starts next would throw
/// away what it has received.
[[nodiscard]] bool keeps_only_while_connected(const Instance& server);
/// A delayed MySQL server that holds something: its delay can be taken while a thread runs.
[[nodiscard]] bool needs_receiver_to_undelay(const Instance& server);

/// Whether that was tried in this run, or its receiver started for it, and failed.
[[nodiscard]] bool refused_to_undelay(const InstanceKey& server, const Progress& so_far);

/// Takes the delay from a MySQL server: that can be done while the receiver runs, and with it
/// stopped what was received would be lost.
void undelay_while_receiving(const Instance& server, Run& run);

/// Takes the delay from a MariaDB server that has stopped receiving, and lets it apply what it
/// holds. Nothing where that is done, was tried, or cannot be.
[[nodiscard]] std::optional<Run> undelay(const Instance& server, const Progress& so_far);

/// undelay() leaves a server that followed by GTID without it: back to it, when all that was
/// received by it is applied. Nothing where there is nothing to do.
[[nodiscard]] std::optional<Run> back_to_gtid(const Instance& server, const Progress& so_far);

/// Lets a replica of the failed server, which receives no more, apply what it holds, without a
/// delay where it can be taken off. Nothing where that is done, was tried, or cannot be.
[[nodiscard]] std::optional<Run> drain_of(const Instance& server, const InstanceKey& failed,
                                          const Policy& policy, const Progress& so_far,
                                          const Topology& fresh);

/// Puts those back as they were whose delay was taken off and who were not promoted: by GTID,
/// unless one holds what the promoted one lacks, and delayed, when all is applied. Without a
/// winner, nobody was promoted. Their replication stands still then. Nothing where that is done, or
/// was tried.
[[nodiscard]] std::optional<Run> give_delays_back(const std::optional<InstanceKey>& winner,
                                                  const Progress& so_far, const Topology& fresh);

/// What give_up_partial() says of each of these servers. The winner is waited for until its applier
/// has ended. Nothing when there is nothing to do.
[[nodiscard]] std::optional<Run> give_up_partial(const InstanceKey& winner,
                                                 const std::vector<const Instance*>& servers,
                                                 const Progress& so_far);

/// Its applier waits for the rest of a transaction and may not be ended, so that STOP waits as long
/// as the server itself does: a minute. It was not stopped yet.
[[nodiscard]] bool is_held_up(const Instance& server, const Progress& so_far);

/// Where the winner's applier waits for the rest of a transaction and may not be ended, stops it
/// and those of the servers that wait likewise: all at once, for it takes a minute each. Nothing
/// where that was tried, or the winner waits for nothing.
[[nodiscard]] std::optional<Run> stop_held_up(const Instance& winner,
                                              const std::vector<const Instance*>& servers,
                                              const Progress& so_far);

/// What was given up in this run, and what could not be, one line for each server.
[[nodiscard]] std::vector<std::string> partial_notes(const Progress& so_far);

}  // namespace orch
