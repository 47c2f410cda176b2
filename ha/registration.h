#pragma once

#include <optional>
#include <string>

#include "ha/parts.h"
#include "ha/recovery_work.h"
#include "storage/analysis_store.h"
#include "storage/journal_store.h"
#include "storage/recovery_store.h"

namespace orch::ha {

// Which recoveries may begin, and who owns those that have begun.

/// How long the owner of a recovery may say nothing, where its process cannot be seen from here.
constexpr std::chrono::seconds kLease{6};
/// How often it says that it lives.
constexpr std::chrono::milliseconds kHeartbeat{1000};

[[nodiscard]] storage::RecoveryStore recovery_store(const Parts& parts);

/// A new recovery's uid. Errors: Broken, no random bytes.
Result<std::string> new_recovery_uid(const Clock& clock);

/// This process, in the term it leads in.
[[nodiscard]] storage::RecoveryOwner owner_of(const Parts& parts);

/// Whether the process that carries the recovery out still does, as far as one can tell from here:
/// it is not known to be gone, and said lately that it lives, or nobody has led since it began.
/// The clocks of two hosts are compared at the first look alone; from then on what counts is that
/// the sign of life changes, by the steady clock: whoever sets a clock then neither ends the
/// recovery of an owner that lives, nor keeps that of a dead one for longer than kLease.
[[nodiscard]] bool owner_lives(const Parts& parts, const storage::RecoveryRun& run,
                               SteadyPoint now = std::chrono::steady_clock::now());

/// Whether one of the two must wait for the other: both replace the master of one cluster, or both
/// concern one server (REC-11: a recovery of another kind blocks nothing).
[[nodiscard]] bool in_each_others_way(const RecoveryWork& work, const storage::RecoveryRun& run);

/// The recovery that has begun, not ended, and is in the way of this one.
Result<std::optional<storage::RecoveryRun>> find_unfinished(const Parts& parts,
                                                            const RecoveryWork& work);

/// Whether an automatic recovery may begin now: the global switch (which counts as off when it
/// cannot be read, REC-8), filters of clusters (for every kind, REC-5) and of host names, downtime,
/// confirmation, and what happened before. Errors: Refused or Conflict, with the reason.
Result<> check_automatic(const Parts& parts, const RecoveryWork& work);

/// Why nothing is done for now, as of what happened before.
struct PastBlock {
  std::optional<std::int64_t> recovery{};  ///< by which one; nothing: those of this server failed
  std::string reason{};
};
/// The failure that was recovered within RecoveryPeriodBlockSeconds is not recovered again. A new
/// one of the same cluster is, when the master that came of it has held for 30 s; for twice as long
/// with each further failover in that period, so that a cluster whose masters die one after the
/// other is not used up. What failed is tried again after a pause that grows likewise; until
/// the server was well for 5 s, by the changes of its code, or something else is the matter.
Result<std::optional<PastBlock>> blocked_by_past(const RecoverySettings& settings,
                                                 const storage::RecoveryStore& store,
                                                 const storage::AnalysisStore& codes, TimePoint now,
                                                 const RecoveryWork& work);

/// Whether the latest attempt at the same failure changed nothing, as the one server that may be
/// promoted could not be: that waits for that server, without a pause, and is recorded once.
Result<bool> is_on_record(const Parts& parts, const RecoveryWork& work);

/// Registers the recovery and begins its journal, unless another is in the way. Its id.
/// Errors: Conflict.
Result<std::int64_t> register_recovery(const Parts& parts, const RecoveryWork& work,
                                       const storage::RecoveryRun& run);

/// Errors: Conflict.
Result<> check_leads(const Parts& parts);

/// Makes this process the owner of a recovery whose owner is gone, and ends that one's locks.
/// Errors: Conflict, another process was faster.
Result<> take_ownership(const Parts& parts, storage::RecoveryRun& run);

}  // namespace orch::ha
