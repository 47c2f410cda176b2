#include "cmd/command/operation.h"

#include <thread>

#include <fmt/format.h>

#include "cmd/command/engine.h"
#include "cmd/command/names.h"
#include "cmd/command/observe.h"
#include "cmd/command/written_name.h"
#include "core/base/log.h"
#include "core/base/stop.h"
#include "core/base/text.h"
#include "core/execute/name_to_write.h"
#include "core/json/json.h"
#include "core/mysql/change_statements.h"
#include "core/plan/loss.h"
#include "core/plan/preview.h"
#include "ha/maintenance_locks.h"
#include "storage/equivalence_store.h"
#include "storage/hostname_store.h"

namespace orch::cmd {

namespace {

/// Longer than check_hand_over() waits for prepared transactions.
constexpr std::chrono::seconds kAskLimit{5};

std::string failure_text(const Outcome& outcome) {
  std::string text = outcome.error->message;
  std::vector<std::string> moved;
  for (const InstanceKey& key : outcome.account.moved)
    moved.push_back(to_string(key));
  if (!moved.empty()) text += "; moved already: " + join(moved, ", ");
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

/// Why one that may be promoted is not, by what its steps would come to; "" when they all do well.
std::string failure_of(const InstanceKey& key, const Preview& plan) {
  std::string why;
  for (const PreviewedStep& previewed : plan.steps) {
    if (previewed.step.server == key && previewed.error) why = previewed.error->message;
  }
  return without_name(why, key);
}

/// The part of a shown plan that says who may be promoted and what would be lost.
void show_candidates(const Operation& operation, const Topology& fresh, const Preview& plan,
                     const std::optional<InstanceKey>& winner, std::string& text, Json& json) {
  if (!operation.candidates) return;
  const Choice choice = operation.candidates(fresh);
  text += "Candidates\n";
  Json list = Json::array();
  std::size_t rank = 0;
  for (Verdict verdict : choice.ranked) {
    const std::string failure = verdict.fit ? failure_of(verdict.key, plan) : "";
    if (winner && verdict.key != *winner && !failure.empty()) {
      verdict.because += "; passed over: " + failure;
    }
    if (verdict.key == winner && !operation.promoted_because.empty()) {
      verdict.because += "; promoted: " + operation.promoted_because;
    }
    text +=
        verdict.fit
            ? fmt::format("  {}. {}  {}\n", ++rank, to_string(verdict.key), verdict.because)
            : fmt::format("  -  {}  passed over: {}\n", to_string(verdict.key), verdict.because);
    list.push_back(
        {{"Key", to_json(verdict.key)}, {"Fit", verdict.fit}, {"Because", verdict.because}});
  }
  json["Candidates"] = list;
  std::string lost = "unknown: nobody can be promoted";
  const Done* done = std::get_if<Done>(&plan.end);
  if (done != nullptr && !done->account.lost_transactions.empty()) {
    lost = done->account.lost_transactions;
  } else if (winner && operation.replaced) {
    lost = lost_with(fresh, *operation.replaced, *winner);
  } else if (choice.winner && operation.replaced) {
    lost = fmt::format("{} (with {}, which is not promoted)",
                       lost_with(fresh, *operation.replaced, *choice.winner),
                       to_string(*choice.winner));
  }
  text += fmt::format("Would be lost: {}\n", lost);
  json["WouldBeLost"] = lost;
}

/// Places that a move by coordinates has shown to be the same; never those of moves by GTID
/// (REF-7).
Result<> keep_equivalences(const Services& services, const Topology& before,
                           const Outcome& outcome) {
  std::set<InstanceKey> seen;
  for (const StepResult& result : outcome.steps) {
    const auto* target = change_in<PointTo>(result.step.action);
    if (target == nullptr || !seen.insert(result.step.server).second) continue;
    const Instance* server = before.find(result.step.server);
    if (server == nullptr || result.error || !target->equals) continue;
    if (target->positioning != Positioning::Coordinates) continue;
    if (server->replication.source == target->source) continue;
    ORCH_TRY(services.store<storage::EquivalenceStore>().save(
        {server->replication.source, *target->equals}, {target->source, target->coordinates}));
  }
  return {};
}

/// As fence_server() sends them.
std::vector<SqlStatement> fence_statements(const Instance& before, const StatementSettings& words) {
  std::vector<SqlStatement> all{{Secret("KILL"), "KILL each client's session", false}};
  const auto add = [&](const Change& change) {
    for (SqlStatement& statement : statements_for(before, change, words))
      all.push_back(std::move(statement));
  };
  if (before.semi_sync.source_enabled) add(SetSemiSyncSource{false});
  add(SetReadOnly{true, true});
  return all;
}

/// What a step of a plan that is only shown would be told.
Result<> ask_server(Servers& servers, const Instance& before, const Step& step) {
  const SteadyPoint deadline = std::chrono::steady_clock::now() + kAskLimit;
  const bool fences = std::holds_alternative<Fence>(step.action) && answers(before);
  Result<> told;
  if (fences || std::holds_alternative<CheckHandOver>(step.action)) {
    told = servers.check_hand_over(before, deadline);
  } else if (std::holds_alternative<ReadCredentials>(step.action)) {
    const auto found = servers.replication_credentials(before, deadline);
    if (!found) told = fail(found.error());
  }
  if (told || told.error().message.starts_with(to_string(before.key))) return told;
  return fail(std::move(told).error().within(to_string(before.key)));
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
  if (services.give_way()) policy.silent_wait = {};  // a service: see gather_latecomers()
  policy.exact_semi_sync = config.recovery.enforce_exact_semi_sync_replicas;
  policy.apply_promotion = config.recovery.apply_mysql_promotion_after_master_failover;
  policy.detach_lost_replicas = config.recovery.detach_lost_replicas_after_master_failover;
  policy.detach_promoted = config.recovery.master_failover_detach_replica_master_host;
  policy.postpone_replica_recovery_on_lag =
      config.recovery.postpone_replica_recovery_on_lag_minutes;
  policy.verify_replication_filters = config.operation.verify_replication_filters;
  policy.lower_replica_version_allowed = config.operation.lower_replica_version_allowed;
  policy.reasonable_replication_lag = config.operation.reasonable_replication_lag_seconds;
  policy.reasonable_maintenance_replication_lag =
      config.operation.reasonable_maintenance_replication_lag_seconds;
  const RecoverySettings& recovery = config.recovery;
  policy.fencing = recovery.fencing_policy == "required" ? Fencing::Required
                   : recovery.fencing_policy == "off"    ? Fencing::Off
                                                         : Fencing::BestEffort;
  policy.fence_timeout = recovery.fence_timeout_milliseconds;
  policy.has_fence_hooks = !recovery.fence_processes.empty();
  policy.refuses_data_loss = recovery.data_loss_policy == "refuse";
  policy.data_loss_max =
      static_cast<std::uint64_t>(std::max<std::int64_t>(recovery.data_loss_max_transactions, 0));
  policy.pseudo_gtid = !config.pseudo_gtid.pseudo_gtid_pattern.empty();
  policy.bulk_wait = config.operation.instance_bulk_operations_wait_timeout_seconds;
  return policy;
}

Result<EntryRules> entry_rules(const Services& services) {
  const PseudoGtidSettings& settings = services.config().pseudo_gtid;
  return EntryRules::compile({.pattern = settings.pseudo_gtid_pattern,
                              .is_fixed = settings.pseudo_gtid_pattern_is_fixed_substring,
                              .monotonic_hint = settings.pseudo_gtid_monotonic_hint,
                              .skipped = settings.skip_binlog_events_containing});
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
  ORCH_TRY(store.add_positions(records));
  return Topology(std::move(records));
}

namespace {

/// Errors stop a move that somebody asked for; --skip-unresolve and --skip-unresolve-check say
/// what else to do.
ExecutorSettings settings_for(const Services& services, const Args& args) {
  ExecutorSettings settings = executor_settings(services);
  if (args.skip_unresolve) settings.written_name = {};
  if (!args.skip_unresolve && !args.skip_unresolve_check) {
    settings.written_name = written_name(services, WrongName::Refuse);
  }
  return settings;
}

/// The change with the name by which the replica would be told of its source.
Result<Change> as_written(Change change, const Instance& replica, const Topology& fresh,
                          const ExecutorSettings& settings) {
  if (auto* target = std::get_if<PointTo>(&change)) {
    ORCH_ASSIGN(target->written_name,
                name_to_write(replica, *target, fresh, settings,
                              std::chrono::steady_clock::now() + settings.suspect_limit));
  }
  return change;
}

Rereading rereading_by(Executor& executor, const Topology& fresh) {
  return [&](const InstanceKey& key) -> std::optional<Instance> {
    const Topology now = executor.survey(fresh, {key});
    const Instance* read = now.find(key);
    return read != nullptr && answers(*read) ? std::optional(*read) : std::nullopt;
  };
}

RunScope scope_of(const Operation& operation) {
  return {.probe = operation.subjects, .reason = operation.name, .sources = operation.asks_sources};
}

/// Whoever seems to have a transaction in part is looked at again: MySQL's appliers tell how far
/// they are some 300 ms late.
Preview foreseen(const Operation& operation, Topology& fresh, const Foresight& ask,
                 Executor& executor) {
  constexpr std::chrono::milliseconds kLate{400};
  Preview plan = preview(operation.planner, fresh, ask, rereading_by(executor, fresh));
  std::set<InstanceKey> late;
  for (const PreviewedStep& shown : plan.steps) {
    if (is_change<RollBackPartial>(shown.step.action)) late.insert(shown.step.server);
  }
  if (late.empty()) return plan;
  std::this_thread::sleep_for(kLate);
  fresh = executor.survey(fresh, late);
  return preview(operation.planner, fresh, ask, rereading_by(executor, fresh));
}

/// A wrong virtual name must be found before replication is stopped for it.
Result<> check_names(const Services& services, const Operation& operation, const Topology& records,
                     Executor& executor, const ExecutorSettings& settings) {
  ORCH_ASSIGN(const auto names, services.store<storage::HostnameStore>().list_unresolved());
  if (names.empty()) return {};
  const Topology fresh = executor.look(records, scope_of(operation));
  std::set<InstanceKey> sources;
  const Preview plan = preview(operation.planner, fresh, nullptr, rereading_by(executor, fresh));
  for (const PreviewedStep& previewed : plan.steps) {
    const auto* target = change_in<PointTo>(previewed.step.action);
    if (target == nullptr || !sources.insert(target->source).second) continue;
    ORCH_TRY(as_written(*target, previewed.before, fresh, settings));
  }
  return {};
}

}  // namespace

Result<Outcome> carry_out(const Services& services, const Operation& operation, const Args& args) {
  if (args.noop && !operation.runs_with_noop) {
    return fail(ErrorKind::Refused,
                fmt::format("noop: aborting {} operation on {}; signalling error but nothing went "
                            "wrong.",
                            operation.name, to_string(operation.about)));
  }
  ORCH_ASSIGN(const Topology records, records_around(services, operation.subjects));
  ha::BackendLocks locks(
      services.database(), services.clock(), services.self(), owner_argument(args),
      operation.passes_persons_lock ? ha::PersonsLock::Passed : ha::PersonsLock::Stops);
  ProgressObserver observer(services.progress());
  const ExecutorSettings settings = settings_for(services, args);
  Executor executor(services.servers(), services.leadership(), locks, observer, settings);
  if (!args.skip_unresolve && !args.skip_unresolve_check) {
    ORCH_TRY(check_names(services, operation, records, executor, settings));
  }
  ORCH_TRY(mark_incomplete(services, records));
  stop_on_signals();
  Outcome outcome = executor.run(operation.planner, records, scope_of(operation));
  outcome.topology = executor.settled(outcome);
  services.progress().show("");
  std::set<InstanceKey> read = operation.subjects;
  for (const StepResult& result : outcome.steps)
    read.insert(result.step.server);
  const Result<> recorded = record_read(services, read, outcome.topology);
  if (!recorded) log::error("{}", recorded.error().message);
  if (outcome.error) {
    return fail(outcome.error->kind, failure_text(outcome));
  }
  audit(services, operation.name, operation.about, operation.message);
  ORCH_TRY(recorded);
  ORCH_TRY(keep_equivalences(services, records, outcome));
  return outcome;
}

Result<Reply> show_plan(const Services& services, const Operation& operation,
                        const ExecutorSettings& settings) {
  ORCH_ASSIGN(const Topology records, records_around(services, operation.subjects));
  ha::BackendLocks locks(services.database(), services.clock(), services.self(), "");
  StepObserver silent;
  Executor executor(services.servers(), services.leadership(), locks, silent, settings);
  Topology fresh = executor.look(records, scope_of(operation));
  const storage::MaintenanceStore store(services.database(), services.clock(), services.self());
  ORCH_ASSIGN(const std::vector<storage::Maintenance> locked, store.list());
  const auto ask = [&](const Instance& before, const Step& step) -> Result<> {
    const auto lock = std::ranges::find_if(locked, [&](const storage::Maintenance& one) {
      return one.key == step.server && one.by_person;
    });
    if (lock != locked.end() && needs_lock(step) && !operation.passes_persons_lock)
      return fail(ha::refused_lock(step.server, operation.name, &*lock));
    return ask_server(services.servers(), before, step);
  };
  const Preview plan = foreseen(operation, fresh, ask, executor);
  const StatementSettings words{.use_super_read_only =
                                    services.config().connection.use_super_read_only};
  const Done* done = std::get_if<Done>(&plan.end);
  const GiveUp* stuck = std::get_if<GiveUp>(&plan.end);

  Reply reply;
  Json json = {{"Operation", operation.name}, {"Subject", to_json(operation.about)}};
  reply.text = fmt::format("Plan: {} (a dry run: nothing is changed)\n", operation.message);
  const std::optional<InstanceKey> promoted =
      done != nullptr ? done->account.promoted : std::nullopt;
  show_candidates(operation, fresh, plan, promoted, reply.text, json);
  for (const std::string& hook : operation.hooks)
    reply.text += fmt::format("Hook: {}\n", hook);
  if (!operation.hooks.empty()) json["Hooks"] = operation.hooks;
  reply.text += "Steps\n";
  Json steps = Json::array();
  std::size_t number = 0;
  for (const PreviewedStep& previewed : plan.steps) {
    std::vector<SqlStatement> statements;
    if (const Change* change = std::get_if<Change>(&previewed.step.action)) {
      ORCH_ASSIGN(const Change written, as_written(*change, previewed.before, fresh, settings));
      statements = statements_for(previewed.before, written, words);
    } else if (std::holds_alternative<Fence>(previewed.step.action)) {
      statements = fence_statements(previewed.before, words);
    }
    reply.text += fmt::format("  {:>2}. {}", ++number, describe(previewed.step));
    if (!previewed.step.why.empty()) reply.text += fmt::format("  ({})", previewed.step.why);
    if (previewed.step.point_of_no_return) reply.text += "  [point of no return]";
    reply.text += "\n";
    if (previewed.error)
      reply.text += fmt::format("        would fail: {}\n", previewed.error->message);
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
    reply.refused = stuck->because.kind;
    reply.notes.push_back(stuck->because.message);
  }
  reply.json = dump(json);
  return reply;
}

Result<Reply> run_or_show(const Services& services, const Operation& operation, const Args& args,
                          const std::function<Reply(const Outcome&)>& answer) {
  if (args.dry_run) return show_plan(services, operation, settings_for(services, args));
  ORCH_ASSIGN(const Outcome outcome, carry_out(services, operation, args));
  return answer(outcome);
}

}  // namespace orch::cmd
