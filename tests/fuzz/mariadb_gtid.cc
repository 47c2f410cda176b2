#include "core/model/mariadb_gtid.h"

#include <cstddef>

#include "tests/fuzz/require.h"

using orch::MariaDbGtidPos;

// Two positions, a semicolon between them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t middle = text.find(';');
  const auto a = MariaDbGtidPos::parse(text.substr(0, middle));
  const auto b =
      MariaDbGtidPos::parse(middle == std::string_view::npos ? "" : text.substr(middle + 1));
  for (const auto* position : {&a, &b}) {
    if (!*position) {
      ORCH_REQUIRE(!position->error().message.empty() && position->error().message.size() < 300);
      return 0;
    }
  }

  const auto again = MariaDbGtidPos::parse(a->to_string());
  ORCH_REQUIRE(again && *again == *a);
  const MariaDbGtidPos both = a->united(*b);
  ORCH_REQUIRE(both.contains(*a) && both.contains(*b));
  ORCH_REQUIRE(both.count_missing_from(*a) == 0);
  ORCH_REQUIRE(a->contains(*b) == (a->count_missing_from(*b) == 0));
  ORCH_REQUIRE(both.to_string() == b->united(*a).to_string());
  ORCH_REQUIRE(a->united(*a) == *a && both.united(*a) == both);
  return 0;
}
