#include "cmd/cli/table_text.h"

#include <doctest/doctest.h>

namespace orch::cmd {

TEST_SUITE("cmd/cli/table_text") {
  TEST_CASE("columns are as wide as their widest character text, line ends cannot break a row") {
    const Table table{.heading = {"NAME", "X"}, .rows = {{"ü", "1"}, {"a\nb", "2"}}};
    CHECK(table_text(table, false) == "NAME  X\nü     1\na b   2\n");
    CHECK(table_text({.heading = {"NAME"}}, false).empty());
  }

  TEST_CASE("JSON is one document, with nothing to tell, too") {
    CHECK(json_text({}) == "[]\n");
    CHECK(json_text({.lines = {"a", "b"}}) == "[\"a\",\"b\"]\n");
    CHECK(json_text({.lines = {"a"}, .json = "{}"}) == "{}\n");
  }

  TEST_CASE("an error in JSON says what and of which kind") {
    CHECK(error_json({ErrorKind::NotFound, "no \"x\""}) ==
          "{\"Code\":\"ERROR\",\"Message\":\"no \\\"x\\\"\",\"Kind\":\"NotFound\"}\n");
  }
}

}  // namespace orch::cmd
