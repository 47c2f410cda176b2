#include "core/model/binlog_coordinates.h"

#include <doctest/doctest.h>

namespace orch {

TEST_SUITE("core/model/binlog_coordinates") {
  TEST_CASE("coordinates are read and printed as file:pos") {
    const auto read = parse_binlog_coordinates("mysql-bin.000017:4711");
    REQUIRE(read);
    CHECK(read->log_file == "mysql-bin.000017");
    CHECK(read->log_pos == 4711);
    CHECK(to_string(*read) == "mysql-bin.000017:4711");
    for (const char* text : {"", "mysql-bin.000017", "mysql-bin.000017:", ":4", "f:-1", "f:x",
                             "f:4 ", "f:99999999999999999999"}) {
      CHECK_FALSE_MESSAGE(parse_binlog_coordinates(text), text);
    }
  }

  TEST_CASE("DISC-10: a log number that grows a digit still comes later") {
    CHECK(is_before({"bin.999999", 900}, {"bin.1000000", 4}));
    CHECK_FALSE(is_before({"bin.1000000", 4}, {"bin.999999", 900}));
    CHECK(is_before({"bin.99999999999999999999998", 4}, {"bin.99999999999999999999999", 4}));
  }

  TEST_CASE("position decides within one log, and the type does not count") {
    CHECK(is_before({"bin.000001", 4}, {"bin.000001", 5}));
    CHECK_FALSE(is_before({"bin.000001", 5}, {"bin.000001", 5, BinlogType::Relay}));
    CHECK(compare({"bin.000001", 5}, {"bin.000001", 5, BinlogType::Relay}) ==
          std::weak_ordering::equivalent);
    CHECK(compare({"bin.1", 5}, {"bin.000001", 5}) == std::weak_ordering::equivalent);
  }

  TEST_CASE("other base names are ordered as text, and no number comes before any") {
    CHECK(is_before({"a.000009", 4}, {"b.000001", 4}));
    CHECK(is_before({"", 0}, {"bin.000001", 4}));
    CHECK(is_before({"bin", 9}, {"bin.000000", 4}));
    CHECK(is_before({"bin.", 9}, {"bin.x", 4}));
  }

  TEST_CASE("the next log has the next number at the same width") {
    const auto next = next_log({"bin.000009", 777, BinlogType::Relay});
    REQUIRE(next);
    CHECK(*next == BinlogCoordinates{"bin.000010", 4, BinlogType::Relay});
    CHECK(next_log({"bin.999999", 4})->log_file == "bin.1000000");
    for (const char* name : {"", "bin", "bin.", "bin.00x", "bin.18446744073709551615"}) {
      CHECK_FALSE_MESSAGE(next_log({name, 4}), name);
    }
    CHECK(log_number("my.bin.000012") == 12);
    CHECK_FALSE(log_number("bin.99999999999999999999"));
  }

  TEST_CASE("the legacy detach mark holds a whole place") {
    CHECK(is_detached_log_file("//mysql-bin.000017:4711"));
    for (const char* name : {"", "mysql-bin.000017", "//", "//f", "//:4", "//f:", "//f:x"}) {
      CHECK_FALSE_MESSAGE(is_detached_log_file(name), name);
    }
  }
}

}  // namespace orch
