#include "cmd/command/operation.h"

#include <fmt/format.h>

#include "cmd/command/names.h"
#include "cmd/command/observe.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/json/json.h"
#include "core/mysql/change_statements.h"
#include "core/plan/preview.h"
#include "core/probe/crawl.h"
#include "storage/maintenance_store.h"

namespace orch::cmd {

namespace {

/// The backend's maintenance table as the executor's lock manager.
class BackendLocks final : public MaintenanceLocks {
 public:
  BackendLocks(const Services& services, std::string owner)
      : store_(services.database(), services.clock(), services.self()), owner_(std::move(owner)) {}

  Result<> claim(const InstanceKey& key, const std::string& reason) override {
    ORCH_ASSIGN(const std::optional<std::int64_t> lock,
                store_.claim({.key = key, .owner = owner_, .reason = reason}));
    if (lock) return {};
    return fail(
        ErrorKind::Conflict,
        fmt::format("Cannot begin maintenance on {}: Cannot begin maintenance for instance: "
                    "{}; maintenance reason: {} ('orch maintenance' shows who holds it)",
                    to_string(key), to_string(key), reason));
  }
  Result<> release(const InstanceKey& key) override {
    ORCH_ASSIGN([[maybe_unused]] const bool held, store_.end(key));
    return {};
  }

 private:
  storage::MaintenanceStore store_;
  std::string owner_;
};

/// Tells people what happens while it happens.
class ProgressObserver final : public StepObserver {
 public:
  explicit ProgressObserver(Progress& progress) : progress_(progress) {}

  void step_started(const Step& step) override { progress_.show(describe(step)); }
  void step_ended(const Step& step, const Error* error, std::chrono::milliseconds took) override {
    const std::string line = error == nullptr
                                 ? fmt::format("{}: done ({} ms)", describe(step), took.count())
                                 : fmt::format("{}: failed: {}", describe(step), error->message);
    log::info("{}", line);
    if (changes_server(step) || error != nullptr) progress_.say(line);
  }

 private:
  Progress& progress_;
};

ExecutorSettings executor_settings(const Services& services) {
  const OperationSettings& operation = services.config().operation;
  ExecutorSettings settings;
  settings.probe_limit = probe_limit(services);
  settings.width = static_cast<std::size_t>(
      std::max<std::int64_t>(operation.max_concurrent_replica_operations, 1));
  return settings;
}

/// Writes the records of all servers that were read during the operation.
Result<> record_outcome(const Services& services, const Operation& operation,
                        const Outcome& outcome) {
  std::set<InstanceKey> read = operation.subjects;
  for (const StepResult& result : outcome.steps)
    read.insert(result.step.server);
  CrawlResult touched;
  std::vector<InstanceKey> unreachable;
  const auto stored = stored_instances(services);
  for (const InstanceKey& key : read) {
    const Instance* instance = outcome.topology.find(key);
    if (instance == nullptr) continue;
    if (!answers(*instance)) {
      unreachable.push_back(key);
      continue;
    }
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
    const Instance* known = outcome.topology.find(key);
    return known == nullptr ? std::nullopt : std::optional<Instance>(*known);
  });
  storage::InstanceStore writer = services.instances();
  ORCH_TRY(writer.record(touched.found));
  for (const InstanceKey& key : unreachable)
    ORCH_TRY(writer.mark_checked(key, false));
  return services.clusters().rebuild_aliases();
}

std::string failure_text(const Outcome& outcome) {
  std::string text = outcome.error->message;
  for (const std::string& left : outcome.left)
    text += "; " + left;
  return text;
}

Json step_json(const Step& step, const std::vector<SqlStatement>& statements) {
  Json texts = Json::array();
  for (const SqlStatement& statement : statements)
    texts.push_back(statement.shown);
  return {{"Server", to_json(step.server)},
          {"Action", describe(step.action)},
          {"Why", step.why},
          {"Statements", texts},
          {"PointOfNoReturn", step.point_of_no_return}};
}

/// The part of a shown plan that says who may be promoted and what would be lost.
void show_candidates(const Operation& operation, const Topology& fresh,
                     const std::optional<InstanceKey>& winner, std::string& text, Json& json) {
  if (!operation.candidates) return;
  const Choice choice = operation.candidates(fresh);
  text += "Candidates\n";
  Json list = Json::array();
  std::size_t rank = 0;
  for (const Verdict& verdict : choice.ranked) {
    text +=
        verdict.fit
            ? fmt::format("  {}. {}  {}\n", ++rank, to_string(verdict.key), verdict.because)
            : fmt::format("  -  {}  passed over: {}\n", to_string(verdict.key), verdict.because);
    list.push_back(
        {{"Key", to_json(verdict.key)}, {"Fit", verdict.fit}, {"Because", verdict.because}});
  }
  json["Candidates"] = list;
  const std::string lost = winner && operation.replaced
                               ? lost_with(fresh, *operation.replaced, *winner)
                               : std::string("unknown: nobody can be promoted");
  text += fmt::format("Would be lost: {}\n", lost);
  json["WouldBeLost"] = lost;
}

}  // namespace

Result<Policy> policy_of(const Services& services) {
  const Config& config = services.config();
  ORCH_ASSIGN(HostFilter ignored,
              HostFilter::compile(config.recovery.promotion_ignore_hostname_filters));
  Policy policy;
  policy.ignored_for_promotion = [filter = std::move(ignored)](const Instance& instance) {
    return filter.matches(instance.key.hostname, instance.key.port);
  };
  policy.prevent_cross_data_center_master_failover =
      config.recovery.prevent_cross_data_center_master_failover;
  policy.prevent_cross_region_master_failover =
      config.recovery.prevent_cross_region_master_failover;
  policy.fail_master_promotion_on_lag = config.recovery.fail_master_promotion_on_lag_minutes;
  policy.fail_master_promotion_if_sql_thread_not_up_to_date =
      config.recovery.fail_master_promotion_if_sql_thread_not_up_to_date;
  policy.apply_promotion = config.recovery.apply_mysql_promotion_after_master_failover;
  policy.verify_replication_filters = config.operation.verify_replication_filters;
  policy.lower_replica_version_allowed = config.operation.lower_replica_version_allowed;
  policy.reasonable_replication_lag = config.operation.reasonable_replication_lag_seconds;
  policy.reasonable_maintenance_replication_lag =
      config.operation.reasonable_maintenance_replication_lag_seconds;
  policy.bulk_wait = config.operation.instance_bulk_operations_wait_timeout_seconds;
  return policy;
}

Result<Topology> records_around(const Services& services, const std::set<InstanceKey>& keys) {
  const storage::InstanceStore store = services.instances();
  std::vector<Instance> records;
  std::set<std::string> clusters;
  for (const InstanceKey& key : keys) {
    ORCH_ASSIGN(std::optional<Instance> record, store.find(key));
    if (!record) {
      Instance stranger;
      stranger.key = key;
      records.push_back(std::move(stranger));
    } else if (record->cluster_name.empty()) {
      records.push_back(*std::move(record));
    } else if (clusters.insert(record->cluster_name).second) {
      ORCH_ASSIGN(std::vector<Instance> members, store.list({.cluster = record->cluster_name}));
      for (Instance& member : members)
        records.push_back(std::move(member));
    }
  }
  return Topology(std::move(records));
}

Result<Outcome> carry_out(const Services& services, const Operation& operation, const Args& args) {
  if (args.noop) {
    return fail(ErrorKind::Refused,
                fmt::format("noop: aborting {} operation on {}; signalling error but nothing went "
                            "wrong.",
                            operation.name, to_string(operation.about)));
  }
  ORCH_ASSIGN(const Topology records, records_around(services, operation.subjects));
  BackendLocks locks(services, owner_argument(args));
  ProgressObserver observer(services.progress());
  Executor executor(services.servers(), services.leadership(), locks, observer,
                    executor_settings(services));
  Outcome outcome = executor.run(operation.planner, records,
                                 {.probe = operation.subjects, .reason = operation.name});
  services.progress().show("");
  const Result<> recorded = record_outcome(services, operation, outcome);
  if (!recorded) log::error("{}", recorded.error().message);
  if (outcome.error) {
    return fail(outcome.error->kind, failure_text(outcome));
  }
  audit(services, operation.name, operation.about, operation.message);
  ORCH_TRY(recorded);
  return outcome;
}

Result<Reply> show_plan(const Services& services, const Operation& operation) {
  ORCH_ASSIGN(const Topology records, records_around(services, operation.subjects));
  BackendLocks locks(services, "");
  StepObserver silent;
  Executor executor(services.servers(), services.leadership(), locks, silent,
                    executor_settings(services));
  const Topology fresh = executor.survey(records, operation.subjects);
  const Preview plan = preview(operation.planner, fresh);
  const StatementSettings words{.use_super_read_only =
                                    services.config().connection.use_super_read_only};
  const Done* done = std::get_if<Done>(&plan.end);
  const GiveUp* stuck = std::get_if<GiveUp>(&plan.end);

  Reply reply;
  Json json = {{"Operation", operation.name}, {"Subject", to_json(operation.about)}};
  reply.text = fmt::format("Plan: {} (a dry run: nothing is changed)\n", operation.message);
  const std::optional<InstanceKey> promoted =
      done != nullptr ? done->account.promoted : std::nullopt;
  show_candidates(operation, fresh, promoted, reply.text, json);
  reply.text += "Steps\n";
  Json steps = Json::array();
  std::size_t number = 0;
  for (const PreviewedStep& previewed : plan.steps) {
    std::vector<SqlStatement> statements;
    if (const Change* change = std::get_if<Change>(&previewed.step.action)) {
      statements = statements_for(previewed.before, *change, words);
    }
    reply.text += fmt::format("  {:>2}. {}", ++number, describe(previewed.step));
    if (!previewed.step.why.empty()) reply.text += fmt::format("  ({})", previewed.step.why);
    if (previewed.step.point_of_no_return) reply.text += "  [point of no return]";
    reply.text += "\n";
    for (const SqlStatement& statement : statements) {
      reply.text += fmt::format("        {};\n", statement.shown);
    }
    steps.push_back(step_json(previewed.step, statements));
    reply.lines.push_back(describe(previewed.step));
  }
  json["Steps"] = steps;
  json["Promoted"] = promoted ? to_json(*promoted) : Json(nullptr);
  const Account& account = done != nullptr ? done->account : stuck->account;
  Json lost = Json::array();
  for (const LostReplica& replica : account.lost) {
    reply.text += fmt::format("Left behind: {}: {}\n", to_string(replica.key), replica.because);
    lost.push_back({{"Key", to_json(replica.key)}, {"Because", replica.because}});
  }
  json["LeftBehind"] = lost;
  for (const std::string& note : account.notes)
    reply.text += fmt::format("Note: {}\n", note);
  json["Refused"] = stuck != nullptr ? Json(stuck->because.message) : Json(nullptr);
  if (stuck != nullptr) {
    reply.failed = true;
    reply.notes.push_back(stuck->because.message);
  }
  reply.json = dump(json);
  return reply;
}

Result<Reply> run_or_show(const Services& services, const Operation& operation, const Args& args,
                          const std::function<Reply(const Outcome&)>& answer) {
  if (args.dry_run) return show_plan(services, operation);
  ORCH_ASSIGN(const Outcome outcome, carry_out(services, operation, args));
  return answer(outcome);
}

}  // namespace orch::cmd
