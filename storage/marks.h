#pragma once

#include <chrono>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/marks.h"
#include "storage/database.h"

namespace orch::storage {

/// `candidate_age`: CandidateInstanceExpireMinutes.
Result<Marks> read_marks(Database& database, const Clock& clock,
                         std::chrono::minutes candidate_age);

}  // namespace orch::storage
