#include "cmd/command/observe.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "cmd/command/analysis_reading.h"
#include "cmd/command/engine.h"
#include "cmd/command/names.h"
#include "core/base/log.h"
#include "core/base/parallel.h"
#include "core/probe/crawl.h"
#include "storage/pseudo_gtid_store.h"
#include "storage/tag_store.h"

namespace orch::cmd {

namespace {

constexpr std::size_t kWritesAtOnce = 32;

Result<CrawlSettings> crawl_settings(const Services& services) {
  const DiscoverySettings& discovery = services.config().discovery;
  CrawlSettings settings;
  settings.width = static_cast<std::size_t>(
      std::clamp<std::uint64_t>(discovery.discovery_max_concurrency, 1, 64));
  settings.probe_timeout = probe_limit(services);
  ORCH_ASSIGN(settings.ignore_hosts,
              HostFilter::compile(discovery.discovery_ignore_hostname_filters));
  ORCH_ASSIGN(settings.ignore_replicas,
              HostFilter::compile(discovery.discovery_ignore_replica_hostname_filters));
  ORCH_ASSIGN(settings.ignore_sources,
              HostFilter::compile(discovery.discovery_ignore_master_hostname_filters));
  return settings;
}

}  // namespace

Result<std::vector<std::pair<Pattern, std::string>>> alias_patterns(
    const ClassificationSettings& settings) {
  std::vector<std::pair<Pattern, std::string>> patterns;
  for (const auto& [expression, alias] : settings.cluster_name_to_alias) {
    if (expression.empty()) continue;
    ORCH_ASSIGN(Pattern pattern, Pattern::compile(expression));
    patterns.emplace_back(std::move(pattern), alias);
  }
  return patterns;
}

Result<SettleRules> settle_rules_of(const Services& services) {
  SettleRules rules;
  ORCH_ASSIGN(rules.cluster_name_to_alias, alias_patterns(services.config().classification));
  rules.alias_override = [&services](const std::string& cluster) -> std::optional<std::string> {
    auto found = services.clusters().find_alias_override(cluster);
    if (found) return *std::move(found);
    log::error("{}", found.error().message);
    return std::nullopt;
  };
  if (services.config().pseudo_gtid.auto_pseudo_gtid) {
    ORCH_ASSIGN(std::set<std::string> injected, services.store<storage::PseudoGtidStore>().list());
    rules.pseudo_gtid_injected = [injected = std::move(injected)](const std::string& cluster) {
      return injected.contains(cluster);
    };
  }
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

void probe_writes(const Services& services, std::span<Observation> found) {
  const RecoverySettings& settings = services.config().recovery;
  if (!settings.write_probe) return;
  parallel_for(found.size(), kWritesAtOnce, [&](std::size_t i) {
    Observation& seen = found[i];
    const Instance& instance = seen.instance;
    if (instance.server.read_only || !is_source_of_cluster(instance)) return;
    const auto limit = settings.write_probe_timeout_milliseconds;
    const Result<> written = services.servers().try_write(instance, settings.write_probe_table,
                                                          std::chrono::steady_clock::now() + limit);
    if (written) return;
    Error error = written.error();
    if (error.kind == ErrorKind::Unreachable && !error.by_server) {
      error.message = fmt::format("{}: a row was not written within {} ms", to_string(instance.key),
                                  limit.count());
    }
    const bool denied = error.kind == ErrorKind::Denied;  // says nothing about the writes of others
    seen.soft_errors.push_back(
        std::move(error).within(denied ? "write probe not made" : "write probe"));
  });
}

namespace {

/// That they are to be watched holds for all who share the work, whatever else they know of them.
Result<> keep_watched(const Services& services, const std::vector<Observation>& found) {
  storage::InstanceStore store = services.instances();
  return services.database().transaction([&]() -> Result<> {
    for (const Observation& seen : found)
      ORCH_TRY(store.insert_if_absent(seen.instance.key));
    return {};
  });
}

/// Of the clusters of those that were read.
Result<> mark_around(const Services& services, const std::vector<Observation>& found) {
  std::map<InstanceKey, ServerFacts> told;
  std::set<std::string> clusters;
  for (const Observation& seen : found) {
    told[seen.instance.key] = seen.instance.server;
    clusters.insert(seen.instance.cluster_name);
  }
  for (const std::string& cluster : clusters) {
    ORCH_ASSIGN(std::vector<Instance> members, services.instances().list({.cluster = cluster}));
    for (Instance& member : members) {
      member.server.filters_binlog = told[member.key].filters_binlog;
      member.server.skips_errors = told[member.key].skips_errors;
    }
    ORCH_TRY(mark_incomplete(services, Topology(std::move(members))));
  }
  return {};
}

}  // namespace

Result<> mark_incomplete(const Services& services, const Topology& cluster) {
  ORCH_ASSIGN(const auto marked, services.store<storage::TagStore>().mark_incomplete(cluster));
  for (const auto& [key, tag] : marked)
    audit(services, "tag", key, to_string(tag));
  return {};
}

Result<CrawlResult> crawl_and_record(const Services& services,
                                     const std::vector<InstanceKey>& seeds) {
  ORCH_ASSIGN(CrawlSettings settings, crawl_settings(services));
  ORCH_ASSIGN(const SettleRules rules, settle_rules_of(services));
  settings.known_replicas = [&services](const InstanceKey& source) {
    std::vector<InstanceKey> keys;
    const auto known = services.instances().list({.source = source});
    if (!known) log::error("{}", known.error().message);
    for (const Instance& replica : known ? *known : std::vector<Instance>())
      keys.push_back(replica.key);
    return keys;
  };
  const auto since = std::chrono::steady_clock::now();
  CrawlResult result =
      crawl([&](const InstanceKey& key,
                SteadyPoint deadline) { return services.servers().probe(key, deadline); },
            seeds, settings,
            [&](const CrawlProgress& progress) {
              services.progress().show(
                  fmt::format("discovering: {} found, {} unreachable, {} under way", progress.found,
                              progress.unreachable, progress.under_way));
            });
  services.progress().show("");
  settle_all(result, rules, stored_instances(services));
  probe_writes(services, result.found);
  storage::InstanceStore store = services.instances();
  ORCH_TRY(keep_watched(services, result.found));
  ORCH_TRY(services.record(result.found, since));
  // Why a server could not be read tells what it is sick with.
  std::vector<Observation> failed;
  for (const UnreachedKey& key : result.unreachable)
    failed.push_back({.asked = key.key, .outcome = ProbeOutcome::Failed, .error = key.error});
  ORCH_TRY(store.record(failed));
  ORCH_TRY(services.clusters().rebuild_aliases());
  ORCH_TRY(mark_around(services, result.found));
  std::vector<Instance> seen;
  for (const Observation& observation : result.found)
    seen.push_back(observation.instance);
  look_after_quarantine(services, seen);
  ORCH_TRY(watch_blocked_masters(services));
  return result;
}

Result<Instance> probe_and_record(const Services& services, const InstanceKey& key) {
  const auto since = std::chrono::steady_clock::now();
  const Observation seen = services.servers().probe(key, since + probe_limit(services));
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
  probe_writes(services, one.found);
  ORCH_TRY(keep_watched(services, one.found));
  ORCH_TRY(services.record(one.found, since));
  Instance& found = one.found.front().instance;
  look_after_quarantine(services, {&found, 1});
  // As its record says from now on.
  std::ranges::sort(found.replicas);
  Freshness& freshness = found.freshness;
  freshness.is_last_check_valid = freshness.is_up_to_date = freshness.is_recently_checked = true;
  return std::move(found);
}

Result<Instance> probed_instance(const Services& services, const Args& args) {
  ORCH_ASSIGN(const InstanceKey key, instance_argument(services, args));
  return probe_and_record(services, key);
}

}  // namespace orch::cmd
