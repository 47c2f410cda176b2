#include "core/model/recovery.h"

#include <doctest/doctest.h>

namespace orch {

TEST_SUITE("core/model/recovery") {
  TEST_CASE("each kind of recovery is read back from its own name") {
    const std::string_view names[] = {"dead-master",
                                      "dead-co-master",
                                      "dead-intermediate-master",
                                      "dead-group-member",
                                      "non-writeable-master",
                                      "locked-semi-sync-master",
                                      "too-many-semi-sync-replicas",
                                      "graceful-takeover"};
    for (const std::string_view name : names) {
      const auto kind = parse_recovery_kind(name);
      REQUIRE(kind);
      CHECK(to_string(*kind) == name);
    }
    CHECK(parse_recovery_kind("dead-co-master") == RecoveryKind::DeadCoMaster);
    CHECK_FALSE(parse_recovery_kind("DeadMaster"));
  }
}

}  // namespace orch
