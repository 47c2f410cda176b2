#include "core/align/event_text.h"

#include <doctest/doctest.h>

using namespace orch;  // NOLINT(google-build-using-namespace)

namespace {

EntryRules rules_of(EntryRules::Texts texts) {
  auto rules = EntryRules::compile(std::move(texts));
  REQUIRE(rules);
  return *std::move(rules);
}

bool ends_inside(std::initializer_list<std::pair<const char*, const char*>> events) {
  TransactionWatch watch;
  for (const auto& [type, info] : events)
    watch.see({{}, 0, type, 1, info});
  return watch.inside();
}

}  // namespace

TEST_SUITE("core/align/event_text") {
  TEST_CASE("what differs from server to server is taken out of texts, in a fixed order (PGT-4)") {
    const std::pair<const char*, const char*> texts[] = {
        {"COMMIT /* xid=17 */", "COMMIT"},
        {"COMMIT", "COMMIT"},
        {"CREATE TABLE a.b (i int) /* xid=31 */", "CREATE TABLE a.b (i int)"},
        {"use `a`; insert /* one */ into t /* two */ values (1)",
         "use `a`; insert  into t  values (1)"},
        {"select 1 /* never ends", "select 1 /* never ends"},
        {"table_id: 4711 (app.seq)", "table_id: # (app.seq)"},
        {"table_id: 4711 flags: STMT_END_F", "table_id: # flags: STMT_END_F"},
        {"@`a`=_utf8mb4 X'4142' COLLATE utf8mb4_bin", "@`a`=_utf8mb4 0x4142 COLLATE utf8mb4_bin"},
        {"XA START X'78',X'',1", "XA START X'78',X'',1"},
        {"BEGIN GTID 0-1-7 cid=99", "BEGIN GTID 0-1-7"},
        {"insert into t values (' cid=99')", "insert into t values (' cid=99')"},
        {"", ""},
        {"X'", "X'"},
    };
    for (const auto& [raw, clean] : texts)
      CHECK(normalised(raw) == clean);
  }

  TEST_CASE("entries are recognised by an expression or by a plain text") {
    const BinlogEvent event{{}, 0, "Query", 1, "drop view if exists `p`.`_asc:5`"};
    CHECK(rules_of({"_asc:[0-9]+", false, "", {}}).is_entry(event));
    CHECK_FALSE(rules_of({"_asc:[0-9]+", true, "", {}}).is_entry(event));
    CHECK(rules_of({"`p`.`_asc", true, "", {}}).is_entry(event));
    CHECK(EntryRules::compile({}).error().message ==
          "PseudoGTIDPattern not configured; cannot use Pseudo-GTID");
    CHECK(EntryRules::compile({"(", false, "", {}}).error().kind == ErrorKind::InvalidInput);
  }

  TEST_CASE("heads of logs, nameless markers and what is configured are passed over (PGT-6)") {
    const EntryRules rules = rules_of({"_asc:", true, "", {"heartbeat"}});
    const auto passed = [&](const char* type, const char* info) {
      return rules.is_passed_over({{}, 0, type, 1, info});
    };
    for (const char* type : {"Format_desc", "Stop", "Rotate", "Previous_gtids", "Gtid_list",
                             "Binlog_checkpoint", "Anonymous_Gtid"}) {
      CHECK(passed(type, ""));
    }
    CHECK(passed("Gtid", "SET @@SESSION.GTID_NEXT= 'ANONYMOUS'"));
    CHECK(passed("Query", "replace into meta.heartbeat values (1)"));
    CHECK_FALSE(passed("Gtid", "BEGIN GTID 0-1-5"));
    CHECK_FALSE(passed("Query", "BEGIN"));
  }

  TEST_CASE("a transaction is over when it was committed, and a name alone begins one") {
    CHECK_FALSE(
        ends_inside({{"Query", "BEGIN"}, {"Table_map", ""}, {"Xid", "COMMIT /* xid=1 */"}}));
    CHECK(ends_inside({{"Query", "BEGIN"}, {"Write_rows", "table_id: 1 flags: STMT_END_F"}}));
    CHECK(ends_inside({{"Gtid", "GTID 0-1-5"}}));
    CHECK_FALSE(ends_inside({{"Gtid", "GTID 0-1-5"}, {"Query", "create table a.b (i int)"}}));
    CHECK(ends_inside({{"Gtid", "BEGIN GTID 0-1-5"}, {"Query", "insert into t values (1)"}}));
    CHECK(ends_inside({{"Intvar", "INSERT_ID=5"}}));
    CHECK(ends_inside({{"Query", "BEGIN"}, {"Query", "ROLLBACK TO `a`"}}));
    CHECK_FALSE(ends_inside({{"Query", "BEGIN"}, {"Query", "ROLLBACK"}}));
    CHECK(ends_inside({{"Gtid", "XA START X'78',X'',1 GTID 0-1-10"}, {"Query", "XA END X'78'"}}));
    CHECK_FALSE(ends_inside({{"Query", "XA START X'78'"}, {"XA_prepare", "XA PREPARE X'78'"}}));
  }
}
