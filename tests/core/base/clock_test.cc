#include "core/base/clock.h"

#include <doctest/doctest.h>

namespace orch {

TEST_SUITE("core/base/clock") {
  TEST_CASE("every form that a backend may hold names the same moment") {
    const std::optional<TimePoint> moment = parse_time("2026-01-31 10:20:30");
    REQUIRE(moment);
    CHECK(format_time(*moment) == "2026-01-31 10:20:30");
    CHECK(parse_time("2026-01-31T10:20:30Z") == moment);
    CHECK(parse_time("2026-01-31T12:20:30+02:00") == moment);
    CHECK(parse_time("2026-01-31 05:50:30-04:30") == moment);
    CHECK(parse_time("1769854830") == moment);
    CHECK(parse_time("1769854830000") == moment);
    CHECK(parse_time("2026-01-31 10:20:30.5") == *moment + std::chrono::milliseconds(500));
  }

  TEST_CASE("a date alone is its midnight, minutes are enough") {
    REQUIRE(parse_time("2024-02-29"));
    CHECK(format_time(*parse_time("2024-02-29")) == "2024-02-29 00:00:00");
    CHECK(format_time(*parse_time("2024-02-29 23:59")) == "2024-02-29 23:59:00");
  }

  TEST_CASE("what is no time is nothing") {
    for (const char* text : {"", "yesterday", "2026-02-30", "2026-13-01", "2026-01-31 25:00:00",
                             "2026-01-31 10:20:30 CET", "2026-01-31x10:20", "-5",
                             "9999999999999999999", "2026-01-31 10:20:30."}) {
      CAPTURE(text);
      CHECK_FALSE(parse_time(text));
    }
  }
}

}  // namespace orch
