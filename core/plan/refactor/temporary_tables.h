#pragma once

#include <optional>
#include <string>

#include "core/plan/policy.h"
#include "core/plan/step.h"

namespace orch {

// MariaDB before 11.8 may drop the temporary tables that an applier has for its source's clients
// when it starts to read another server's log. What comes after that does not find them, or changes
// another table of that name.

/// Whether its version keeps them.
[[nodiscard]] bool keeps_temporary_tables(const Instance& server);

/// Whether a replica would lose some below the target that may still be used. Not when it has
/// executed all up to `end`, where their clients' work ended; and of a source that does not answer
/// nobody knows.
[[nodiscard]] bool needs_temporary_tables(const Instance& replica, const Instance* source,
                                          const Instance* target,
                                          const std::optional<Position>& end);

/// Waits until it does no more. Nothing when that was done, or its applier stands.
[[nodiscard]] std::optional<Step> await_their_end(const Instance& replica,
                                                  const std::optional<Position>& end,
                                                  const Policy& policy, const Progress& so_far);

/// Why its source is not changed.
[[nodiscard]] std::string temporary_tables_text(const Instance& replica);

}  // namespace orch
