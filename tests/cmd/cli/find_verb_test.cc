#include "cmd/cli/find_verb.h"

#include <doctest/doctest.h>

namespace orch::cmd {

TEST_SUITE("cmd/cli/find_verb") {
  TEST_CASE("options and their values may stand before the verb") {
    CHECK(find_verb({"topology", "db1"}) == 0);
    CHECK(find_verb({"--config", "file", "--json", "topology"}) == 3);
    CHECK(find_verb({"--config=file", "topology"}) == 1);
    CHECK_FALSE(find_verb({"--config", "file"}));
    CHECK_FALSE(find_verb({}));
  }
}

}  // namespace orch::cmd
