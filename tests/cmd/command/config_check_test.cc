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

  TEST_CASE("a MySQL backend that is asked for is on some server") {
    const auto notes = [](const char* text) {
      return join(config_check(load_config_text(text, "orch.json", {})).notes, "\n");
    };
    CHECK(notes(R"({"BackendDB": "mysql"})") ==
          "orch.json:1: warning: BackendDB: is mysql, and MySQLOrchestratorHost names no server");
    CHECK(notes("{}") == "");
    CHECK(notes(R"({"BackendDB": "mysql", "MySQLOrchestratorHost": "db"})") == "");
  }

  TEST_CASE("with what a service does not start, a configuration is not good") {
    const char* const text = R"({"AuthenticationMethod": "multi"})";
    const Reply reply = config_check(load_config_text(text, "orch.json", {}));
    CHECK(reply.failed);
    CHECK(join(reply.notes, "\n").find("HTTPAuthUser must be set") != std::string::npos);
    const char* const good = R"({"AuthenticationMethod": "multi", "HTTPAuthUser": "admin"})";
    CHECK_FALSE(config_check(load_config_text(good, "orch.json", {})).failed);
  }

  TEST_CASE("a hook that vouches for the old master is not left to itself") {
    const char* const text = R"({"FenceProcesses": ["true", "power-off {failedHost} & "]})";
    const Reply reply = config_check(load_config_text(text, "orch.json", {}));
    CHECK_FALSE(reply.failed);
    REQUIRE(reply.notes.size() == 1);
    CHECK(reply.notes.front().find("FenceProcesses: the & at the end has no effect") !=
          std::string::npos);
    const char* const other = R"({"PostFailoverProcesses": ["tell-people &"]})";
    CHECK(config_check(load_config_text(other, "orch.json", {})).notes.empty());
  }
}

}  // namespace orch::cmd
