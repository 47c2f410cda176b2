#include "core/execute/hook_text.h"

#include <map>

#include <doctest/doctest.h>

#include "core/execute/hooks.h"

using namespace orch;  // NOLINT(google-build-using-namespace)

namespace {

HookContext dead_master() {
  HookContext context;
  context.failure_type = "DeadMaster";
  context.instance_type = "master";
  context.is_master = true;
  context.failure_description = "Master cannot be reached; none of its replicas replicates";
  context.failed = {"db1", 3306};
  context.cluster = "db1:3306";
  context.cluster_alias = "shop";
  context.replica_count = 2;
  context.replicas = {{"db3", 3306}, {"db2", 3306}};
  context.recovery_uid = "17:ab";
  return context;
}

std::map<std::string, std::string> variables(const HookContext& context) {
  std::map<std::string, std::string> all;
  for (const auto& [name, value] : hook_environment(context))
    all[name] = value;
  return all;
}

std::string printed_by(const std::string& text, const HookContext& context) {
  const auto outcome = run_hook(hook_command(text, context), hook_environment(context), {}, {});
  REQUIRE(outcome.has_value());
  CHECK_MESSAGE(failure_of(*outcome).empty(), failure_of(*outcome));
  return outcome->output;
}

}  // namespace

TEST_SUITE("core/execute/hook_text") {
  TEST_CASE("harmless values stand in the text; unknown placeholders stay") {
    const HookContext context = dead_master();
    CHECK(hook_command("fix {failedHost}:{failedPort} of {failureClusterAlias} {unknown} {",
                       context) == "fix db1:3306 of shop {unknown} {");
    CHECK(hook_command("{countReplicas} {countSlaves} {slaveHosts} {countLostReplicas}", context) ==
          "2 2 db2:3306,db3:3306 0");
    CHECK(hook_command("{isSuccessful} {lostReplicas}.", context) == "false .");
  }

  TEST_CASE("placeholders of a successor stay while there is none") {
    HookContext context = dead_master();
    const std::string text = "{successorHost} {successorPort} {successorAlias}";
    CHECK(hook_command(text, context) == text);
    CHECK(variables(context).count("ORC_SUCCESSOR_HOST") == 0);
    context.successor = InstanceKey{"db2", 3307};
    context.successor_alias = "two";
    CHECK(hook_command(text, context) == "db2 3307 two");
    CHECK(hook_command("{successorBinlogCoordinates}", context) == "{successorBinlogCoordinates}");
    context.successor_coordinates = {"bin.000002", 77, BinlogType::Binary};
    CHECK(hook_command("{successorBinlogCoordinates} {isSuccessful}", context) ==
          "bin.000002:77 true");
    CHECK(variables(context).at("ORC_SUCCESSOR_BINLOG_COORDINATES") == "bin.000002:77");
  }

  TEST_CASE("the environment has the contract's names") {
    HookContext context = dead_master();
    context.successor = InstanceKey{"db2", 3306};
    context.successor_coordinates = {"bin.000002", 77, BinlogType::Binary};
    const auto all = variables(context);
    for (const char* name : {"ORC_FAILURE_TYPE",
                             "ORC_INSTANCE_TYPE",
                             "ORC_IS_MASTER",
                             "ORC_IS_CO_MASTER",
                             "ORC_FAILURE_DESCRIPTION",
                             "ORC_COMMAND",
                             "ORC_FAILED_HOST",
                             "ORC_FAILED_PORT",
                             "ORC_FAILURE_CLUSTER",
                             "ORC_FAILURE_CLUSTER_ALIAS",
                             "ORC_FAILURE_CLUSTER_DOMAIN",
                             "ORC_COUNT_REPLICAS",
                             "ORC_IS_DOWNTIMED",
                             "ORC_AUTO_MASTER_RECOVERY",
                             "ORC_AUTO_INTERMEDIATE_MASTER_RECOVERY",
                             "ORC_ORCHESTRATOR_HOST",
                             "ORC_IS_SUCCESSFUL",
                             "ORC_LOST_REPLICAS",
                             "ORC_REPLICA_HOSTS",
                             "ORC_RECOVERY_UID",
                             "ORC_SUCCESSOR_HOST",
                             "ORC_SUCCESSOR_PORT",
                             "ORC_SUCCESSOR_ALIAS",
                             "ORC_SUCCESSOR_BINLOG_COORDINATES"}) {
      CAPTURE(name);
      CHECK(all.count(name) == 1);
    }
    CHECK(all.size() == 24);
    CHECK(all.at("ORC_IS_MASTER") == "true");
    CHECK(all.at("ORC_REPLICA_HOSTS") == "db2:3306,db3:3306");
  }

  TEST_CASE("no value becomes shell code, whatever stands around it (REC-45)") {
    HookContext context = dead_master();
    const std::pair<std::string, std::string> values[] = {
        {"a; echo PW''NED", "a__echo_PW__NED"},
        {"$(echo PW''NED)", "__echo_PW__NED_"},
        {"`echo PW''NED`", "_echo_PW__NED_"},
        {"'; echo PW''NED; '", "___echo_PW__NED___"},
        {"a\necho PW''NED\n", "a_echo_PW__NED_"},
        {"\\'; echo PW''NED", "____echo_PW__NED"},
        {"a && echo PW''NED #", "a____echo_PW__NED__"},
        {"a echo PW''NED", "a_echo_PW__NED"},
        {"caf\xC3\xA9/[::1]:3306,%=+@-", "caf\xC3\xA9/[::1]:3306,%=+@-"},
    };
    for (const auto& value : values) {  // clang cannot capture structured bindings
      const auto& evil = value.first;
      const auto& harmless = value.second;
      CAPTURE(evil);
      context.cluster_alias = evil;
      CHECK(variables(context).at("ORC_FAILURE_CLUSTER_ALIAS") == evil);
      for (const char* text :
           {"echo {failureClusterAlias}", "echo '{failureClusterAlias}'",
            "echo \"{failureClusterAlias}\"", "echo \"$(echo {failureClusterAlias})\"",
            "cat <<EOF\n{failureClusterAlias}\nEOF", "bash -c 'echo {failureClusterAlias}'",
            "bash -c \"echo {failureClusterAlias}\"", "eval \"echo {failureClusterAlias}\""}) {
        CAPTURE(text);
        if (evil.find('[') == std::string::npos) {
          CHECK(printed_by(text, context) == harmless + "\n");
        }
      }
      // Comments and odd quotes that mislead about the place may spoil the word, not more.
      for (const char* text : {"# don't\nprintf '%s\\n' x{failureClusterAlias}",
                               "printf '%s\\n' $'\\''{failureClusterAlias}",
                               "bash -c 'X={failureClusterAlias}; bash -c \"echo $X\"'",
                               "bash -c 'X={failureClusterAlias} true'"}) {
        CAPTURE(text);
        CHECK(printed_by(text, context).find("PWNED") == std::string::npos);
      }
      CHECK(printed_by("echo '{failureClusterAlias}'", context) == harmless + "\n");
    }
  }

  TEST_CASE("the description is one word, as people read it") {
    HookContext context = dead_master();
    context.failure_description = "Master cannot be reached (2/3 replicas); it's $5";
    const std::string shown = "Master cannot be reached (2/3 replicas)_ it_s _5\n";
    for (const char* text : {"echo {failureDescription}", "echo '{failureDescription}'",
                             "echo \"{failureDescription}\""})
      CHECK(printed_by(text, context) == shown);
    CHECK(printed_by("echo \"$ORC_FAILURE_DESCRIPTION\"", context) ==
          context.failure_description + "\n");
  }

  TEST_CASE("a list that no environment can hold is cut at a comma, and bytes of zero go") {
    HookContext context = dead_master();
    for (int i = 0; i < 20'000; ++i)
      context.replicas.push_back({"replica" + std::to_string(i), 3306});
    context.cluster_alias = std::string("a\0b", 3);
    const auto all = variables(context);
    CHECK(all.at("ORC_REPLICA_HOSTS").size() < 120'000);
    CHECK(all.at("ORC_REPLICA_HOSTS").ends_with(":3306"));
    CHECK(all.at("ORC_FAILURE_CLUSTER_ALIAS") == "ab");
    CHECK(printed_by("echo $ORC_COUNT_REPLICAS", context) == "2\n");
  }
}
