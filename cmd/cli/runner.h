#pragma once

#include <memory>

#include "cmd/cli/remote.h"
#include "cmd/command/command.h"
#include "cmd/wire.h"
#include "core/base/result.h"

namespace orch::cmd {

/// Runs a command where it belongs: in the service that is named, or else that runs on the
/// configuration's backend, or else in this process. The reply is the same.
class Runner {
 public:
  /// Errors: InvalidInput, this command is run by no service; Unreachable; those of the backend.
  static Result<std::unique_ptr<Runner>> open(const Command& command, Config config,
                                              const RunOptions& options, ServiceAccess access,
                                              Progress& progress);
  virtual ~Runner() = default;
  virtual Result<Reply> run(const Args& args) = 0;
};

}  // namespace orch::cmd
