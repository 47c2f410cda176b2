#include "core/align/gtid_logs.h"

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

TEST_SUITE("core/align/gtid_logs") {
  TEST_CASE("errant transactions are in the log before the first that counts them (REF-18)") {
    CHECK(holding(gtids("11-15")) == "1");
    CHECK(holding(gtids("15-25")) == "13");
    CHECK(holding(gtids("25-40")) == "34");
    CHECK(holding(gtids("31")) == "4");
    CHECK(holding("") == "");
  }

  TEST_CASE("what is in the logs from a place on, across logs and pages, with tags and without") {
    ScriptedLogs logs;
    const auto gtid = [](const std::string& numbers) {
      return "SET @@SESSION.GTID_NEXT= '" + gtids(numbers) + "'";
    };
    logs.log("bin.000001").event("Gtid", gtid("1")).query("COMMIT");
    logs.event("Gtid", gtid("2")).query("COMMIT");
    const BinlogCoordinates place = logs.end();
    logs.event("Gtid", gtid("3")).query("COMMIT").event("Gtid_tagged", gtid("night:1"));
    logs.log("bin.000002").event("Previous_gtids", gtids("1-3")).event("Gtid", gtid("4"));
    logs.event("Anonymous_Gtid", "SET @@SESSION.GTID_NEXT= 'ANONYMOUS'");
    const auto held = gtids_from(logs, place);
    REQUIRE(held);
    CHECK(*held == GtidSet::parse(gtids("3-4") + "," + gtids("night:1")).value_or({}));
    CHECK(gtids_from(logs, logs.end()).value_or(*held).empty());
    CHECK(gtids_from(logs, {"bin.000000", 4}).error().message == "has no bin.000000 any more");
  }

  TEST_CASE("what the first log counts is in none of them any more") {
    CHECK(holding(gtids("5")) == "is already purged");
    CHECK(holding(gtids("5-15")) == "is already purged");
  }
}
