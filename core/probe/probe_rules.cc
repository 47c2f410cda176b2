#include "core/probe/probe_rules.h"

#include <algorithm>
#include <utility>

#include "core/base/text.h"

namespace orch {
namespace {

OwnName parse_own_name(std::string_view method) {
  const std::string text = to_lower(method);
  if (text == "default" || text == "hostname" || text == "@@hostname") return OwnName::Hostname;
  if (text == "report_host" || text == "@@report_host") return OwnName::ReportHost;
  return OwnName::AsAsked;
}

Result<std::optional<Pattern>> compile_pattern(const char* setting, const std::string& text) {
  if (text.empty()) return std::optional<Pattern>();
  auto pattern = Pattern::compile(text);
  if (!pattern) return fail(std::move(pattern).error().within(setting));
  return std::optional<Pattern>(*std::move(pattern));
}

}  // namespace

Result<ProbeRules> ProbeRules::compile(const ConnectionSettings& connection,
                                       const DiscoverySettings& discovery,
                                       const ClassificationSettings& classification) {
  ProbeRules rules;
  rules.own_name = parse_own_name(discovery.mysql_hostname_resolve_method);
  rules.check_max_scale = !connection.skip_max_scale_check;
  rules.registered_replicas_only = discovery.discover_by_show_slave_hosts;
  rules.has_credentials_query = !connection.replication_credentials_query.empty();
  rules.log_filters = discovery.enable_discovery_filters_logs;
  for (const std::string& text : discovery.discovery_ignore_replication_username_filters) {
    ORCH_ASSIGN(auto pattern, compile_pattern("DiscoveryIgnoreReplicationUsernameFilters", text));
    if (pattern) rules.ignored_users.push_back(*std::move(pattern));
  }
  auto filter = HostFilter::compile(discovery.discovery_ignore_replica_hostname_filters);
  if (!filter) {
    return fail(std::move(filter).error().within("DiscoveryIgnoreReplicaHostnameFilters"));
  }
  rules.ignored_replicas = *std::move(filter);
  ORCH_ASSIGN(rules.data_center,
              compile_pattern("DataCenterPattern", classification.data_center_pattern));
  ORCH_ASSIGN(rules.region, compile_pattern("RegionPattern", classification.region_pattern));
  ORCH_ASSIGN(
      rules.physical_environment,
      compile_pattern("PhysicalEnvironmentPattern", classification.physical_environment_pattern));
  rules.queries = classification;
  if (rules.queries.replication_lag_query.empty()) {
    rules.queries.replication_lag_query = classification.slave_lag_query;
  }
  return rules;
}

bool ProbeRules::ignores_user(std::string_view user) const {
  return !user.empty() && std::ranges::any_of(ignored_users, [&](const Pattern& pattern) {
    return pattern.matches(user);
  });
}

}  // namespace orch
