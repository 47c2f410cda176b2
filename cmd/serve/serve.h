#pragma once

#include <string>

#include "cmd/wire.h"
#include "core/config/config.h"

namespace orch::cmd {

struct ServeOptions {
  RunOptions run{};
  bool http{true};       ///< orchestrator's `continuous` has no HTTP
  bool discovery{true};  ///< --discovery=false: HTTP only, this node never leads
  bool grab_election{false};
  std::string listen{};  ///< in place of ListenAddress
};

/// `orch serve`: runs until SIGTERM or SIGINT; SIGHUP reads the configuration again. Says READY to
/// systemd (sd_notify(3)) when it answers. The exit code.
int serve(Config config, const ServeOptions& options);

}  // namespace orch::cmd
