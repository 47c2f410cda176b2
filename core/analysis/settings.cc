#include "core/analysis/settings.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/pattern.h"
#include "core/model/cluster_filter.h"

namespace orch {

namespace {

/// How many polls a record may miss before it is too old to judge.
constexpr int kPollsToMiss = 5;

Result<std::function<bool(std::string_view, std::string_view)>> cluster_rule(
    const std::vector<std::string>& entries) {
  ORCH_ASSIGN(ClusterFilter filter, ClusterFilter::compile(entries));
  return std::function<bool(std::string_view, std::string_view)>(
      [filter = std::move(filter)](std::string_view name, std::string_view alias) {
        return filter.matches(name, alias);
      });
}

/// Plain expressions on the host name; addresses are no special case.
Result<std::function<bool(std::string_view)>> hostname_rule(
    const std::vector<std::string>& expressions) {
  std::vector<Pattern> patterns;
  for (const std::string& expression : expressions) {
    ORCH_ASSIGN(Pattern pattern, Pattern::compile(expression));
    patterns.push_back(std::move(pattern));
  }
  return std::function<bool(std::string_view)>([patterns](std::string_view hostname) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](const Pattern& pattern) { return pattern.matches(hostname); });
  });
}

}  // namespace

Result<AnalysisRules> analysis_rules_of(const Config& config) {
  const DiscoverySettings& discovery = config.discovery;
  const OperationSettings& operation = config.operation;
  const RecoverySettings& recovery = config.recovery;
  AnalysisRules rules{
      .instance_poll = discovery.instance_poll_seconds,
      .reasonable_instance_check = discovery.reasonable_instance_check_seconds,
      .reasonable_replication_lag = operation.reasonable_replication_lag_seconds,
      .reasonable_locked_semi_sync_master = operation.reasonable_locked_semi_sync_master_seconds,
      .reduce_replication_analysis_count = operation.reduce_replication_analysis_count,
      .enforce_exact_semi_sync_replicas = recovery.enforce_exact_semi_sync_replicas,
      .recover_locked_semi_sync_master = recovery.recover_locked_semi_sync_master,
      .recover_non_writeable_master = recovery.recover_non_writeable_master,
      .require_replicas_to_confirm_failure = recovery.require_replicas_to_confirm_failure,
  };
  if (rules.reasonable_locked_semi_sync_master.count() == 0)
    rules.reasonable_locked_semi_sync_master = rules.reasonable_replication_lag;
  rules.stale_after = kPollsToMiss * discovery.instance_poll_seconds;
  rules.stale_after_failure = rules.stale_after;
  // Dead servers may be looked at less and less often.
  if (discovery.dead_instance_poll_seconds_multiply_factor > 1) {
    rules.stale_after_failure =
        std::max(rules.stale_after,
                 discovery.dead_instance_poll_seconds_max + discovery.instance_poll_seconds);
  }
  ORCH_ASSIGN(rules.ignored, hostname_rule(recovery.recovery_ignore_hostname_filters));
  ORCH_ASSIGN(rules.recovers_masters, cluster_rule(recovery.recover_master_cluster_filters));
  ORCH_ASSIGN(rules.recovers_intermediates,
              cluster_rule(recovery.recover_intermediate_master_cluster_filters));
  return rules;
}

}  // namespace orch
