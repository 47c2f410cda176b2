#pragma once

#include <set>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/instance_key.h"
#include "ha/raft/group.h"
#include "storage/database.h"

namespace orch::ha::raft {

/// How far a database is.
struct Progress {
  Index applied{};
  Index changed{};  ///< the latest command that changed anything
};

/// All decisions of a database as they stand after `progress`, and which servers it knows, with a
/// checksum in front. To be called within a transaction.
Result<std::string> write_snapshot(storage::Database& database, const Progress& progress);

/// How far the one was who wrote it. Errors: Broken, when it is damaged, of a later version, or of
/// the other kind of database.
Result<Progress> check_snapshot(const storage::Database& database, std::string_view snapshot);

/// Makes the decisions exactly what the snapshot says; servers that it does not know are forgotten,
/// those that are missing get a bare record. To be called within a transaction, after
/// check_snapshot(). Which servers were forgotten.
Result<std::set<InstanceKey>> load_snapshot(storage::Database& database, const Clock& clock,
                                            std::string_view snapshot);

/// Throws all decisions away.
Result<> clear_decisions(storage::Database& database);

}  // namespace orch::ha::raft
