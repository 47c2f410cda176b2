#pragma once

#include "cmd/command/command.h"
#include "ha/recovery.h"

namespace orch::cmd {

/// What a recovery's command answers: its promoted server, then for people what became of the
/// others. `with_coordinates`: and, on a line of its own, where the promoted server's log was.
/// Errors: those of the recovery, with all that was left otherwise than intended.
Result<Reply> recovery_reply(const ha::RecoveryOutcome& outcome, bool legacy,
                             bool with_coordinates);

}  // namespace orch::cmd
