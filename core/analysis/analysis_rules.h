#pragma once

#include <chrono>
#include <functional>
#include <string_view>

namespace orch {

/// What operators chose about analysis. Built by core/analysis/settings.h; a field is named after
/// its key where there is one.
struct AnalysisRules {
  std::chrono::seconds instance_poll{5};
  std::chrono::seconds reasonable_instance_check{1};
  std::chrono::seconds reasonable_replication_lag{10};
  /// ReasonableLockedSemiSyncMasterSeconds, with its own default filled in.
  std::chrono::seconds reasonable_locked_semi_sync_master{10};
  bool reduce_replication_analysis_count{true};
  bool enforce_exact_semi_sync_replicas{false};
  bool recover_locked_semi_sync_master{false};
  bool recover_non_writeable_master{false};
  /// Ours (ANA-7): nothing is done about a dead server unless a replica's receiver confirms the
  /// loss and none still receives.
  bool require_replicas_to_confirm_failure{false};

  /// RecoveryIgnoreHostnameFilters; may be empty.
  std::function<bool(std::string_view hostname)> ignored{};
  /// RecoverMasterClusterFilters, RecoverIntermediateMasterClusterFilters; empty: no cluster.
  std::function<bool(std::string_view name, std::string_view alias)> recovers_masters{};
  std::function<bool(std::string_view name, std::string_view alias)> recovers_intermediates{};

  // --- Ours: how far to go beyond what orchestrator says ---

  /// Records older than these are not believed (ANA-3); a failed check may be repeated less often.
  bool judge_age{true};
  std::chrono::seconds stale_after{25};
  std::chrono::seconds stale_after_failure{25};
  /// Replicas that nobody follows get a code of their own when something is wrong with them.
  bool judge_replicas{false};
  /// Symptoms are named, and commits that wait although enough replicas acknowledge.
  bool judge_sickness{true};
};

/// What one request wants to see.
struct AnalysisHints {
  bool include_downtimed{false};
  bool include_no_problem{false};
  bool include_ignored{false};  ///< also what RecoveryIgnoreHostnameFilters names
};

}  // namespace orch
