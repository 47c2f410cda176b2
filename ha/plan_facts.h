#pragma once

#include "core/plan/step.h"
#include "storage/journal_store.h"

namespace orch::ha {

// What a plan knows and cannot read from the servers again, in the journal's form.

void write_facts(const PlanFacts& facts, storage::RecoveryRun& run);
/// What cannot be read is left out: the planner then judges by what it sees.
[[nodiscard]] PlanFacts read_facts(const storage::RecoveryRun& run);

/// "gtid ...", "mariadb ...", "binlog file:position"; "" for an unknown position.
[[nodiscard]] std::string position_text(const Position& position);
[[nodiscard]] Position parse_position(std::string_view text);

}  // namespace orch::ha
