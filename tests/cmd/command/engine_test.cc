#include "cmd/command/engine.h"

#include <doctest/doctest.h>

#include "tests/cmd/command/command_fixture.h"

using namespace orch;       // NOLINT(google-build-using-namespace)
using namespace orch::cmd;  // NOLINT(google-build-using-namespace)

TEST_SUITE("cmd/command/engine") {
  TEST_CASE_FIXTURE(CommandFixture, "no change of a server is waited for longer than configured") {
    config.connection.mysql_topology_read_timeout_seconds = std::chrono::seconds(3);
    CHECK(executor_settings(services()).change_limit == std::chrono::seconds(3));
    CHECK(executor_settings(services()).applier_stop_limit == std::chrono::seconds(3));
    config.connection.mysql_topology_read_timeout_seconds = std::chrono::seconds(600);
    CHECK(executor_settings(services()).change_limit == ExecutorSettings().change_limit);
  }
}
