#pragma once

#include <optional>

#include "core/align/alignment.h"
#include "core/ports/server.h"

namespace orch {

struct AlignWays {
  std::optional<EntryRules> entries{};
  bool relay_logs_only{false};
};

/// Where in the binary log of `below` the server, which stands still, goes on: by its own binary
/// log where that holds all that it executed in the same format, else by its relay logs. Errors:
/// those of align() and of Servers::open_logs().
Result<Alignment> align_servers(Servers& servers, const Instance& server, const Instance& below,
                                const AlignWays& ways, SteadyPoint deadline);

}  // namespace orch
