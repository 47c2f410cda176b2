#include <doctest/doctest.h>

#include "cmd/cli/legacy.h"

namespace orch::cmd {

TEST_SUITE("cmd/cli/legacy_flags") {
  TEST_CASE("one dash or two, value after '=' or as the next word, the last one wins") {
    const auto flags =
        parse_legacy_flags({"-c", "relocate", "--i=db2:3306", "-d", "db1", "--d=db3"});
    REQUIRE(flags);
    CHECK(flags->command == "relocate");
    CHECK(flags->instance == "db2:3306");
    CHECK(flags->destination == "db3");
  }

  TEST_CASE("a boolean takes a value only after '='") {
    const auto flags =
        parse_legacy_flags({"--discovery=false", "-noop", "-debug=T", "cli", "-c", "x"});
    REQUIRE(flags);
    CHECK_FALSE(flags->discovery);
    CHECK(flags->noop);
    CHECK(flags->debug);
    CHECK(parse_legacy_flags({"--strict-config"})->strict_config);
    CHECK(flags->words == std::vector<std::string>{"cli", "-c", "x"});
    const auto bad = parse_legacy_flags({"--noop=maybe"});
    REQUIRE_FALSE(bad);
    CHECK(bad.error().message == "invalid boolean value \"maybe\" for -noop");
  }

  TEST_CASE("parsing stops at the first other word and at --") {
    CHECK(parse_legacy_flags({"-i", "a", "http", "--debug"})->words ==
          std::vector<std::string>{"http", "--debug"});
    CHECK(parse_legacy_flags({"--", "-x"})->words == std::vector<std::string>{"-x"});
    CHECK_FALSE(parse_legacy_flags({"http", "--debug"})->debug);
  }

  TEST_CASE("an unknown flag and a missing value say so in the contract's words") {
    CHECK(parse_legacy_flags({"--nope"}).error().message == "flag provided but not defined: -nope");
    CHECK(parse_legacy_flags({"-c"}).error().message == "flag needs an argument: -c");
    CHECK(parse_legacy_flags({"---x"}).error().message == "bad flag syntax: ---x");
  }

  TEST_CASE("orchestrator's command line is spoken by its name or with -c") {
    CHECK(is_legacy("/usr/bin/orchestrator", {}));
    CHECK(is_legacy("orch", {"-c", "clusters"}));
    CHECK(is_legacy("orch", {"--config", "x", "-c=clusters"}));
    CHECK_FALSE(is_legacy("/usr/bin/orch", {"--config", "x", "clusters"}));
  }
}

}  // namespace orch::cmd
