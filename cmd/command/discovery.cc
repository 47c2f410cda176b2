#include <algorithm>

#include <fmt/format.h>

#include "cmd/command/analysis_reading.h"
#include "cmd/command/engine.h"
#include "cmd/command/families.h"
#include "cmd/command/names.h"
#include "cmd/command/observe.h"
#include "cmd/command/replies.h"
#include "core/base/log.h"
#include "core/json/json.h"
#include "core/probe/crawl.h"

namespace orch::cmd {

namespace {

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

std::string counted(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

Reply crawl_reply(const CrawlResult& result) {
  Reply reply;
  Json found = Json::array();
  Json skipped = Json::array();
  Json unreachable = Json::array();
  Json incomplete = Json::array();
  std::vector<std::string> clusters;
  for (const Observation& seen : result.found) {
    reply.lines.push_back(to_string(seen.instance.key));
    found.push_back(to_json(seen.instance.key));
    clusters.push_back(seen.instance.cluster_name);
    for (const Error& error : seen.soft_errors) {
      reply.notes.push_back("partly read: " + error.message);
      incomplete.push_back({{"Key", to_json(seen.instance.key)}, {"Because", error.message}});
    }
  }
  for (const SkippedKey& key : result.skipped) {
    reply.text += fmt::format("  skipped {}: {}\n", to_string(key.key), key.because);
    skipped.push_back({{"Key", to_json(key.key)}, {"Because", key.because}});
  }
  for (const UnreachedKey& key : result.unreachable) {
    reply.notes.push_back("unreachable: " + key.error.message);
    unreachable.push_back({{"Key", to_json(key.key)}, {"Because", key.error.message}});
  }
  for (const std::string& warning : result.warnings)
    reply.notes.push_back("warning: " + warning);
  reply.failed = !reply.notes.empty();  // what was found is kept; a script learns that not all is
  std::sort(clusters.begin(), clusters.end());
  clusters.erase(std::unique(clusters.begin(), clusters.end()), clusters.end());
  reply.text = fmt::format("{} found, {} skipped, {} unreachable\n{}",
                           counted(result.found.size(), "server"), result.skipped.size(),
                           result.unreachable.size(), reply.text);
  for (const std::string& cluster : clusters) {
    reply.text += fmt::format("cluster {} ('orch topology {}' shows it)\n", cluster, cluster);
  }
  reply.json = dump({{"Clusters", clusters},
                     {"Found", found},
                     {"Skipped", skipped},
                     {"Unreachable", unreachable},
                     {"PartlyRead", incomplete},
                     {"Warnings", result.warnings}});
  return reply;
}

/// Ours: everything that the server is connected to.
Result<Reply> discover_all(const Services& services, const InstanceKey& seed) {
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
  CrawlResult result =
      crawl([&](const InstanceKey& key,
                SteadyPoint deadline) { return services.servers().probe(key, deadline); },
            {seed}, settings,
            [&](const CrawlProgress& progress) {
              services.progress().show(
                  fmt::format("discovering: {} found, {} unreachable, {} under way", progress.found,
                              progress.unreachable, progress.under_way));
            });
  services.progress().show("");
  settle_all(result, rules, stored_instances(services));
  probe_writes(services, result.found);
  storage::InstanceStore store = services.instances();
  ORCH_TRY(store.record(result.found));
  // Why a server could not be read tells what it is sick with.
  std::vector<Observation> failed;
  for (const UnreachedKey& key : result.unreachable)
    failed.push_back({.asked = key.key, .outcome = ProbeOutcome::Failed, .error = key.error});
  ORCH_TRY(store.record(failed));
  ORCH_TRY(services.clusters().rebuild_aliases());
  std::vector<Instance> seen;
  for (const Observation& observation : result.found)
    seen.push_back(observation.instance);
  look_after_quarantine(services, seen);
  ORCH_TRY(watch_blocked_masters(services));
  if (!result.found.empty()) return crawl_reply(result);
  if (!result.unreachable.empty()) return fail(result.unreachable.front().error);
  return fail(
      ErrorKind::Refused,
      fmt::format("{} is left alone: {}", to_string(seed),
                  result.skipped.empty() ? "a filter matches" : result.skipped.front().because));
}

Result<Reply> run_discover(Services& services, const Args& args) {
  const std::optional<InstanceKey> key = parse_key(services, args.instance);
  if (!key && !args.legacy) {
    ORCH_TRY(instance_argument(services, args));  // says what is wrong with the word
  }
  const InstanceKey seed = key ? *key : this_instance(services);
  if (!args.legacy) return discover_all(services, seed);
  ORCH_ASSIGN(const Instance found, probe_and_record(services, seed));
  return key_reply(found.key);
}

}  // namespace

std::vector<Command> discovery_commands() {
  return {
      {.name = "discover",
       .section = "Instance management",
       .help = "Find servers: the whole topology around one of them ('-c discover': this one only)",
       .example = "db1.example:3306",
       .words = {Word::Instance},
       .required = 1,
       .access = Access::Write,
       .needs = Needs::Servers,
       .run = run_discover},
  };
}

}  // namespace orch::cmd
