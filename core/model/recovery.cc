#include "core/model/recovery.h"

#include <array>
#include <utility>

namespace orch {

namespace {

constexpr std::array<std::pair<RecoveryKind, std::string_view>, 8> kRecoveryKinds{{
    {RecoveryKind::DeadMaster, "dead-master"},
    {RecoveryKind::DeadCoMaster, "dead-co-master"},
    {RecoveryKind::DeadIntermediateMaster, "dead-intermediate-master"},
    {RecoveryKind::DeadGroupMember, "dead-group-member"},
    {RecoveryKind::NonWriteableMaster, "non-writeable-master"},
    {RecoveryKind::LockedSemiSyncMaster, "locked-semi-sync-master"},
    {RecoveryKind::TooManySemiSyncReplicas, "too-many-semi-sync-replicas"},
    {RecoveryKind::GracefulTakeover, "graceful-takeover"},
}};

}  // namespace

std::string_view to_string(RecoveryKind kind) {
  return kRecoveryKinds[static_cast<std::size_t>(kind)].second;
}

std::optional<RecoveryKind> parse_recovery_kind(std::string_view text) {
  for (const auto& [kind, name] : kRecoveryKinds) {
    if (name == text) return kind;
  }
  return std::nullopt;
}

}  // namespace orch
