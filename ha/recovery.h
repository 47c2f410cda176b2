#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/execute/executor.h"
#include "ha/parts.h"
#include "ha/recovery_work.h"

namespace orch::ha {

/// How a recovery ended.
struct RecoveryOutcome {
  std::int64_t id{0};  ///< of its record; 0: it did not come to that
  std::string uid{};
  RecoveryWork work{};
  bool resumed{false};           ///< another process had begun it
  std::optional<Error> error{};  ///< why nothing was promoted; nothing: done
  Outcome outcome{};             ///< of the servers
  bool unrecorded{false};        ///< the backend does not know all of it
  /// It has not ended: that could not be recorded, or, with an error, things are left to do.
  bool resumable{false};
  bool left_to_next{false};          ///< this node leads no more: see await_next_leader()
  bool in_doubt{false};              ///< it waits for a silent server that was told to take writes
  bool silent_since{false};          ///< it was done, and its new master does not answer any more
  std::vector<std::string> notes{};  ///< what people should know: undone, left, could not be kept
};

/// Carries a recovery out from its detection to its last hook. A recovery of the same cluster that
/// was cut off is finished first, or undone; then this one is not needed any more.
/// Every recovery that was registered ends with its record resolved: successful only when the new
/// master was seen to take writes (REC-29), and unsuccessful ones block nothing (REC-4). Unless it
/// is `resumable`: then it goes on with the next call.
/// Errors: it did not begin, and why: another runs (Conflict), automatic recovery is not wanted or
/// blocked (Refused, Conflict), a hook of the detection failed (Refused).
Result<RecoveryOutcome> recover(const Parts& parts, const RecoveryWork& work);

/// Registers the detection of a failure about which nothing is done, and runs the hooks of
/// detection; once, as long as the failure lasts. Errors: the store's; Refused, a hook says no.
Result<> announce(const Parts& parts, const RecoveryWork& work);

/// Goes on with a recovery whose process is gone. What had changed nothing yet is ended.
/// `name`: its id or uid. Errors: NotFound; Refused, it has ended; Conflict, its process lives.
Result<RecoveryOutcome> resume(const Parts& parts, const std::string& name);

}  // namespace orch::ha
