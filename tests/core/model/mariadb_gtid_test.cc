#include "core/model/mariadb_gtid.h"

#include <doctest/doctest.h>

namespace orch {

namespace {

MariaDbGtidPos position(std::string_view text) {
  const auto parsed = MariaDbGtidPos::parse(text);
  REQUIRE_MESSAGE(parsed.has_value(), text);
  return *parsed;
}

}  // namespace

TEST_SUITE("core/model/mariadb_gtid") {
  TEST_CASE("a position has one transaction per domain") {
    CHECK(position("").empty());
    CHECK(position(" 1-7-3,\n0-1-42 ").to_string() == "0-1-42,1-7-3");
    CHECK(position("0-1-42").in_domain(0) == MariaDbGtid{0, 1, 42});
    CHECK_FALSE(position("0-1-42").in_domain(1));
  }

  TEST_CASE("of several servers in one domain the highest sequence counts") {
    CHECK(position("0-1-42,0-2-50,0-3-7").to_string() == "0-2-50");
  }

  TEST_CASE("numbers that the server could not have are refused") {
    CHECK(position("4294967295-4294967295-18446744073709551615").domains().size() == 1);
    for (const char* text :
         {"0", "0-1", "0-1-", "-1-2", "0--1", "0-1-2-3", "4294967296-1-1", "0-4294967296-1",
          "0-1-18446744073709551616", "a-1-1", "0-1-1,", ",0-1-1", "0-1-1,,1-1-1", "0 -1-1"}) {
      const auto parsed = MariaDbGtidPos::parse(text);
      REQUIRE_FALSE_MESSAGE(parsed.has_value(), text);
      CHECK(parsed.error().kind == ErrorKind::InvalidInput);
    }
    CHECK(MariaDbGtidPos::parse("0-1-1,0-x-1").error().message ==
          "bad MariaDB GTID position: not domain-server-sequence: \"0-x-1\"");
  }

  TEST_CASE("a position contains another when no domain is behind") {
    CHECK(position("0-1-42,1-1-1").contains(position("0-2-42")));
    CHECK_FALSE(position("0-1-42").contains(position("0-1-43")));
    CHECK_FALSE(position("0-1-42").contains(position("1-1-1")));
    CHECK(position("").contains(position("")));
  }

  TEST_CASE("a union keeps the later transaction of each domain") {
    CHECK(position("0-1-42,1-1-9").united(position("0-2-50,1-1-8,2-3-1")).to_string() ==
          "0-2-50,1-1-9,2-3-1");
  }

  TEST_CASE("what is missing is counted per domain") {
    CHECK(position("0-1-42").missing_from(position("0-1-50,1-1-3")) == 11);
    CHECK(position("0-1-42").missing_from(position("0-1-7")) == 0);
    CHECK(position("").missing_from(position("0-1-18446744073709551615,1-1-5")) ==
          18446744073709551615U);
  }
}

}  // namespace orch
