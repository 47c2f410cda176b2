#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/execute/executor.h"
#include "ha/parts.h"
#include "ha/recovery.h"
#include "ha/recovery_work.h"

namespace orch::ha {

// What follows once another server stands in a master's place. All of it can be repeated.

/// Why whoever was left behind is in downtime.
constexpr std::string_view kLostInRecovery = "lost-in-recovery";

/// What became of the servers, for those who read later about a recovery: who was promoted, who was
/// left behind and why, and what is to be said about the others.
[[nodiscard]] std::vector<std::string> story_of(const Account& account);

/// Something of it is not on record, or a server is left in maintenance, as the backend could not
/// be written.
[[nodiscard]] bool is_unrecorded(const RecoveryOutcome& recovery);
/// What people should know of it beside its error, each thing once.
[[nodiscard]] std::vector<std::string> notes_of(const RecoveryOutcome& recovery);

/// Names it as the writer of the cluster's domain, and tells the key-value stores, whichever time
/// they take within their limits.
Result<> publish_master(const Parts& parts, const RecoveryWork& work, const InstanceKey& master);

/// What must not wait for the rest, nor depend on it: the record of the new master as it is `now`,
/// and that the old one is in quarantine.
Result<> keep_promotion(const Parts& parts, const RecoveryWork& work, const std::string& uid,
                        const InstanceKey& promoted, const Topology& now);

/// The cluster gets its new name; the old master, unless it follows the new one, goes on the
/// quarantine list, and, where it is lost, into downtime as do lost replicas; the new master is
/// off the list and out of downtime. What could not be done is said, and the rest done.
[[nodiscard]] std::vector<std::string> settle_promotion(const Parts& parts,
                                                        const RecoveryWork& work,
                                                        const std::string& uid,
                                                        const Outcome& outcome);

}  // namespace orch::ha
