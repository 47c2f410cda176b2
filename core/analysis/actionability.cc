#include "core/analysis/actionability.h"

#include <fmt/format.h>

namespace orch {

namespace {

/// RecoverMasterClusterFilters holds for everything that concerns a master, semi-sync and read-only
/// masters included (REC-5).
bool filtered_as_master(RecoveryKind kind) {
  return kind != RecoveryKind::DeadIntermediateMaster && kind != RecoveryKind::DeadGroupMember;
}

bool of_dead_server(RecoveryKind kind) {
  return kind == RecoveryKind::DeadMaster || kind == RecoveryKind::DeadCoMaster ||
         kind == RecoveryKind::DeadIntermediateMaster || kind == RecoveryKind::DeadGroupMember;
}

std::string not_configured(const Analysis& analysis, const AnalysisRules& rules) {
  if (analysis.recovery == RecoveryKind::LockedSemiSyncMaster &&
      !rules.recover_locked_semi_sync_master && !rules.enforce_exact_semi_sync_replicas) {
    return "neither RecoverLockedSemiSyncMaster nor EnforceExactSemiSyncReplicas is set";
  }
  const bool masters = filtered_as_master(*analysis.recovery);
  if (masters ? analysis.cluster.recovers_masters : analysis.cluster.recovers_intermediates)
    return "";
  return fmt::format(
      "{} does not name the cluster",
      masters ? "RecoverMasterClusterFilters" : "RecoverIntermediateMasterClusterFilters");
}

/// Whoever still hears a server knows better than who cannot reach it, also where it does not
/// apply what it hears: only the applier's state makes such a server look dead.
std::string not_confirmed(const Analysis& analysis, const AnalysisRules& rules) {
  const ReplicaCounts& replicas = analysis.facts.replicas;
  if (!of_dead_server(*analysis.recovery)) return "";
  if (replicas.receiving > 0) {
    return fmt::format("{} of its replicas still receive{} from it", replicas.receiving,
                       replicas.receiving == 1 ? "s" : "");
  }
  if (!rules.require_replicas_to_confirm_failure || replicas.confirming > 0) return "";
  return "no replica confirms the loss, and RequireReplicasToConfirmFailure is set";
}

std::string obstacle(const Analysis& analysis, const Circumstances& circumstances,
                     const AnalysisRules& rules, bool ignored) {
  if (ignored) return "RecoveryIgnoreHostnameFilters names the server";
  if (analysis.downtime.active) {
    return fmt::format("downtimed by {} until {}: {}", analysis.downtime.owner,
                       analysis.downtime.end, analysis.downtime.reason);
  }
  if (analysis.replicas_downtimed) return "all of its replicas are downtimed";
  if (analysis.maintenance) {
    return fmt::format("under maintenance by {}: {}", analysis.maintenance->owner,
                       analysis.maintenance->reason);
  }
  if (analysis.code == AnalysisCode::LockedSemiSyncMasterHypothesis &&
      analysis.facts.semi_sync_waiting == 0U) {
    return "no session waits for an acknowledgement";
  }
  if (!analysis.recovery) return std::string(traits(analysis.code).no_recovery);
  if (std::string text = not_confirmed(analysis, rules); !text.empty()) return text;
  if (circumstances.recoveries_disabled) return "recoveries are disabled globally";
  if (std::string text = not_configured(analysis, rules); !text.empty()) return text;
  const auto running = circumstances.recovering.find(analysis.cluster.name);
  return running == circumstances.recovering.end() ? "" : running->second;
}

}  // namespace

void settle_action(Analysis& analysis, const Circumstances& circumstances,
                   const AnalysisRules& rules, bool ignored) {
  const CodeTraits& code = traits(analysis.code);
  analysis.recovery = code.recovery;
  analysis.emergent = code.emergent;
  analysis.announced = code.announced;
  if (analysis.code == AnalysisCode::NoProblem) return;
  analysis.why_not = obstacle(analysis, circumstances, rules, ignored);
  analysis.actionable = analysis.recovery && analysis.why_not.empty();
}

}  // namespace orch
