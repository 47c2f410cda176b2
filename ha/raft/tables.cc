#include "ha/raft/tables.h"

#include <algorithm>
#include <array>
#include <vector>

#include "core/base/text.h"

namespace orch::ha::raft {

namespace {

constexpr std::array kSharedTables{
    // Recoveries, step by step: the next leader carries them on (HA-10, HA-11).
    SharedTable{"topology_recovery", "recovery_id"},
    SharedTable{"topology_recovery_steps", "recovery_step_id"},
    SharedTable{"topology_failure_detection", "detection_id"},
    SharedTable{"blocked_topology_recovery"},
    SharedTable{"orch_recovery_run"},
    SharedTable{"orch_recovery_journal"},
    SharedTable{"global_recovery_disable"},
    // What recoveries and people decided about servers (HA-12, HA-13).
    SharedTable{"orch_quarantine", "quarantine_id"},
    SharedTable{"database_instance_downtime"},
    SharedTable{"database_instance_maintenance", "database_instance_maintenance_id"},
    // Rules that DetectPromotionRuleQuery finds are written by each node for itself, too.
    SharedTable{"candidate_database_instance"},
    SharedTable{"database_instance_tags"},
    SharedTable{"database_instance_pool"},
    SharedTable{"cluster_alias_override"},
    SharedTable{"hostname_unresolve"},
    SharedTable{"hostname_unresolve_history"},
    SharedTable{"host_attributes"},
    // What the leader did outside, and the next one need not do again.
    SharedTable{"cluster_injected_pseudo_gtid"},
    SharedTable{"kv_store"},
    // Whoever leads must know them. They stay as they are in the database (HA-30): log and
    // snapshots lie beside it, and go from node to node by the connections of the group.
    SharedTable{"access_token", "access_token_id"},
    SharedTable{"orch_raft_node"},
};
constexpr SharedTable kRecords{"database_instance"};

}  // namespace

std::span<const SharedTable> shared_tables() {
  return kSharedTables;
}

StatementKind kind_of(std::string_view sql) {
  using Action = StatementKind::Action;
  constexpr std::size_t kMostWords = 5;  // insert or ignore into TABLE
  std::vector<std::string> head;
  for (std::string_view rest = sql; head.size() < kMostWords;) {
    const std::size_t begin = rest.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) break;
    rest.remove_prefix(begin);
    const std::size_t end = std::min(rest.find_first_of(" \t\r\n("), rest.size());
    if (end == 0) break;
    head.push_back(to_lower(rest.substr(0, end)));
    rest.remove_prefix(end);
  }
  const auto word = [&head](std::size_t i) {
    return i < head.size() ? head[i] : std::string();
  };
  if (word(0) == "update") return {Action::Update, false, word(1)};
  if (word(0) == "delete" && word(1) == "from") return {Action::Delete, false, word(2)};
  if (word(0) == "replace" && word(1) == "into") return {Action::Insert, false, word(2)};
  if (word(0) != "insert") return {};
  if (word(1) == "into") return {Action::Insert, false, word(2)};
  if (word(1) == "ignore") return {Action::Insert, true, word(3)};
  return {Action::Insert, true, word(4)};
}

const SharedTable* shared_table_of(const StatementKind& kind) {
  using Action = StatementKind::Action;
  if (kind.table == kRecords.name) {
    const bool watched = kind.action == Action::Insert && kind.keeps_present;
    return watched || kind.action == Action::Delete ? &kRecords : nullptr;
  }
  const auto* found = std::ranges::find(kSharedTables, kind.table, &SharedTable::name);
  return found == kSharedTables.end() ? nullptr : found;
}

}  // namespace orch::ha::raft
