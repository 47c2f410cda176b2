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
  TEST_CASE("a position has the last transaction of each server in each domain") {
    CHECK(position("").empty());
    CHECK(position(" 1-7-3,\n0-1-42 ").to_string() == "0-1-42,1-7-3");
    CHECK(position("0-2-50,0-1-42,0-2-7").to_string() == "0-1-42,0-2-50");
    CHECK(position("0-1-42,0-2-50,0-3-7").last(0) == MariaDbGtid{0, 2, 50});
    CHECK(position("0-1-42,0-2-42").last(0) == MariaDbGtid{0, 2, 42});
    CHECK_FALSE(position("0-1-42").last(1));
  }

  TEST_CASE("numbers that the server could not have are refused") {
    CHECK(position("4294967295-4294967295-18446744073709551615").ends().size() == 1);
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

  TEST_CASE("a position contains another when each server's transactions reach as far (REF-20)") {
    CHECK(position("0-1-42,1-1-1").contains(position("0-1-41")));
    CHECK_FALSE(position("0-1-42").contains(position("0-1-43")));
    CHECK_FALSE(position("0-1-42").contains(position("1-1-1")));
    CHECK_FALSE(position("0-1-42").contains(position("0-2-42")));
    CHECK(position("").contains(position("")));
  }

  TEST_CASE("later writes of another server do not hide that a server's are missing") {
    CHECK_FALSE(position("0-1-42,0-2-90").contains(position("0-1-50")));
    CHECK(position("0-1-42,0-2-90").missing_from(position("0-1-50,0-2-90")) ==
          std::vector<MariaDbGtid>{{0, 1, 50}});
  }

  TEST_CASE("of a server without transactions here, what came later was received after it") {
    CHECK(position("0-2-90").contains(position("0-1-50")));
    CHECK_FALSE(position("0-2-90").contains(position("0-1-90")));
    CHECK_FALSE(position("0-2-90").contains(position("1-1-50")));
  }

  TEST_CASE("but not after what the server itself wrote") {
    const MariaDbGtidPos own = position("0-2-90").owned_by(2);
    CHECK_FALSE(own.contains(position("0-1-50")));
    CHECK(own.contains(position("0-2-90")));
    CHECK(position("0-2-90").owned_by(3).contains(position("0-1-50")));
    CHECK(own.united(position("0-2-90")).contains(position("0-1-50")));
    CHECK(position("0-2-90").united(own).contains(position("0-1-50")));
    CHECK_FALSE(position("0-2-80").united(own).contains(position("0-1-50")));
  }

  TEST_CASE("a union keeps the later transaction of each server") {
    CHECK(position("0-1-42,1-1-9").united(position("0-2-50,1-1-8,2-3-1")).to_string() ==
          "0-1-42,0-2-50,1-1-9,2-3-1");
  }

  TEST_CASE("what is missing is counted from where the server's, or the domain's, end") {
    CHECK(position("0-1-42").count_missing_from(position("0-1-50,1-1-3")) == 11);
    CHECK(position("0-1-42").count_missing_from(position("0-1-7")) == 0);
    CHECK(position("0-1-42,0-2-90").count_missing_from(position("0-1-50")) == 8);
    CHECK(position("0-1-42").count_missing_from(position("0-1-50,0-2-60")) == 18);
    CHECK(position("").count_missing_from(position("0-1-18446744073709551615,1-1-5")) ==
          18446744073709551615U);
  }
}

}  // namespace orch
