#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/plan/step.h"

namespace orch {

// What puts servers back as they were before this run, where it can be done. Only for servers that
// this run changed (REF-2); nothing that was tried already.

/// Those that ran before, and an applier that an error had stopped: CHANGE forgets the error, and
/// it shows again when the applier starts. Nothing: none did.
[[nodiscard]] std::optional<ReplicationThreads> former_threads(const Instance& before);

/// Starts the threads that ran; those of a server that is `lost` for the reason why. Not a receiver
/// whose source has been replaced and may take writes: what it gets there alone would keep it from
/// following the new primary for good.
[[nodiscard]] std::vector<Step> undo_thread_steps(const Progress& so_far, const Topology& fresh,
                                                  const std::vector<LostReplica>& lost = {});

/// Which threads ran before and do not now: "replication", "its receiver", "its applier"; "" =
/// none.
[[nodiscard]] std::string stopped_threads(const Instance& before, const Instance& now);

/// Points those that are `lost` below their former source again, and starts the threads that ran:
/// by GTID, where the new source does not let them replicate and the former one answers. Only as
/// long as nothing is promoted.
[[nodiscard]] std::vector<Step> undo_link_steps(const Progress& so_far, const Topology& fresh,
                                                const std::vector<LostReplica>& lost);

/// Makes those writable that this run made read-only. Only as long as nothing is promoted.
[[nodiscard]] std::vector<Step> undo_read_only_steps(const Progress& so_far, const Topology& fresh);

/// Switches semi-sync as a source off again where this run switched it on and the server was not
/// made writable after all.
[[nodiscard]] std::vector<Step> undo_semi_sync_steps(const Progress& so_far, const Topology& fresh);

}  // namespace orch
