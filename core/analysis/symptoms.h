#pragma once

#include <vector>

#include "core/analysis/codes.h"
#include "core/analysis/facts.h"

namespace orch {

/// What the server at `place` is sick with, by what it answered to the latest probe, by the errors
/// of its own replication, and by what its replicas were told when they tried to connect to it.
[[nodiscard]] std::vector<StructureCode> symptoms_of(const Census& census, std::size_t place,
                                                     const Circumstances& circumstances);

}  // namespace orch
