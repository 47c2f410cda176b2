#pragma once

#include "core/base/result.h"
#include "storage/database.h"
#include "storage/schema_text.h"

namespace orch::storage {

/// Brings tables that an older release made to `schema` (schema document, 2): adds columns and
/// keys, replaces primary keys, widens numbers, sets defaults, drops what is no more. Says nothing
/// of what is newer than ours. What a server refuses of keys and widths is logged and left.
/// Errors: as Database; a column that is missing still.
Result<> adopt_tables(Database& database, const Schema& schema);

}  // namespace orch::storage
