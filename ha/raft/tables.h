#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace orch::ha::raft {

/// A table whose rows are decisions: every node of a group has the same ones.
struct SharedTable {
  std::string_view name{};
  std::string_view key{};  ///< its generated key; "" when it has none
};

/// All of them. What is missing here is a node's own: what its probes saw (records, names that were
/// looked up, positions, histories), what is made of that and of decisions (aliases and domains of
/// clusters), and what the node says of itself (audit, node_health).
std::span<const SharedTable> shared_tables();

/// What a statement does to which table.
struct StatementKind {
  enum class Action { Other, Insert, Update, Delete } action{Action::Other};
  bool keeps_present{false};  ///< an Insert that leaves rows of the same key as they are
  std::string table{};
};
StatementKind kind_of(std::string_view sql);

/// The table, when the statement is for all nodes; else nullptr. Records of servers are each
/// node's own, but that a server is to be watched, or to be forgotten, is a decision.
const SharedTable* shared_table_of(const StatementKind& kind);

}  // namespace orch::ha::raft
