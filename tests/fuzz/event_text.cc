#include "core/align/event_text.h"

#include <cstddef>

#include "tests/fuzz/require.h"

using namespace orch;  // NOLINT(google-build-using-namespace)

// The text of an event, whatever a server may say.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::string clean = normalised(text);
  ORCH_REQUIRE(clean.size() <= text.size() + text.size() / 10 + 1);  // a number becomes a sign

  static const auto kRules = EntryRules::compile({"_asc:[0-9a-f]+", false, "asc:", {"skip"}});
  const BinlogEvent event{{"bin.000001", 4, BinlogType::Binary}, 100, "Query", 1, text};
  ORCH_REQUIRE(kRules);
  if (kRules->is_passed_over(event)) {
    ORCH_REQUIRE(text.find("skip") != std::string::npos ||
                 text.find("ANONYMOUS") != std::string::npos);
  }
  TransactionWatch watch;
  watch.see(event);
  watch.see({{}, 0, "Xid", 1, "COMMIT /* xid=1 */"});
  ORCH_REQUIRE(!watch.inside());
  return 0;
}
