#include "cmd/command/config_check.h"

#include <doctest/doctest.h>

#include "core/base/text.h"

namespace orch::cmd {

TEST_SUITE("cmd/command/config_check") {
  TEST_CASE("what orchestrator would do by a key, and orch does not, is told") {
    const LoadedConfig loaded = load_config_text(R"({
      "DetachLostSlavesAfterMasterFailover": true,
      "PostponeReplicaRecoveryOnLagMinutes": 0,
      "ServeAgentsHttp": false
    })",
                                                 "orch.json", {});
    const Reply reply = config_check(loaded);
    CHECK_FALSE(reply.failed);
    CHECK(join(reply.notes, "\n") ==
          "orch.json:2: warning: DetachLostSlavesAfterMasterFailover: has no effect: lost replicas "
          "are put into downtime and stay attached");
    CHECK(config_check(load_config_text("{}", "orch.json", {})).notes.empty());
  }
}

}  // namespace orch::cmd
