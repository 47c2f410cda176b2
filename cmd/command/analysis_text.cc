#include "cmd/command/analysis_text.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "core/base/text.h"

namespace orch::cmd {

namespace {

constexpr std::string_view kPlainText = "\x1B[0m";

std::string painted(std::string_view text, Badness badness, bool colour) {
  if (!colour) return std::string(text);
  const std::string_view code = badness == Badness::Critical  ? "\x1B[31m"
                                : badness == Badness::Warning ? "\x1B[33m"
                                                              : "\x1B[36m";
  return fmt::format("{}{}{}", code, text, kPlainText);
}

/// What somebody can do now about a failure that nobody deals with by himself.
std::string by_hand(const Analysis& analysis) {
  if (!analysis.recovery) return "";
  switch (*analysis.recovery) {
    case RecoveryKind::DeadMaster:
      return fmt::format("orch failover {}", analysis.cluster.alias);
    case RecoveryKind::NonWriteableMaster:
      return fmt::format("orch set-writeable {}", to_string(analysis.key));
    default:
      return fmt::format("orch recover {}", to_string(analysis.key));
  }
}

std::string action_line(const Analysis& analysis) {
  if (analysis.actionable)
    return fmt::format("an automatic recovery would run: {}", to_string(*analysis.recovery));
  if (!analysis.recovery) return fmt::format("nothing would be done: {}", analysis.why_not);
  return fmt::format("no automatic recovery ({}): {}; by hand: {}", to_string(*analysis.recovery),
                     analysis.why_not, by_hand(analysis));
}

std::string one_analysis(const Analysis& analysis, bool colour) {
  std::string text = fmt::format("  {}  {}\n", to_string(analysis.key),
                                 painted(codes_text(analysis), badness_of(analysis), colour));
  const auto add = [&text](std::string_view line) {
    if (!line.empty()) text += fmt::format("      {}\n", line);
  };
  if (analysis.code != AnalysisCode::NoProblem) {
    add(traits(analysis.code).description);
    add(evidence(analysis));
  }
  for (const StructureCode code : analysis.structure)
    add(traits(code).description);
  if (!analysis.gtid.max_errant.empty()) add("errant: " + analysis.gtid.max_errant);
  if (!analysis.facts.reachable && !analysis.probe_error.empty())
    add("latest probe: " + analysis.probe_error);
  if (analysis.code != AnalysisCode::NoProblem) add(action_line(analysis));
  if (analysis.maintenance) {
    add(fmt::format("under maintenance by {}: {}", analysis.maintenance->owner,
                    analysis.maintenance->reason));
  }
  return text;
}

struct Block {
  Badness worst{Badness::Fine};
  std::vector<const Analysis*> told{};
  std::vector<const Analysis*> old{};  ///< too old to judge
};

std::string old_records(const Block& block, TimePoint now) {
  if (block.old.empty()) return "";
  std::optional<TimePoint> latest;
  for (const Analysis* analysis : block.old)
    latest = std::max(latest, analysis->last_checked);
  const Analysis& first = *block.old.front();
  if (block.old.size() == 1 && !first.facts.too_old) {
    return fmt::format("  {}  {}: {} of {} records of its replicas\n", to_string(first.key),
                       to_string(first.code), first.facts.replicas.stale, first.facts.replicas.all);
  }
  const std::string who = block.old.size() == 1
                              ? "the record of " + to_string(first.key) + " is"
                              : fmt::format("the records of {} servers are", block.old.size());
  const auto age = latest ? std::chrono::duration_cast<std::chrono::seconds>(now - *latest)
                          : std::chrono::seconds(0);
  return fmt::format(
      "  {}: {} too old to judge by (the latest is {} old)\n"
      "      nothing is decided on old records; to read the servers anew: orch discover {}\n",
      to_string(AnalysisCode::RecordsTooOld), who, age_text(age), to_string(first.key));
}

}  // namespace

std::string age_text(std::chrono::seconds age) {
  if (age < std::chrono::minutes(2)) return fmt::format("{}s", age.count());
  if (age < std::chrono::hours(2))
    return fmt::format("{}m", std::chrono::duration_cast<std::chrono::minutes>(age).count());
  if (age < std::chrono::hours(48))
    return fmt::format("{}h", std::chrono::duration_cast<std::chrono::hours>(age).count());
  return fmt::format("{}d", std::chrono::duration_cast<std::chrono::days>(age).count());
}

std::string analysis_text(const std::vector<Analysis>& analyses, std::size_t servers, TimePoint now,
                          bool colour) {
  if (analyses.empty()) {
    return fmt::format("nothing is wrong with {} known server{}\n", servers,
                       servers == 1 ? "" : "s");
  }
  std::map<std::string, Block> blocks;
  for (const Analysis& analysis : analyses) {
    Block& block = blocks[analysis.cluster.name];
    block.worst = std::max(block.worst, badness_of(analysis));
    const bool old = analysis.code == AnalysisCode::RecordsTooOld;
    (old ? block.old : block.told).push_back(&analysis);
  }
  std::vector<const std::pair<const std::string, Block>*> sorted;
  for (const auto& block : blocks)
    sorted.push_back(&block);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto* a, const auto* b) { return a->second.worst > b->second.worst; });
  std::string text;
  for (const auto* named : sorted) {
    const Block& block = named->second;
    const Analysis& any = block.told.empty() ? *block.old.front() : *block.told.front();
    const std::string alias =
        any.cluster.alias == named->first ? "" : fmt::format(" ({})", any.cluster.alias);
    text += fmt::format("{}{}: {}\n", named->first, alias,
                        painted(to_string(block.worst), block.worst, colour));
    for (const Analysis* analysis : block.told)
      text += one_analysis(*analysis, colour);
    text += old_records(block, now);
  }
  return printable(text);
}

}  // namespace orch::cmd
