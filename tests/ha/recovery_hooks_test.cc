#include "ha/recovery_hooks.h"

#include <doctest/doctest.h>

namespace orch::ha {

TEST_SUITE("ha/recovery_hooks") {
  TEST_CASE("hooks that fence are among those that would run, unless nobody is fenced") {
    RecoverySettings settings;
    settings.fence_processes = {"power"};
    RecoveryWork work;
    CHECK(hooks_of(work, settings) == std::vector<std::string>{"FenceProcesses 1 of 1: power"});
    work.kind = RecoveryKind::DeadIntermediateMaster;
    CHECK(hooks_of(work, settings).empty());
    work.kind = RecoveryKind::DeadMaster;
    settings.fencing_policy = "off";
    CHECK(hooks_of(work, settings).empty());
  }

  TEST_CASE("a limit of its own is told with a hook") {
    RecoverySettings settings;
    settings.fence_processes = {"power"};
    settings.fence_processes.front().timeout = std::chrono::seconds(7);
    CHECK(hooks_of(RecoveryWork(), settings) ==
          std::vector<std::string>{"FenceProcesses 1 of 1: power (at most 7 s)"});
  }
}

}  // namespace orch::ha
