#include "cmd/command/observe.h"

#include <fmt/format.h>

#include "cmd/command/engine.h"
#include "core/base/log.h"
#include "core/probe/crawl.h"

namespace orch::cmd {

Result<SettleRules> settle_rules_of(const Services& services) {
  SettleRules rules;
  for (const auto& [expression, alias] : services.config().classification.cluster_name_to_alias) {
    if (expression.empty()) continue;
    ORCH_ASSIGN(Pattern pattern, Pattern::compile(expression));
    rules.cluster_name_to_alias.emplace_back(std::move(pattern), alias);
  }
  rules.alias_override = [&services](const std::string& cluster) -> std::optional<std::string> {
    auto found = services.clusters().find_alias_override(cluster);
    if (found) return *std::move(found);
    log::error("{}", found.error().message);
    return std::nullopt;
  };
  return rules;
}

std::chrono::milliseconds probe_limit(const Services& services) {
  return services.config().backend.mysql_connect_timeout_seconds +
         services.config().connection.mysql_discovery_read_timeout_seconds;
}

std::function<std::optional<Instance>(const InstanceKey&)> stored_instances(
    const Services& services) {
  return [&services](const InstanceKey& key) -> std::optional<Instance> {
    auto found = services.instances().find(key);
    if (found) return *std::move(found);
    log::error("{}", found.error().message);
    return std::nullopt;
  };
}

Result<Instance> probe_and_record(const Services& services, const InstanceKey& key) {
  const Observation seen =
      services.servers().probe(key, std::chrono::steady_clock::now() + probe_limit(services));
  if (seen.outcome == ProbeOutcome::Skipped) {
    return fail(ErrorKind::Refused, fmt::format("{} is left alone: its replication user matches "
                                                "DiscoveryIgnoreReplicationUsernameFilters",
                                                to_string(key)));
  }
  if (!seen.found()) {
    ORCH_TRY(services.instances().record({&seen, 1}));
    return fail(*seen.error);
  }
  CrawlResult one;
  one.found.push_back(seen);
  ORCH_ASSIGN(const SettleRules rules, settle_rules_of(services));
  settle_all(one, rules, stored_instances(services));
  ORCH_TRY(services.instances().record(one.found));
  look_after_quarantine(services, {&one.found.front().instance, 1});
  return one.found.front().instance;
}

}  // namespace orch::cmd
