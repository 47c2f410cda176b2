#pragma once

#include <chrono>

#include "cmd/cli/remote.h"
#include "core/config/config.h"

namespace orch::cmd {

struct ShadowOptions {
  ServiceAccess access{};
  bool once{false};
  bool json{false};
  /// Between two looks; zero: InstancePollSeconds.
  std::chrono::seconds interval{0};
};

/// `orch shadow`: looks at the same servers as the orchestrator at that URL, by the same
/// configuration, and prints each verdict in which the two differ in two looks in a row. It writes
/// neither to a server nor to a backend: its own is in memory. Runs until SIGINT or SIGTERM, or
/// with `once` until it is sure. The exit code: 1 when anything differed.
int shadow(Config config, const ShadowOptions& options);

}  // namespace orch::cmd
