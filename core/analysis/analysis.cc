#include "core/analysis/analysis.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "core/analysis/actionability.h"
#include "core/analysis/rules.h"
#include "core/analysis/symptoms.h"
#include "core/base/text.h"

namespace orch {

namespace {

/// Complaints about replicas alone: nobody minds when all of these are downtimed.
bool concerns_replicas(AnalysisCode code) {
  switch (code) {
    case AnalysisCode::AllMasterReplicasNotReplicating:
    case AnalysisCode::AllMasterReplicasNotReplicatingOrDead:
    case AnalysisCode::AllMasterReplicasDead:
    case AnalysisCode::MasterSingleReplicaDead:
    case AnalysisCode::AllCoMasterReplicasNotReplicating:
    case AnalysisCode::DeadIntermediateMasterWithSingleReplica:
    case AnalysisCode::DeadIntermediateMasterWithSingleReplicaFailingToConnect:
    case AnalysisCode::DeadIntermediateMasterAndReplicas:
    case AnalysisCode::DeadIntermediateMasterAndSomeReplicas:
    case AnalysisCode::AllIntermediateMasterReplicasFailingToConnectOrDead:
    case AnalysisCode::AllIntermediateMasterReplicasNotReplicating:
    case AnalysisCode::AllIntermediateMasterReplicasDead:
      return true;
    default:
      return false;
  }
}

/// Judges servers one by one.
class Analyst {
 public:
  Analyst(const Census& census, const Circumstances& circumstances, const AnalysisRules& rules,
          const AnalysisHints& hints, TimePoint now)
      : census_(census), circumstances_(circumstances), rules_(rules), hints_(hints), now_(now) {}

  /// Nothing about a server of which nothing is to be said.
  [[nodiscard]] std::optional<Analysis> look_at(std::size_t place) const {
    const bool reduces = rules_.reduce_replication_analysis_count && !rules_.judge_replicas &&
                         !hints_.include_no_problem;
    if (reduces && may_be_left_out(census_, place, rules_)) return std::nullopt;
    const Facts facts = facts_of(census_, place, circumstances_, rules_, now_);
    const AnalysisCode code = judge(facts);
    // Old records say nothing about weaknesses either.
    std::vector<StructureCode> structure;
    if (code != AnalysisCode::RecordsTooOld) structure = judge_structure(facts);
    if (rules_.judge_sickness) {
      const std::vector<StructureCode> symptoms = symptoms_of(census_, place, circumstances_);
      structure.insert(structure.end(), symptoms.begin(), symptoms.end());
    }
    if (code == AnalysisCode::NoProblem && structure.empty() && !hints_.include_no_problem)
      return std::nullopt;
    const Instance& instance = census_.instances()[place];
    const bool ignored = rules_.ignored && rules_.ignored(instance.key.hostname);
    if (ignored && !hints_.include_ignored) return std::nullopt;

    Analysis analysis = describe(place, facts);
    analysis.code = code;
    analysis.structure = std::move(structure);
    analysis.replicas_downtimed =
        concerns_replicas(code) && facts.replicas.all == facts.replicas.downtimed;
    analysis.skippable_due_to_downtime = analysis.downtime.active || analysis.replicas_downtimed;
    if (analysis.skippable_due_to_downtime && !hints_.include_downtimed) return std::nullopt;
    settle_action(analysis, circumstances_, rules_, ignored);
    return analysis;
  }

 private:
  [[nodiscard]] Analysis describe(std::size_t place, const Facts& facts) const {
    const Instance& instance = census_.instances()[place];
    Analysis analysis{.key = instance.key,
                      .source = instance.replication.source,
                      .cluster = cluster_of(instance),
                      .location = instance.location,
                      .binlog = instance.server.binlog,
                      .is_cluster_master = to_string(instance.key) == instance.cluster_name,
                      .facts = facts,
                      .last_checked = instance.freshness.last_checked,
                      .downtime = instance.downtime};
    analysis.gtid = {std::string(facts.gtid_mode), std::string(facts.min_gtid_mode),
                     std::string(facts.max_gtid_mode), std::string(facts.max_errant)};
    Facts& kept = analysis.facts;
    kept.gtid_mode = kept.min_gtid_mode = kept.max_gtid_mode = kept.max_errant = {};
    for (const std::uint32_t replica : census_.replicas_of(place))
      analysis.replicas.push_back(census_.instances()[replica].key);
    if (instance.downtime.active) {
      if (const std::optional<TimePoint> end = parse_time(instance.downtime.end)) {
        analysis.downtime_remaining = std::max(
            std::chrono::seconds(0), std::chrono::duration_cast<std::chrono::seconds>(*end - now_));
      }
    }
    const auto error = circumstances_.probe_errors.find(instance.key);
    if (error != circumstances_.probe_errors.end()) analysis.probe_error = error->second;
    const auto lock = circumstances_.maintenance.find(instance.key);
    if (lock != circumstances_.maintenance.end()) analysis.maintenance = lock->second;
    return analysis;
  }

  [[nodiscard]] AnalysedCluster cluster_of(const Instance& instance) const {
    AnalysedCluster cluster{.name = instance.cluster_name,
                            .alias = instance.cluster_name,
                            .domain = instance.cluster_name};
    const auto names = circumstances_.clusters.find(instance.cluster_name);
    if (names != circumstances_.clusters.end()) {
      if (!names->second.alias.empty()) cluster.alias = names->second.alias;
      if (!names->second.domain.empty()) cluster.domain = names->second.domain;
    }
    cluster.recovers_masters =
        rules_.recovers_masters && rules_.recovers_masters(cluster.name, cluster.alias);
    cluster.recovers_intermediates =
        rules_.recovers_intermediates && rules_.recovers_intermediates(cluster.name, cluster.alias);
    return cluster;
  }

  const Census& census_;
  const Circumstances& circumstances_;
  const AnalysisRules& rules_;
  const AnalysisHints& hints_;
  TimePoint now_;
};

bool comes_first(const Analysis& a, const Analysis& b) {
  const auto rank = [](const Analysis& analysis) {
    return std::tuple(!analysis.facts.master, !analysis.is_cluster_master,
                      -analysis.facts.replicas.all);
  };
  if (rank(a) != rank(b)) return rank(a) < rank(b);
  return a.key < b.key;
}

std::string how_many(int count, std::string_view none, std::string_view one,
                     std::string_view many) {
  if (count == 0) return std::string(none);
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

}  // namespace

std::vector<Analysis> analyse(const Topology& topology, const Circumstances& circumstances,
                              const AnalysisRules& rules, const AnalysisHints& hints,
                              TimePoint now) {
  const Census census(topology.instances(), circumstances);
  const Analyst analyst(census, circumstances, rules, hints, now);
  std::vector<Analysis> found;
  for (std::size_t place = 0; place < census.instances().size(); ++place) {
    if (std::optional<Analysis> analysis = analyst.look_at(place))
      found.push_back(*std::move(analysis));
  }
  std::sort(found.begin(), found.end(), comes_first);
  return found;
}

Badness badness_of(const Analysis& analysis) {
  Badness worst = traits(analysis.code).badness;
  for (const StructureCode code : analysis.structure)
    worst = std::max(worst, traits(code).badness);
  return worst;
}

std::string codes_text(const Analysis& analysis) {
  std::vector<std::string> codes;
  if (analysis.code != AnalysisCode::NoProblem || analysis.structure.empty())
    codes.emplace_back(to_string(analysis.code));
  for (const StructureCode code : analysis.structure)
    codes.emplace_back(to_string(code));
  return join(codes, ", ");
}

std::string evidence(const Analysis& analysis) {
  const Facts& facts = analysis.facts;
  const ReplicaCounts& replicas = facts.replicas;
  if (replicas.all == 0)
    return facts.reachable ? "it answers, no replica is known" : "no answer, no replica is known";
  std::vector<std::string> parts;
  parts.push_back(fmt::format("{} of {} answer{}", replicas.valid,
                              how_many(replicas.all, "", "replica", "replicas"),
                              replicas.valid == 1 ? "s" : ""));
  if (replicas.stale > 0)
    parts.push_back(how_many(replicas.stale, "", "record is too old", "records are too old"));
  parts.push_back(how_many(replicas.replicating, "none replicates", "replicates", "replicate"));
  if (!facts.reachable) {
    parts.push_back(how_many(replicas.confirming, "none confirms the loss", "confirms the loss",
                             "confirm the loss"));
    if (replicas.deaf > 0) {
      parts.push_back(how_many(replicas.deaf, "", "hears nothing from it, not even heartbeats",
                               "hear nothing from it, not even heartbeats"));
    }
    if (replicas.receiving > 0) {
      parts.push_back(how_many(replicas.receiving, "", "still receives", "still receive") +
                      " (a receiver may take slave_net_timeout to notice)");
    }
  }
  if (replicas.lagging > 0) parts.push_back(how_many(replicas.lagging, "", "lags", "lag"));
  if (replicas.downtimed > 0)
    parts.push_back(how_many(replicas.downtimed, "", "is downtimed", "are downtimed"));
  if (facts.semi_sync_enabled && facts.semi_sync_wanted > 0) {
    parts.push_back(fmt::format("{} of {} acknowledge commits", facts.semi_sync_clients,
                                facts.semi_sync_wanted));
    const unsigned waiting = facts.semi_sync_waiting.value_or(0);
    if (waiting > 0)
      parts.push_back(how_many(static_cast<int>(waiting), "", "session waits", "sessions wait"));
  }
  return join(parts, ", ");
}

std::string_view instance_type(const Analysis& analysis) {
  if (analysis.facts.co_master) return "co-master";
  if (analysis.facts.group_member) return "group-member";
  return analysis.facts.master ? "master" : "intermediate-master";
}

}  // namespace orch
