#include "core/mysql/statements.h"

#include <doctest/doctest.h>

namespace orch {

TEST_SUITE("core/mysql/statements") {
  TEST_CASE("words are chosen by numbers, flavor first (DISC-5)") {
    const auto status = [](Flavor flavor, const char* version) {
      return reading_statements(flavor, parse_server_version(version)).replica_status;
    };
    CHECK(status(Flavor::MySql, "5.7.44") == "SHOW SLAVE STATUS");
    CHECK(status(Flavor::MySql, "8.3.0") == "SHOW SLAVE STATUS");
    CHECK(status(Flavor::Percona, "8.4.0-1") == "SHOW REPLICA STATUS");
    CHECK(status(Flavor::MySql, "10.1.0") == "SHOW REPLICA STATUS");
    CHECK(status(Flavor::MariaDb, "11.8.2-MariaDB") == "SHOW ALL SLAVES STATUS");
    CHECK(status(Flavor::MaxScale, "2.2.1-maxscale") == "SHOW SLAVE STATUS");
  }

  TEST_CASE("the process list is read where the version has it (DISC-6)") {
    const auto schema = [](const char* version) {
      const auto words = reading_statements(Flavor::MySql, parse_server_version(version));
      return words.dump_threads.find("performance_schema") != std::string::npos;
    };
    CHECK_FALSE(schema("8.0.4"));
    CHECK_FALSE(schema("8.0.21"));
    CHECK(schema("8.0.22"));
    CHECK(schema("9.7.4"));
  }

  TEST_CASE("variables are listed or selected by name") {
    CHECK(show_variables({"a", "b"}) == "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('a', 'b')");
    CHECK(select_variables({"a", "b"}) == "SELECT @@global.a AS a, @@global.b AS b");
  }

  TEST_CASE("a query of several statements is told from one with semicolons in quotes") {
    CHECK_FALSE(may_answer_often("SELECT ';', \"a;b\", `c;d`, 'it\\';s' ;; "));
    CHECK(may_answer_often("SET @a = 1; SELECT @a"));
    CHECK(trimmed_statement(" SELECT 1 ; ;\n") == "SELECT 1");
    CHECK(trimmed_statement(" ; ").empty());
  }

  TEST_CASE("a procedure is told from what answers once") {
    for (const char* once : {"select'ams'", "  (SELECT 1)", "-- why\nSHOW VARIABLES",
                             "/* a */ # b\n With x AS (select 1) "
                             "select 1",
                             "SELECT(1)", "select@a"})
      CHECK_MESSAGE(!may_answer_often(once), once);
    for (const char* often :
         {"CALL meta.dc()", "/* a */call dc", "-- a\n(CALL x())", "/*!CALL dc() */",
          "/*M!100000 CALL dc() */", "EXECUTE s", "-- nothing", "/* open", ""})
      CHECK_MESSAGE(may_answer_often(often), often);
  }
}

}  // namespace orch
