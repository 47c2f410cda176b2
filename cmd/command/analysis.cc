#include <algorithm>

#include <fmt/format.h>

#include "cmd/command/analysis_reading.h"
#include "cmd/command/analysis_text.h"
#include "cmd/command/families.h"
#include "cmd/command/names.h"
#include "cmd/command/recovery.h"
#include "core/analysis/settings.h"
#include "core/base/log.h"
#include "core/json/analysis_json.h"
#include "core/plan/recovery/dead_primary.h"
#include "core/probe/crawl.h"
#include "ha/quarantine.h"
#include "ha/registration.h"
#include "storage/analysis_store.h"
#include "storage/circumstances.h"

namespace orch::cmd {

Result<AnalysisInput> read_analysis_input(const Services& services) {
  AnalysisInput input;
  ORCH_ASSIGN(input.rules, analysis_rules_of(services.config()));
  ORCH_ASSIGN(std::vector<Instance> records, services.instances().list({}));
  input.topology = Topology(std::move(records));
  ORCH_ASSIGN(input.circumstances, storage::read_circumstances(
                                       services.database(), services.clock(), services.clusters()));
  return input;
}

std::vector<Analysis> analyse_records(const Services& services, const AnalysisInput& input,
                                      const AnalysisHints& hints, const std::string& cluster) {
  std::vector<Analysis> analyses =
      analyse(input.topology, input.circumstances, input.rules, hints, services.clock().now());
  if (!cluster.empty()) {
    std::erase_if(analyses,
                  [&](const Analysis& analysis) { return analysis.cluster.name != cluster; });
  }
  return analyses;
}

Result<> watch_blocked_masters(const Services& services) {
  ORCH_ASSIGN(const AnalysisInput input, read_analysis_input(services));
  std::vector<storage::BinlogEnd> watched;
  for (const Instance& instance : input.topology.instances()) {
    if (needs_coordinates_watched(instance, input.circumstances))
      watched.push_back({instance.key, instance.server.binlog});
  }
  return services.store<storage::AnalysisStore>().save_stand_still(watched);
}

namespace {

/// The contract's verdicts stand on the records as they are; that they are old must not go unsaid.
void warn_of_old_records(const Services& services, const AnalysisInput& input) {
  const TimePoint now = services.clock().now();
  const auto records = input.topology.instances();
  const auto old = std::count_if(records.begin(), records.end(), [&](const Instance& record) {
    return record.freshness.last_checked &&
           now - *record.freshness.last_checked > input.rules.stale_after;
  });
  if (old == 0) return;
  log::warning("{} of {} records are older than {} s: the analysis may not hold any more", old,
               records.size(), input.rules.stale_after.count());
}

Result<Reply> run_replication_analysis(Services& services, const Args& /*args*/) {
  ORCH_ASSIGN(AnalysisInput input, read_analysis_input(services));
  warn_of_old_records(services, input);
  input.rules.judge_age = false;
  input.rules.judge_sickness = false;
  Reply reply;
  Json list = Json::array();
  for (const Analysis& analysis : analyse_records(services, input, {}, "")) {
    reply.lines.push_back(fmt::format("{} (cluster {}): {}", to_string(analysis.key),
                                      analysis.cluster.name, codes_text(analysis)));
    list.push_back(to_json(analysis, {services.self().hostname, services.self().token}));
  }
  reply.json = dump(list);
  return reply;
}

/// Why the one server that may be promoted is not; "" where it may be, or others.
std::string no_other_than(const Services& services, const ha::RecoveryWork& work) {
  if (work.designated_by.empty()) return "";
  const Result<Instance> record = find_known(services, *work.designated);
  if (!record || answers(*record)) return "";
  return to_string(*work.designated) + " does not answer" +
         no_other_text(work.failed, work.designated_by);
}

/// What would run, were it not for an earlier recovery.
Result<> judge_by_past(const Services& services, std::vector<Analysis>& analyses) {
  const storage::RecoveryStore store(services.database(), services.clock(), services.self());
  for (Analysis& analysis : analyses) {
    if (!analysis.recovery) continue;
    ORCH_ASSIGN(const ha::RecoveryWork work, work_for(services, analysis, ""));
    ORCH_ASSIGN(std::string lost, ha::lost_its_place({services.database(), services.clock(),
                                                      services.instances(), services.clusters()},
                                                     work));
    if (!lost.empty()) {
      analysis.actionable = false;
      analysis.recovery.reset();  // nor by hand
      analysis.why_not = std::move(lost);
    }
    if (std::string text = no_other_than(services, work); !text.empty() && !work.downtimed) {
      analysis.actionable = false;
      analysis.recovery.reset();
      analysis.why_not = std::move(text);
    }
    if (!analysis.actionable) continue;
    ORCH_ASSIGN(const auto block, ha::blocked_by_past(services.config().recovery, store,
                                                      services.store<storage::AnalysisStore>(),
                                                      services.clock().now(), work));
    if (!block) continue;
    analysis.actionable = false;
    analysis.why_not = block->reason;
  }
  return {};
}

Result<Reply> run_analyze(Services& services, const Args& args) {
  std::string cluster;
  if (!args.instance.empty() || !args.alias.empty()) {
    ORCH_ASSIGN(cluster, cluster_argument(services, args));
  }
  ORCH_ASSIGN(AnalysisInput input, read_analysis_input(services));
  input.rules.judge_replicas = true;
  std::vector<Analysis> analyses = analyse_records(
      services, input, {.include_downtimed = true, .include_ignored = true}, cluster);
  ORCH_TRY(judge_by_past(services, analyses));
  const auto records = input.topology.instances();
  const auto servers = std::count_if(records.begin(), records.end(), [&](const Instance& record) {
    return cluster.empty() || record.cluster_name == cluster;
  });
  Reply reply;
  Json list = Json::array();
  for (const Analysis& analysis : analyses)
    list.push_back(to_full_json(analysis, {services.self().hostname, services.self().token}));
  reply.json = dump(list);
  reply.text = analysis_text(analyses, static_cast<std::size_t>(servers), services.clock().now(),
                             services.colour());
  // Nobody in a circle is a master, so that nobody has a verdict.
  std::vector<Instance> chosen;
  for (const Instance& record : records) {
    if (cluster.empty() || record.cluster_name == cluster) chosen.push_back(record);
  }
  reply.notes = circle_warnings(Topology(std::move(chosen)));
  // What people know of and set aside wakes nobody up.
  reply.failed = !reply.notes.empty() ||
                 std::any_of(analyses.begin(), analyses.end(), [](const Analysis& analysis) {
                   return !analysis.skippable_due_to_downtime;
                 });
  return reply;
}

}  // namespace

std::vector<Command> analysis_commands() {
  return {
      {.name = "replication-analysis",
       .section = "Recovery",
       .help = "Analyse all known topologies, one line for each server with a problem",
       .offer = Offer::Legacy,
       .run = run_replication_analysis},
      {.name = "analyze",
       .section = "Recovery",
       .help = "What is wrong, how bad it is, and what would be done; exit code 1 if anything is "
               "wrong that is not downtimed",
       .example = "shop",
       .words = {Word::Cluster},
       .offer = Offer::Verb,
       .run = run_analyze},
  };
}

}  // namespace orch::cmd
