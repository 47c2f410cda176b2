#include "core/base/pattern.h"

#include <doctest/doctest.h>

namespace orch {

TEST_SUITE("core/base/pattern") {
  TEST_CASE("an expression is searched anywhere") {
    const Result<Pattern> pattern = Pattern::compile("db-[0-9]+");
    REQUIRE(pattern);
    CHECK(pattern->matches("prod-db-17.example.com"));
    CHECK_FALSE(pattern->matches("prod-db-x"));
    CHECK_FALSE(pattern->first_group("db-1"));
  }

  TEST_CASE("the first group is what the first match caught") {
    const Result<Pattern> pattern = Pattern::compile("[.]([a-z]+)[.]example");
    REQUIRE(pattern);
    CHECK(pattern->first_group("db1.fra.example.com") == "fra");
    CHECK_FALSE(pattern->first_group("db1.FRA.example.com"));
  }

  TEST_CASE("a broken expression says what is wrong with it") {
    const Result<Pattern> pattern = Pattern::compile("db-(");
    REQUIRE_FALSE(pattern);
    CHECK(pattern.error().kind == ErrorKind::InvalidInput);
    CHECK(pattern.error().message.find("'db-('") != std::string::npos);
  }

  TEST_CASE("a filter's addresses are compared, its expressions searched in host:port") {
    const Result<HostFilter> filter = HostFilter::compile({"10.0.0.1", "backup.*:3307$", "::1"});
    REQUIRE(filter);
    CHECK(filter->matches("10.0.0.1", 3306));
    CHECK_FALSE(filter->matches("10.0.0.11", 3306));
    CHECK(filter->matches("db-backup-1", 3307));
    CHECK_FALSE(filter->matches("db-backup-1", 3306));
    CHECK(filter->matches("::1", 1));
    CHECK_FALSE(HostFilter().matches("any", 1));
    CHECK_FALSE(HostFilter::compile({"ok", "*"}));
  }
}

}  // namespace orch
