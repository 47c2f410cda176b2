#include "core/align/errant_logs.h"

#include <doctest/doctest.h>

#include "tests/support/scripted_logs.h"
#include "tests/support/topology_builder.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

std::string holding(const std::string& wanted) {
  ScriptedLogs logs;
  logs.log("bin.000001").event("Previous_gtids", gtids("1-10"));
  logs.log("bin.000002").event("Previous_gtids", gtids("1-20"));
  logs.log("bin.000003").event("Previous_gtids", gtids("1-20"));
  logs.log("bin.000004").event("Previous_gtids", gtids("1-30"));
  const auto files = logs_holding(logs, GtidSet::parse(wanted).value_or({}));
  if (!files) return files.error().message;
  std::string text;
  for (const std::string& file : *files)
    text += file.substr(file.size() - 1);
  return text;
}

}  // namespace

TEST_SUITE("core/align/errant_logs") {
  TEST_CASE("errant transactions are in the log before the first that counts them (REF-18)") {
    CHECK(holding(gtids("11-15")) == "1");
    CHECK(holding(gtids("15-25")) == "13");
    CHECK(holding(gtids("25-40")) == "34");
    CHECK(holding(gtids("31")) == "4");
    CHECK(holding("") == "");
  }

  TEST_CASE("what the first log counts is in none of them any more") {
    CHECK(holding(gtids("5")) == "is already purged");
    CHECK(holding(gtids("5-15")) == "is already purged");
  }
}
