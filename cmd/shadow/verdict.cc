#include "cmd/shadow/verdict.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/analysis/codes.h"
#include "core/base/text.h"
#include "core/json/json.h"

namespace orch::cmd {

namespace {

constexpr std::string_view kFine = "NoProblem";

std::string text_field(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

bool bool_field(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

std::optional<InstanceKey> key_field(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_object()) return std::nullopt;
  const auto port = found->find("Port");
  InstanceKey key{text_field(*found, "Hostname"), 0};
  if (key.hostname.empty() || port == found->end() || !port->is_number_unsigned() ||
      *port > 65535) {
    return std::nullopt;
  }
  key.port = port->get<std::uint16_t>();
  return key;
}

Failure not_the_api(std::string_view call) {
  return fail(ErrorKind::Broken,
              fmt::format("{} is not answered as orchestrator's API does", call));
}

/// The API does not tell what it would do, but all that this depends on.
bool would_recover(const Json& entry, std::string_view code_name) {
  const auto code = parse_analysis_code(code_name);
  if (!code || !traits(*code).recovery) return false;
  if (bool_field(entry, "IsDowntimed") || bool_field(entry, "SkippableDueToDowntime")) return false;
  const auto cluster = entry.find("ClusterDetails");
  if (cluster == entry.end() || !cluster->is_object()) return false;
  const RecoveryKind kind = *traits(*code).recovery;
  const bool lower =
      kind == RecoveryKind::DeadIntermediateMaster || kind == RecoveryKind::DeadGroupMember;
  return bool_field(
      *cluster, lower ? "HasAutomatedIntermediateMasterRecovery" : "HasAutomatedMasterRecovery");
}

std::string verdict_text(const Verdict& verdict) {
  if (!verdict.known) return "it is not known";
  std::string text = verdict.codes.empty()
                         ? "no problem"
                         : join({verdict.codes.begin(), verdict.codes.end()}, ", ");
  if (verdict.recovers) return text + ", would be recovered";
  if (!verdict.why_not.empty()) text += ", would be left alone: " + verdict.why_not;
  return text;
}

}  // namespace

Result<Verdicts> verdicts_of_api(std::string_view analysis, std::string_view instances,
                                 bool recovers) {
  Verdicts verdicts;
  const Json list = Json::parse(instances, nullptr, false);
  if (!list.is_array()) return not_the_api("all-instances");
  for (const Json& instance : list) {
    const auto key = key_field(instance, "Key");
    if (!key) return not_the_api("all-instances");
    verdicts[*key].cluster = text_field(instance, "ClusterName");
  }
  const Json envelope = Json::parse(analysis, nullptr, false);
  if (!envelope.is_object() || text_field(envelope, "Code") != "OK" ||
      !envelope.contains("Details")) {
    return not_the_api("replication-analysis");
  }
  // With nothing to tell, the details may be null.
  for (const Json& entry : envelope["Details"]) {
    const auto key = entry.is_object() ? key_field(entry, "AnalyzedInstanceKey") : std::nullopt;
    if (!key) return not_the_api("replication-analysis");
    Verdict& verdict = verdicts[*key];
    const std::string code = text_field(entry, "Analysis");
    if (!code.empty() && code != kFine) verdict.codes.insert(code);
    if (const auto more = entry.find("StructureAnalysis"); more != entry.end()) {
      for (const Json& each : *more) {
        if (each.is_string()) verdict.codes.insert(each.get<std::string>());
      }
    }
    if (const auto cluster = entry.find("ClusterDetails"); cluster != entry.end()) {
      if (std::string name = text_field(*cluster, "ClusterName"); !name.empty()) {
        verdict.cluster = std::move(name);
      }
    }
    verdict.recovers = verdict.recovers || (recovers && would_recover(entry, code));
  }
  return verdicts;
}

Verdicts verdicts_of(const std::vector<Analysis>& analyses, const Topology& topology) {
  Verdicts verdicts;
  for (const Instance& instance : topology.instances())
    verdicts[instance.key].cluster = instance.cluster_name;
  for (const Analysis& analysis : analyses) {
    Verdict& verdict = verdicts[analysis.key];
    verdict.cluster = analysis.cluster.name;
    if (analysis.code != AnalysisCode::NoProblem) verdict.codes.emplace(to_string(analysis.code));
    for (const StructureCode code : analysis.structure)
      verdict.codes.emplace(to_string(code));
    verdict.recovers = analysis.actionable;
    verdict.why_not = analysis.why_not;
  }
  return verdicts;
}

std::vector<Difference> differences(const Verdicts& theirs, const Verdicts& ours) {
  static const Verdict kUnknown{.known = false};
  std::set<InstanceKey> keys;
  for (const Verdicts* side : {&theirs, &ours}) {
    for (const auto& [key, verdict] : *side)
      keys.insert(key);
  }
  std::vector<Difference> found;
  for (const InstanceKey& key : keys) {
    const auto there = theirs.find(key);
    const auto here = ours.find(key);
    const Verdict& one = there == theirs.end() ? kUnknown : there->second;
    const Verdict& other = here == ours.end() ? kUnknown : here->second;
    if (one.known != other.known || one.codes != other.codes || one.recovers != other.recovers) {
      found.push_back({key, one, other});
    }
  }
  return found;
}

std::vector<Difference> lasting(const std::vector<Difference>& before,
                                const std::vector<Difference>& now) {
  std::vector<Difference> both;
  for (const Difference& each : now) {
    if (std::ranges::find(before, each.key, &Difference::key) != before.end()) both.push_back(each);
  }
  return both;
}

std::string describe(const Difference& difference) {
  const std::string& cluster =
      difference.theirs.known ? difference.theirs.cluster : difference.ours.cluster;
  return replace_all(printable(fmt::format(
                         "{} (cluster {}): there {}; here {}", to_string(difference.key), cluster,
                         verdict_text(difference.theirs), verdict_text(difference.ours))),
                     "\n", " ");
}

}  // namespace orch::cmd
