#include "core/config/problem.h"

#include <doctest/doctest.h>

namespace orch {

TEST_SUITE("core/config/problem") {
  TEST_CASE("a problem is told with file, line and key, as far as they are known") {
    CHECK(format_problem({.file = "a.yaml", .line = 3, .key = "Debug", .message = "must be x"}) ==
          "a.yaml:3: error: Debug: must be x");
    CHECK(format_problem({.file = "a.yaml", .line = 3, .column = 7, .message = "not valid"}) ==
          "a.yaml:3:7: error: not valid");
    CHECK(format_problem({.severity = Severity::Warning, .key = "Debug", .message = "odd"}) ==
          "warning: Debug: odd");
    CHECK(format_problem({.file = "a.json", .message = "no such file"}) ==
          "a.json: error: no such file");
  }

  TEST_CASE("orchestrator's wording names the file when reading failed") {
    CHECK(legacy_text({.file = "a.json", .message = "No such file", .in_reading = true}) ==
          "Cannot read config file: a.json No such file");
    CHECK(legacy_text({.file = "a.json",
                       .line = 2,
                       .column = 5,
                       .message = "not valid JSON",
                       .in_reading = true}) ==
          "Cannot read config file: a.json line 2 column 5: not valid JSON");
    CHECK(legacy_text({.file = "a.json", .key = "RaftBind", .message = "RaftBind must be"}) ==
          "RaftBind must be");
    CHECK(legacy_text({.file = "a.json", .line = 4, .key = "ListenAddress", .message = "odd"}) ==
          "a.json:4: ListenAddress: odd");
  }

  TEST_CASE("warnings are no errors") {
    CHECK_FALSE(has_errors({{.severity = Severity::Warning}}));
    CHECK(has_errors({{.severity = Severity::Warning}, {.severity = Severity::Error}}));
  }
}

}  // namespace orch
