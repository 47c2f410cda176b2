#include <set>

#include <fmt/format.h>

#include "cmd/command/engine.h"
#include "cmd/command/families.h"
#include "cmd/command/names.h"
#include "cmd/command/recovery_reply.h"
#include "core/base/process.h"
#include "core/base/stop.h"
#include "core/base/text.h"
#include "core/json/json.h"
#include "ha/next_leader.h"
#include "storage/journal_store.h"
#include "storage/recovery_store.h"

namespace orch::cmd {

namespace {

constexpr std::size_t kListed = 20;

storage::RecoveryStore recovery_store_of(const Services& services) {
  return {services.database(), services.clock(), services.self()};
}

std::string time_text(const std::optional<TimePoint>& time) {
  return time ? format_time(*time) : "";
}

/// `gone`: recoveries whose process is known not to live any more.
std::string state_of(const RecoveryRecord& record, const std::set<std::string>& gone = {}) {
  if (!record.ended) return gone.contains(record.uid) ? "cut off" : "running";
  return record.successful ? "done" : "failed";
}

Json record_json(const RecoveryRecord& record, const std::set<std::string>& gone = {}) {
  return {
      {"Id", record.id},
      {"UID", record.uid},
      {"Failed", to_json(record.failed)},
      {"Analysis", record.analysis},
      {"Cluster", record.cluster_name},
      {"ClusterAlias", record.cluster_alias},
      {"State", state_of(record, gone)},
      {"Successor", record.successor.hostname.empty() ? Json(nullptr) : to_json(record.successor)},
      {"Started", time_text(record.started)},
      {"Ended", time_text(record.ended)},
      {"LostReplicas", to_json(record.lost_replicas)},
      {"Participants", to_json(record.participants)},
      {"Errors", record.errors},
      {"Acknowledged", record.acknowledged}};
}

Result<RecoveryRecord> named_recovery(const Services& services, const std::string& name) {
  const storage::RecoveryStore store = recovery_store_of(services);
  const std::optional<std::int64_t> id = parse_int(name);
  ORCH_ASSIGN(std::optional<RecoveryRecord> record, id ? store.find(*id) : store.find(name));
  if (record) return *std::move(record);
  return fail(ErrorKind::NotFound,
              fmt::format("there is no recovery {} ('orch recovery list')", name));
}

Result<Reply> run_list(Services& services, const Args& args) {
  std::string cluster;
  if (!args.instance.empty() || !args.alias.empty()) {
    ORCH_ASSIGN(cluster, cluster_argument(services, args));
    ORCH_ASSIGN(cluster, services.clusters().alias_of(cluster));
  }
  ORCH_ASSIGN(const std::vector<RecoveryRecord> records,
              recovery_store_of(services).list("", 0, cluster.empty() ? kListed : 500));
  ORCH_ASSIGN(const std::vector<storage::RecoveryRun> unfinished,
              services.store<storage::JournalStore>().list_unfinished());
  std::set<std::string> gone;
  for (const storage::RecoveryRun& run : unfinished) {
    if (process_lives(run.owner.process) == false) gone.insert(run.uid);
  }
  Reply reply;
  reply.table.heading = {"id", "state", "cluster", "failed", "analysis", "successor", "started"};
  Json list = Json::array();
  for (const RecoveryRecord& record : records) {
    const std::string& alias = record.cluster_alias;
    if (!cluster.empty() && alias != cluster && record.cluster_name != cluster) continue;
    reply.lines.push_back(record.uid);
    reply.table.rows.push_back(
        {std::to_string(record.id), state_of(record, gone),
         alias.empty() ? record.cluster_name : alias, to_string(record.failed), record.analysis,
         record.successor.hostname.empty() ? "-" : to_string(record.successor),
         time_text(record.started)});
    list.push_back(record_json(record, gone));
  }
  for (const storage::RecoveryRun& run : unfinished) {
    reply.notes.push_back(
        fmt::format("recovery {} of {} has not ended; if its process is gone, "
                    "'orch recovery resume {}' finishes it",
                    run.uid, to_string(run.failed), run.uid));
  }
  reply.json = dump(list);
  return reply;
}

Json journal_json(const std::vector<storage::JournalEntry>& entries) {
  Json list = Json::array();
  for (const storage::JournalEntry& entry : entries) {
    list.push_back(
        {{"Sequence", entry.sequence},
         {"Server", entry.server.hostname.empty() ? Json(nullptr) : to_json(entry.server)},
         {"Action", entry.action},
         {"Why", entry.why},
         {"PointOfNoReturn", entry.point_of_no_return},
         {"State", std::string(storage::to_string(entry.state))},
         {"Error", entry.error},
         {"Begun", time_text(entry.begun)},
         {"Ended", time_text(entry.ended)},
         {"Term", entry.owner.term},
         {"Host", entry.owner.node.hostname}});
  }
  return list;
}

Result<Reply> run_show(Services& services, const Args& args) {
  ORCH_ASSIGN(const RecoveryRecord record, named_recovery(services, args.instance));
  ORCH_ASSIGN(const std::vector<RecoveryStep> story,
              recovery_store_of(services).list_steps(record.uid));
  const storage::JournalStore journal = services.store<storage::JournalStore>();
  ORCH_ASSIGN(const std::vector<storage::JournalEntry> entries, journal.list(record.uid));
  ORCH_ASSIGN(const std::optional<storage::RecoveryRun> run, journal.find_run(record.uid));
  Reply reply;
  reply.text = fmt::format("Recovery {} ({}): {}, {} of {}\n", record.id, record.uid,
                           state_of(record), record.analysis, to_string(record.failed));
  reply.text +=
      fmt::format("  cluster    {}\n  started    {}\n  ended      {}\n", record.cluster_alias,
                  time_text(record.started), time_text(record.ended));
  if (!record.successor.hostname.empty()) {
    reply.text += fmt::format("  successor  {}\n", to_string(record.successor));
  }
  if (run) reply.text += fmt::format("  stage      {} ({})\n", run->stage, run->kind);
  if (run && !run->lost_transactions.empty()) {
    reply.text += fmt::format("  lost       {}\n", run->lost_transactions);
  }
  for (const InstanceKey& key : record.lost_replicas)
    reply.text += fmt::format("  left behind  {}\n", to_string(key));
  for (const std::string& error : record.errors)
    reply.text += fmt::format("  error      {}\n", error);
  reply.text += "Steps\n";
  for (const storage::JournalEntry& entry : entries) {
    const std::string server = entry.server.hostname.empty() ? "" : to_string(entry.server) + ": ";
    reply.text +=
        fmt::format("  {:>3}. {:<6} {}{}{}{}\n", entry.sequence, storage::to_string(entry.state),
                    server, entry.action, entry.point_of_no_return ? "  [point of no return]" : "",
                    entry.error.empty() ? "" : "  " + entry.error);
  }
  reply.text += "Story\n";
  Json told = Json::array();
  for (const RecoveryStep& step : story) {
    reply.text += fmt::format("  {}  {}\n", time_text(step.at), step.message);
    told.push_back({{"At", time_text(step.at)}, {"Message", step.message}});
  }
  reply.lines.push_back(record.uid);
  Json json = record_json(record);
  json["Stage"] = run ? Json(run->stage) : Json(nullptr);
  json["Kind"] = run ? Json(run->kind) : Json(nullptr);
  json["LostTransactions"] = run ? run->lost_transactions : "";
  json["Journal"] = journal_json(entries);
  json["Story"] = told;
  reply.json = dump(json);
  return reply;
}

Result<Reply> run_resume(Services& services, const Args& args) {
  ORCH_ASSIGN(const std::unique_ptr<RecoveryEngine> engine, RecoveryEngine::make(services));
  stop_on_signals();
  Result<ha::RecoveryOutcome> outcome = ha::resume(engine->parts(), args.instance);
  if (outcome) outcome = ha::await_next_leader(engine->parts(), *std::move(outcome));
  services.progress().show("");
  if (!outcome) return fail(outcome.error());
  return recovery_reply(*outcome, args.legacy, false);
}

}  // namespace

std::vector<Command> journal_commands() {
  return {
      {.name = "recovery list",
       .section = "Recovery",
       .help = "List the latest recoveries, of one or all clusters",
       .example = "shop",
       .words = {Word::Cluster},
       .offer = Offer::Verb,
       .run = run_list},
      {.name = "recovery show",
       .section = "Recovery",
       .help = "Show what a recovery did, step by step",
       .example = "17",
       .words = {Word::Recovery},
       .required = 1,
       .offer = Offer::Verb,
       .run = run_show},
      {.name = "recovery resume",
       .section = "Recovery",
       .help = "Finish or undo a recovery whose process was killed",
       .example = "17",
       .words = {Word::Recovery},
       .required = 1,
       .access = Access::Write,
       .needs = Needs::Servers,
       .offer = Offer::Verb,
       .run = run_resume},
  };
}

}  // namespace orch::cmd
