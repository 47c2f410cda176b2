#include "core/model/gtid_set.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "tests/fuzz/require.h"

using orch::GtidSet;

// Two sets, a semicolon between them, so that the algebra is fuzzed too.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t middle = text.find(';');
  const auto a = GtidSet::parse(text.substr(0, middle));
  const auto b = GtidSet::parse(middle == std::string_view::npos ? "" : text.substr(middle + 1));
  for (const auto* set : {&a, &b}) {
    if (!*set) {
      ORCH_REQUIRE(!set->error().message.empty() && set->error().message.size() < 300);
      return 0;
    }
  }

  const auto again = GtidSet::parse(a->to_string());
  ORCH_REQUIRE(again && *again == *a);
  const GtidSet both = a->united(*b);
  const GtidSet shared = a->intersected(*b);
  const GtidSet rest = a->minus(*b);
  ORCH_REQUIRE(both.contains(*a) && both.contains(*b));
  ORCH_REQUIRE(a->contains(shared) && b->contains(shared));
  ORCH_REQUIRE(!rest.intersects(*b));
  ORCH_REQUIRE(rest.united(shared) == *a);
  ORCH_REQUIRE(rest.united(*b) == both);
  ORCH_REQUIRE(a->explode(10).size() == std::min<std::uint64_t>(10, a->count()));
  for (const std::string& uuid : a->uuids()) {
    GtidSet without = *a;
    without.remove_uuid(uuid);
    GtidSet only = *a;
    only.retain_uuid(uuid);
    ORCH_REQUIRE(without.united(only) == *a && !without.intersects(only));
  }
  return 0;
}
