#pragma once

#include <chrono>

#include "ha/parts.h"
#include "ha/recovery.h"

namespace orch::ha {

/// What became of a recovery that was left to the next leader, by the records, which that one
/// writes: waits until it has ended there. Any other outcome stays as it is. With an error, it is
/// not done; Unreachable when that is not known within `patience`.
RecoveryOutcome await_next_leader(
    const Parts& parts, RecoveryOutcome outcome,
    std::chrono::steady_clock::duration patience = std::chrono::seconds(60));

}  // namespace orch::ha
