#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "core/analysis/codes.h"
#include "core/analysis/facts.h"

namespace orch {

/// One line of a table: the first that holds gives the code.
struct Rule {
  AnalysisCode code{};
  bool (*holds)(const Facts& facts){nullptr};
};

struct StructureRule {
  StructureCode code{};
  bool (*holds)(const Facts& facts){nullptr};
};

/// A table of rules, and whom it is for; tables are asked in this order.
struct RuleTable {
  std::string_view name{};
  bool (*applies)(const Facts& facts){nullptr};
  std::span<const Rule> rules{};
};

std::span<const RuleTable> rule_tables();
std::span<const StructureRule> structure_rules();

/// The main code: of the first rule that holds, else NoProblem.
[[nodiscard]] AnalysisCode judge(const Facts& facts);
/// The structure codes that hold, in their order; symptoms are not among them.
[[nodiscard]] std::vector<StructureCode> judge_structure(const Facts& facts);

}  // namespace orch
