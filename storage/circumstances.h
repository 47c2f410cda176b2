#pragma once

#include "core/analysis/circumstances.h"
#include "core/base/clock.h"
#include "core/base/result.h"
#include "storage/cluster_store.h"
#include "storage/database.h"

namespace orch::storage {

/// Everything that the backend knows for analysis besides the records of servers.
Result<Circumstances> read_circumstances(Database& database, const Clock& clock,
                                         const ClusterStore& clusters);

}  // namespace orch::storage
