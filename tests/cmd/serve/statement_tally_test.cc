#include "cmd/serve/statement_tally.h"

#include <algorithm>

#include <doctest/doctest.h>

namespace orch::cmd {

TEST_SUITE("serve/statement_tally") {
  TEST_CASE("statements count under orchestrator's names, each once") {
    StatementTally tally;
    for (const char* sql :
         {"insert or ignore into audit (a) values (?)", "insert ignore into audit (a) values (?)",
          "\n  select hostname from database_instance i\n where 1 = 1",
          "select resolved_hostname from hostname_resolve where hostname = ?",
          "select hostname, resolved_hostname from hostname_resolve order by hostname",
          "insert into hostname_unresolve (a) values (?)"}) {
      tally.add(sql, false);
    }
    const auto counts = tally.counts();
    CHECK(counts.at("audit.write") == 2);
    for (const char* name : {"instance.read", "resolve.read_resolved", "resolve.read_resolved_all",
                             "resolve.write_unresolved"}) {
      CHECK_MESSAGE(counts.at(name) == 1, name);
    }
    CHECK(counts.at("resolve.write_resolved") == 0);
  }

  TEST_CASE("others do not count, also when their tables' names begin alike") {
    StatementTally tally;
    for (const char* sql :
         {"", "  ", "select 1", "select a from database_instance_topology_history",
          "delete from hostname_resolve", "insert into audit_archive (a) values (1)",
          "insert into hostname_resolve_history (a) values (1)"}) {
      tally.add(sql, false);
    }
    CHECK(std::ranges::all_of(tally.counts(), [](const auto& each) { return each.second == 0; }));
  }

  TEST_CASE("a change that was not written was tried") {
    StatementTally tally;
    tally.add("insert into database_instance_analysis_changelog (a) values (?)", true);
    CHECK(tally.counts().at("analysis.change.write.attempt") == 1);
    CHECK(tally.counts().at("analysis.change.write") == 0);
  }
}

}  // namespace orch::cmd
