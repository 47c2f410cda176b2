// Two servers' logs as scripts: what one has done, and what the other has written.

#include "core/align/alignment.h"

#include <doctest/doctest.h>

#include "tests/support/scripted_logs.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

EntryRules rules(std::vector<std::string> skipped = {}) {
  auto made = EntryRules::compile(
      {"drop view if exists `_pseudo_gtid_`", true, "asc:", std::move(skipped)});
  REQUIRE(made);
  return *std::move(made);
}

std::string place_of(EventLogs& here, EventLogs& there, const EntryRules& by = rules()) {
  const auto found = align(here, there, by);
  return found ? to_string(found->below) : found.error().message;
}

bool says(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_SUITE("core/align/alignment") {
  TEST_CASE("a replica goes on behind the last event that both have") {
    ScriptedLogs here;
    here.log("relay-bin.000007").row("a.t").entry("01").row("a.t", 5).row("a.u", 6);
    ScriptedLogs there;
    there.log("bin.000001").entry("01").row("a.t", 77).row("a.u", 78);
    const BinlogCoordinates behind = there.end();
    there.row("a.t", 79).entry("02");
    CHECK(place_of(here, there) == to_string(behind));
    const auto found = align(here, there, rules());
    REQUIRE(found);
    CHECK(found->matched == 9);  // markers without a name are not compared
  }

  TEST_CASE("one that has all goes on at the very end") {
    ScriptedLogs here;
    here.log("bin.000001").entry("01").row("a.t");
    ScriptedLogs there;
    there.log("bin.000009").entry("01").row("a.t");
    CHECK(place_of(here, there) == to_string(there.end()));
  }

  TEST_CASE("logs may be changed at different places, and heads of logs differ") {
    ScriptedLogs here;
    here.log("bin.000001").entry("01").row("a.t").event("Rotate", "bin.000002;pos=4");
    here.log("bin.000002").event("Previous_gtids", "").event("Stop", "");
    here.log("bin.000003").event("Gtid_list", "[0-1-5]").row("a.u");
    ScriptedLogs there;
    there.log("bin.000004").entry("01").event("Stop", "");
    there.log("bin.000005").event("Binlog_checkpoint", "bin.000005").row("a.t", 8).row("a.u", 9);
    CHECK(place_of(here, there) == to_string(there.end()));
    // The last event of both stands at the end of a log: that is a place to go on at.
    ScriptedLogs more = there;
    more.event("Rotate", "").log("bin.000006").row("a.v");
    CHECK(place_of(here, more) == to_string(there.end()));
  }

  TEST_CASE("many ignored events in a row do not end the log (PGT-3, PGT-8)") {
    ScriptedLogs here;
    here.log("bin.000001").entry("01").row("a.t");
    ScriptedLogs there;
    there.log("bin.000001").entry("01");
    for (int i = 0; i < 40; ++i)
      there.query("replace into meta.heartbeat values (" + std::to_string(i) + ")");
    there.row("a.t");
    CHECK(place_of(here, there, rules({"meta.heartbeat"})) == to_string(there.end()));
    CHECK(says(place_of(here, there), "the logs differ"));
  }

  TEST_CASE("many empty logs in a row do not end the search") {
    ScriptedLogs here;
    here.log("bin.000001").entry("01").row("a.t");
    ScriptedLogs there;
    there.log("bin.000001").entry("01");
    for (int i = 2; i < 30; ++i)
      there.log("bin.0000" + std::string(i < 10 ? "0" : "") + std::to_string(i));
    there.log("bin.000030").row("a.t");
    CHECK(place_of(here, there) == to_string(there.end()));
  }

  TEST_CASE("one that has more than the other is told so") {
    ScriptedLogs here;
    here.log("bin.000001").entry("01").row("a.t").row("a.u");
    ScriptedLogs there;
    there.log("bin.000001").entry("01").row("a.t");
    const auto found = align(here, there, rules());
    REQUIRE_FALSE(found);
    CHECK(found.error().kind == ErrorKind::Conflict);
    CHECK(says(found.error().message, "more than the other one"));
  }

  TEST_CASE("what a server wrote itself is seen, even where the text is the same") {
    ScriptedLogs here;
    here.log("bin.000001").entry("01").row("a.t").row("a.t");
    ScriptedLogs there;
    there.log("bin.000001").entry("01").row("a.t", 1, 9).row("a.t").row("a.t");
    CHECK(says(place_of(here, there), "of server id 1 is not that at"));
    ScriptedLogs other;
    other.log("bin.000001").entry("01").row("a.other").row("a.t").row("a.t");
    CHECK(says(place_of(here, other), "the logs differ"));
  }

  TEST_CASE("without an entry that both have, no place is guessed") {
    ScriptedLogs none;
    none.log("bin.000001").row("a.t");
    ScriptedLogs there;
    there.log("bin.000001").entry("01").row("a.t");
    CHECK(says(place_of(none, there), "no Pseudo-GTID entry before"));
    ScriptedLogs later;
    later.log("bin.000001").entry("02").row("a.t");
    const auto found = align(later, there, rules());
    REQUIRE_FALSE(found);
    CHECK(found.error().kind == ErrorKind::NotFound);
  }

  TEST_CASE("an entry that stands in a log twice tells nothing") {
    ScriptedLogs twice;
    twice.log("bin.000001").entry("01").row("a.t").entry("01").row("a.t");
    ScriptedLogs once;
    once.log("bin.000001").entry("01").row("a.t");
    CHECK(says(place_of(once, twice), "is not unique"));
    CHECK(says(place_of(twice, once), "is not unique"));
  }

  TEST_CASE("numbers of transactions in the entry's text do not hide it") {
    ScriptedLogs here;
    here.log("bin.000001").query("drop view if exists `_pseudo_gtid_`.`_asc:1` /* xid=5 */");
    here.row("a.t");
    ScriptedLogs there;
    there.log("bin.000001").query("drop view if exists `_pseudo_gtid_`.`_asc:1` /* xid=80 */");
    there.row("a.t");
    CHECK(place_of(here, there) == to_string(there.end()));
  }

  TEST_CASE("a log that does not lead to where the server says that it is, is not believed") {
    ScriptedLogs here;
    here.log("bin.000001").entry("01").row("a.t");
    ScriptedLogs there = here;
    here.ends_at({"bin.000001", here.end().log_pos + 50, BinlogType::Binary});
    const auto found = align(here, there, rules());
    REQUIRE_FALSE(found);
    CHECK(found.error().kind == ErrorKind::Broken);
    here.ends_at({"bin.000001", here.end().log_pos - 200, BinlogType::Binary});
    CHECK(says(place_of(here, there), "does not lead to"));
  }

  TEST_CASE("the middle of a transaction is no place to go on at") {
    ScriptedLogs here;
    here.log("bin.000001").entry("01").query("BEGIN").event("Table_map", "table_id: 1 (a.t)");
    ScriptedLogs there = here;
    CHECK(says(place_of(here, there), "inside of a transaction"));
  }

  TEST_CASE("a place in a log of more than four gigabytes is not believed") {
    ScriptedLogs here;
    here.log("bin.000001").entry("01");
    ScriptedLogs there = here;
    there.last().end_pos = 12;
    const auto found = align(here, there, rules());
    REQUIRE_FALSE(found);
    CHECK(found.error().kind == ErrorKind::Broken);
  }

  TEST_CASE("relay logs are read up to where they are applied, and not beyond") {
    ScriptedLogs here(BinlogType::Relay);
    here.log("relay.000004").event("Rotate", "bin.000001;pos=4").entry("01").row("a.t");
    const BinlogCoordinates applied = here.end();
    here.row("a.u");
    ScriptedLogs there;
    there.log("bin.000001").entry("01").row("a.t");
    const BinlogCoordinates behind = there.end();
    there.row("a.u");
    ScriptedLogs half = here;
    half.ends_at(applied);
    CHECK(place_of(half, there) == to_string(behind));
    CHECK(place_of(here, there) == to_string(there.end()));
    half.ends_at({applied.log_file, applied.log_pos + 30, BinlogType::Relay});
    CHECK(says(place_of(half, there), "does not lead to"));
  }

  TEST_CASE("places are correlated up to where the caller says") {
    ScriptedLogs here;
    here.log("bin.000001").entry("01").row("a.t");
    const BinlogCoordinates until = here.end();
    here.entry("02").row("a.u");
    ScriptedLogs there;
    there.log("bin.000008").entry("01").row("a.t");
    const BinlogCoordinates behind = there.end();
    there.entry("02").row("a.u");
    const auto found = align(here, there, rules(), until);
    REQUIRE(found);
    CHECK(found->below == behind);
    CHECK_FALSE(align(here, there, rules(),
                      BinlogCoordinates{"bin.000001", until.log_pos - 30, BinlogType::Binary}));
  }

  TEST_CASE("logs that begin with a later entry are left for last") {
    ScriptedLogs there(BinlogType::Binary, 50);
    there.log("bin.000001").entry("01").row("a.t");
    there.log("bin.000002").entry("05");
    for (int i = 0; i < 100; ++i)
      there.row("a.t");
    const auto found = find_entry(there, rules(), "drop view if exists `_pseudo_gtid_`.`_asc:01`");
    REQUIRE(found);
    CHECK(found->place.log_file == "bin.000001");
    CHECK(there.pages_read < 6);
    // A master whose clock is behind writes smaller texts later.
    there.log("bin.000003").entry("09").entry("03");
    CHECK(find_entry(there, rules(), "drop view if exists `_pseudo_gtid_`.`_asc:03`"));
  }

  TEST_CASE(
      "the newest entry is looked for in the newest log first, then in older ones if wanted") {
    ScriptedLogs logs;
    logs.log("bin.000001").entry("01").entry("02").log("bin.000002").row("a.t");
    CHECK_FALSE(last_entry(logs, rules(), std::nullopt, false));
    const auto found = last_entry(logs, rules(), std::nullopt, true);
    REQUIRE(found);
    CHECK(says(found->info, "_asc:02"));
  }

  TEST_CASE("an event in a sibling's relay logs is the one with the same place in the source's") {
    ScriptedLogs here(BinlogType::Relay);
    here.log("relay.000002").row("a.t").row("a.t");
    ScriptedLogs there(BinlogType::Relay);
    there.log("relay.000009").row("a.t").row("a.t");
    const auto event = last_applied(here);
    REQUIRE(event);
    const auto found = find_relayed(there, *event);
    REQUIRE(found);
    CHECK(found->event.place.log_file == "relay.000009");
    CHECK(found->next == there.end());  // it is the last: as long as at its source
    there.row("a.u");
    CHECK(find_relayed(there, *event)->next == found->next);
  }

  TEST_CASE("events that are not in order are not believed, however many") {
    ScriptedLogs logs(BinlogType::Binary, 50);
    logs.log("bin.000001").entry("01").row("a.t");
    logs.last().place.log_pos = 4;
    const auto found = last_entry(logs, rules(), std::nullopt, true);
    REQUIRE_FALSE(found);
    CHECK(found.error().kind == ErrorKind::Broken);
  }
}
