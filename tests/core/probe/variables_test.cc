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

  TEST_CASE("that clients' transactions may not write is seen by either name") {
    for (const char* name : {"transaction_read_only", "tx_read_only"}) {
      for (const bool on : {false, true}) {
        Variables variables;
        variables.add_columns(table({name}, {{on ? "1" : "0"}}));
        Instance instance;
        read_variables(variables, instance);
        CHECK(instance.server.transactions_read_only == on);
      }
    }
  }

  TEST_CASE("a node of a Galera cluster is one of several primaries, unless it is alone") {
    const auto read = [](const char* on, const char* provider, const char* status, int size,
                         bool follows) {
      Variables variables;
      variables.add_columns(table({"wsrep_on", "wsrep_provider"}, {{on, provider}}));
      Variables told;
      told.add_columns(
          table({"wsrep_cluster_status", "wsrep_cluster_size", "wsrep_cluster_state_uuid"},
                {{status, std::to_string(size), "u-1"}}));
      Instance instance;
      instance.replication.configured = follows;
      read_galera(variables, told, instance);
      return instance;
    };
    const char* kLibrary = "/usr/lib/galera/libgalera_smm.so";
    const Instance node = read("1", kLibrary, "Primary", 3, false);
    CHECK(node.group.name == "galera:u-1");
    CHECK_FALSE(node.group.single_primary);
    CHECK(is_group_primary(node));
    CHECK(node.group.state == "ONLINE");
    CHECK(read("1", kLibrary, "non-Primary", 1, false).group.state == "ERROR");
    CHECK_FALSE(is_group_member(read("1", kLibrary, "Primary", 1, false)));
    CHECK_FALSE(is_group_member(read("1", kLibrary, "Primary", 3, true)));
    CHECK_FALSE(is_group_member(read("0", kLibrary, "Primary", 3, false)));
    CHECK_FALSE(is_group_member(read("1", "none", "Disconnected", 0, false)));
  }
}

}  // namespace orch
