#include "cmd/command/config_check.h"

#include <doctest/doctest.h>

#include "core/base/text.h"

namespace orch::cmd {

TEST_SUITE("cmd/command/config_check") {
  TEST_CASE("what orchestrator would do by a key, and orch does not, is told") {
    const LoadedConfig loaded = load_config_text(R"({
      "DetachLostSlavesAfterMasterFailover": true,
      "ServeAgentsHttp": true
    })",
                                                 "orch.json", {});
    const Reply reply = config_check(loaded);
    CHECK_FALSE(reply.failed);
    CHECK(join(reply.notes, "\n") ==
          "orch.json:3: warning: ServeAgentsHttp: has no effect: agents are not served");
    const char* const off = R"({"ServeAgentsHttp": false})";
    CHECK(config_check(load_config_text(off, "orch.json", {})).notes.empty());
  }
}

}  // namespace orch::cmd
