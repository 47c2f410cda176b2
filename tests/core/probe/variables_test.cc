#include "core/probe/variables.h"

#include <functional>
#include <string>

#include <doctest/doctest.h>

#include "tests/support/scripted_session.h"

namespace orch {

TEST_SUITE("core/probe/variables") {
  TEST_CASE("what a server keeps out of its binary log is seen, but for what has no rows") {
    const auto by_status = [](const std::string& only, const std::string& ignored) {
      Instance instance;
      read_binlog_status(table({"File", "Position", "Binlog_Do_DB", "Binlog_Ignore_DB"},
                               {{"bin.000007", "777", only, ignored}}),
                         instance);
      return instance.server.filters_binlog;
    };
    const auto by_variables = [](const std::string& only, const std::string& ignored) {
      Variables variables;
      variables.add_columns(table({"binlog_do_db", "binlog_ignore_db"}, {{only, ignored}}));
      Instance instance;
      read_variables(variables, instance);
      // MariaDB's status does not know.
      read_binlog_status(table({"Variable_name", "Value"}, {{"Binlog_snapshot_file", "b.000001"}}),
                         instance);
      return instance.server.filters_binlog;
    };
    for (const auto& filters : {std::function(by_status), std::function(by_variables)}) {
      CHECK(filters("app", ""));
      CHECK(filters("", "information_schema,scratch"));
      CHECK_FALSE(filters("", "information_schema,mysql,performance_schema,sys"));
      CHECK_FALSE(filters("", ""));
    }
  }

  TEST_CASE("which errors a replica skips is seen by either name") {
    const auto skips = [](const std::string& name, const std::string& value) {
      Variables variables;
      variables.add_columns(table({name}, {{value}}));
      Instance instance;
      read_variables(variables, instance);
      return instance.server.skips_errors;
    };
    for (const std::string name : {"slave_skip_errors", "replica_skip_errors"}) {
      CHECK(skips(name, "1032,1062"));
      CHECK(skips(name, "ALL"));
      CHECK_FALSE(skips(name, "OFF"));
      CHECK_FALSE(skips(name, ""));
    }
  }
}

}  // namespace orch
