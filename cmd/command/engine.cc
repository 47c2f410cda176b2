#include "cmd/command/engine.h"

#include <algorithm>

#include <fmt/format.h>

#include "cmd/command/observe.h"
#include "cmd/command/operation.h"
#include "cmd/command/written_name.h"
#include "core/base/log.h"
#include "core/base/stop.h"
#include "core/probe/crawl.h"
#include "ha/quarantine.h"

namespace orch::cmd {

namespace {

constexpr std::chrono::minutes kLongWait{1};

}  // namespace

ExecutorSettings executor_settings(const Services& services) {
  const OperationSettings& operation = services.config().operation;
  ExecutorSettings settings;
  settings.probe_limit = probe_limit(services);
  settings.width = static_cast<std::size_t>(
      std::max<std::int64_t>(operation.max_concurrent_replica_operations, 1));
  settings.suspect_limit =
      std::max<std::chrono::milliseconds>(services.config().backend.mysql_connect_timeout_seconds,
                                          services.config().recovery.fence_timeout_milliseconds);
  settings.pace.stop_requested = stop_requested;
  settings.align_limit = services.config().connection.mysql_topology_read_timeout_seconds;
  if (settings.align_limit.count() > 0) {
    settings.change_limit = std::min(settings.change_limit, settings.align_limit);
    settings.applier_stop_limit = std::min(settings.applier_stop_limit, settings.align_limit);
  }
  if (auto rules = entry_rules(services)) settings.entries = *std::move(rules);
  // A wrong name must not keep replicas from following a new master.
  settings.written_name = written_name(services, WrongName::UseOwn);
  return settings;
}

void ProgressObserver::step_started(const Step& step) {
  progress_.show(describe(step));
  // Where there is no terminal, that it takes long must be seen, too.
  const auto* wait = std::get_if<WaitFor>(&step.action);
  if (wait != nullptr && wait->limit > kLongWait) progress_.say(describe(step) + " ...");
}

void ProgressObserver::step_ended(const Step& step, const Error* error,
                                  std::chrono::milliseconds took) {
  const std::string line = error == nullptr
                               ? fmt::format("{}: done ({} ms)", describe(step), took.count())
                               : fmt::format("{}: failed: {}", describe(step), error->message);
  log::info("{}", line);
  if (changes_server(step) || error != nullptr) progress_.say(line);
}

Result<> record_read(const Services& services, const std::set<InstanceKey>& read,
                     const Topology& fresh) {
  CrawlResult touched;
  std::vector<InstanceKey> unreachable;
  std::vector<Instance> seen;
  const auto stored = stored_instances(services);
  for (const InstanceKey& key : read) {
    const Instance* instance = fresh.find(key);
    if (instance == nullptr) continue;
    if (!answers(*instance)) {
      unreachable.push_back(key);
      continue;
    }
    seen.push_back(*instance);
    Observation observation;
    observation.asked = key;
    observation.outcome = ProbeOutcome::Clean;
    observation.instance = *instance;
    // A promoted server has no source any more to take the cluster's alias from: it keeps it.
    const std::optional<Instance> record = stored(key);
    if (record) observation.detected_cluster_alias = record->suggested_cluster_alias;
    touched.found.push_back(std::move(observation));
  }
  ORCH_ASSIGN(const SettleRules rules, settle_rules_of(services));
  settle_all(touched, rules, [&](const InstanceKey& key) -> std::optional<Instance> {
    // A source in another cluster, as seen from here: a replica that was detached and is put back.
    const Instance* known = fresh.find(key);
    return known == nullptr ? stored(key) : std::optional<Instance>(*known);
  });
  ORCH_TRY(services.record(touched.found, std::chrono::steady_clock::now()));
  storage::InstanceStore writer = services.instances();
  for (const InstanceKey& key : unreachable)
    ORCH_TRY(writer.mark_checked(key, false));
  ORCH_TRY(services.clusters().rebuild_aliases());
  look_after_quarantine(services, seen);
  return {};
}

void RecoveryEngine::AuditTeller::audit(std::string_view type, const InstanceKey& key,
                                        std::string_view message) {
  cmd::audit(services, type, key, message);
}

void RecoveryEngine::AuditTeller::say(std::string_view line) {
  services.progress().note(line);
}

RecoveryEngine::RecoveryEngine(const Services& services, Policy policy)
    : teller_(services),
      observer_(services.progress()),
      parts_{.config = services.config(),
             .clock = services.clock(),
             .database = services.database(),
             .servers = services.servers(),
             .leadership = services.leadership(),
             .kv = services.kv(),
             .running = services.running(),
             .self = services.self(),
             .instances = services.instances(),
             .clusters = services.clusters(),
             .teller = teller_,
             .watcher = observer_,
             .policy = std::move(policy),
             .executor = executor_settings(services),
             .record = [&services](
                           const std::set<InstanceKey>& read,
                           const Topology& fresh) { return record_read(services, read, fresh); },
             .give_way = services.give_way()} {}

Result<std::unique_ptr<RecoveryEngine>> RecoveryEngine::make(const Services& services) {
  ORCH_ASSIGN(Policy policy, policy_of(services));
  return std::unique_ptr<RecoveryEngine>(new RecoveryEngine(services, std::move(policy)));
}

void look_after_quarantine(const Services& services, std::span<const Instance> seen) {
  const auto engine = RecoveryEngine::make(services);
  const Result<> done =
      engine ? ha::enforce_quarantine((*engine)->parts(), seen) : fail(engine.error());
  if (!done) log::error("quarantine: {}", done.error().message);
}

}  // namespace orch::cmd
