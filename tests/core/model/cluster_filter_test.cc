#include "core/model/cluster_filter.h"

#include <doctest/doctest.h>

namespace orch {

namespace {

bool matches(const std::vector<std::string>& entries, std::string_view name,
             std::string_view alias) {
  const Result<ClusterFilter> filter = ClusterFilter::compile(entries);
  REQUIRE(filter);
  return filter->matches(name, alias);
}

}  // namespace

TEST_SUITE("core/model/cluster_filter") {
  TEST_CASE("no entry matches no cluster") {
    CHECK_FALSE(matches({}, "db1:3306", "shop"));
    CHECK_FALSE(matches({""}, "db1:3306", "shop"));
  }

  TEST_CASE("a star matches every cluster") {
    CHECK(matches({"nothing", "*"}, "db1:3306", ""));
  }

  TEST_CASE("an entry is a name, an alias, or an expression found in the name") {
    CHECK(matches({"db1:3306"}, "db1:3306", ""));
    CHECK(matches({"shop"}, "db1:3306", "shop"));
    CHECK(matches({"^db[0-9]+:"}, "db17:3306", "shop"));
    CHECK_FALSE(matches({"^sho"}, "db1:3306", "shop"));
  }

  TEST_CASE("alias= means the whole alias, alias~= an expression found in it") {
    CHECK(matches({"alias=shop"}, "db1:3306", "shop"));
    CHECK_FALSE(matches({"alias=sho"}, "db1:3306", "shop"));
    CHECK_FALSE(matches({"alias="}, "db1:3306", ""));
    CHECK(matches({"alias~=^sh.p$"}, "db1:3306", "shop"));
    CHECK_FALSE(matches({"alias~=^db"}, "db1:3306", "shop"));
  }

  TEST_CASE("what is no expression is a name or an alias, and nothing else") {
    CHECK(matches({"c++"}, "db1:3306", "c++"));
    CHECK_FALSE(matches({"c++"}, "db1:3306", "c"));
    CHECK_FALSE(matches({"alias+shop++"}, "db1:3306", "shop++"));
    CHECK(matches({"c++", "shop"}, "db1:3306", "shop"));
  }

  TEST_CASE("an expression for aliases that does not compile is an error") {
    const Result<ClusterFilter> filter = ClusterFilter::compile({"alias~=("});
    REQUIRE_FALSE(filter);
    CHECK(filter.error().kind == ErrorKind::InvalidInput);
  }
}

}  // namespace orch
