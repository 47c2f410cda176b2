#include "core/config/assign.h"

#include <doctest/doctest.h>

#include "core/config/dump.h"

namespace orch {

namespace {

/// Assigns a JSON value; answers what the key holds then, or the problem.
std::string after(std::string_view name, std::string_view json, Config config = {}) {
  const std::string text = "{\"k\":" + std::string(json) + "}";
  const ParsedConfig parsed = parse_json_config(text);
  REQUIRE_FALSE(parsed.problem);
  const ConfigKey* key = find_config_key(name);
  REQUIRE(key != nullptr);
  const auto problem = assign(*key, parsed.root.items.at(0), config);
  if (problem && problem->severity == Severity::Error) return problem->message;
  return value_as_json(*key, config) + (problem ? " " + problem->message : "");
}

/// The same for a YAML scalar.
std::string after_yaml(std::string_view name, std::string_view yaml) {
  const ParsedConfig parsed = parse_yaml_config("k: " + std::string(yaml));
  REQUIRE_FALSE(parsed.problem);
  Config config;
  const ConfigKey* key = find_config_key(name);
  REQUIRE(key != nullptr);
  const auto problem = assign(*key, parsed.root.items.at(0), config);
  return problem ? problem->message : value_as_json(*key, config);
}

}  // namespace

TEST_SUITE("core/config/assign") {
  TEST_CASE("null leaves a scalar alone and empties a list or an object") {
    Config config;
    config.classification.cluster_name_to_alias = {{"a", "b"}};
    CHECK(after("ListenAddress", "null") == "\":3000\"");
    CHECK(after("InstancePollSeconds", "null") == "5");
    CHECK(after("PowerAuthUsers", "null") == "[]");
    CHECK(after("ClusterNameToAlias", "null", config) == "{}");
  }

  TEST_CASE("a list is replaced, an object is merged entry by entry") {
    Config config;
    config.http.power_auth_users = {"a", "b"};
    config.classification.cluster_name_to_alias = {{"a", "1"}, {"b", "2"}};
    CHECK(after("PowerAuthUsers", R"(["c"])", config) == R"(["c"])");
    CHECK(after("ClusterNameToAlias", R"({"b":"3","c":"4"})", config) ==
          R"({"a":"1","b":"3","c":"4"})");
  }

  TEST_CASE("whole numbers accept neither fractions, exponents nor quotes") {
    CHECK(after("InstancePollSeconds", "5.0") == "must be a whole number, not 5.0");
    CHECK(after("InstancePollSeconds", "5e0") == "must be a whole number, not 5e0");
    CHECK(after("InstancePollSeconds", "\"5\"") == "must be a whole number, not a string");
    CHECK(after("InstancePollSeconds", "true") == "must be a whole number, not true");
    CHECK(after("InstancePollSeconds", "7") == "7");
  }

  TEST_CASE("numbers out of range are refused with the range") {
    CHECK(after("AuditPurgeDays", "-1") == "must be 0 or more, not -1");
    CHECK(after("InstancePollSeconds", "0") == "must be 1 or more, not 0");
    CHECK(after("MySQLOrchestratorPort", "65536") == "must be between 1 and 65535, not 65536");
    CHECK(after("MySQLOrchestratorPort", "0") == "must be between 1 and 65535, not 0");
    CHECK(after("DefaultInstancePort", "70000").starts_with("must be between"));
    CHECK(after("DefaultRaftPort", "0") == "0");
    CHECK(after("MySQLTopologyMaxAllowedPacket", "2147483648") ==
          "out of range: 2147483648 does not fit into 32 bits");
    CHECK(after("MySQLTopologyMaxAllowedPacket", "-2147483648") == "-2147483648");
    CHECK(after("DiscoveryQueueCapacity", "9223372036854775808") ==
          "out of range: 9223372036854775808 does not fit into 64 bits");
    CHECK(after("DiscoveryQueueCapacity", "9223372036854775807") == "9223372036854775807");
    CHECK(after("DiscoveryQueueCapacity", std::string(1000, '9')).size() < 100);
    CHECK(after("DeadInstancePollSecondsMultiplyFactor", "1e40") ==
          "out of range: 1e40 does not fit");
    CHECK(after("DeadInstancePollSecondsMultiplyFactor", "1.25") == "1.25");
  }

  TEST_CASE("a duration that would overflow later becomes 100 years, with a warning") {
    CHECK(after("RecoveryPeriodBlockSeconds", "9223372036854775807") ==
          "3153600000 9223372036854775807 seconds are taken as 3153600000, 100 years");
    CHECK(after("AuditPurgeDays", "36500") == "36500");
    CHECK(after("AuditPurgeDays", "36501").starts_with("36500 "));
    CHECK(after("MySQLConnectionLifetimeSeconds", "-9223372036854775808")
              .starts_with("-3153600000 "));
    CHECK(after("MySQLConnectionLifetimeSeconds", "-1") == "-1");
  }

  TEST_CASE("an entry of the wrong type is named, and nothing is kept of the value") {
    Config config;
    config.http.power_auth_users = {"a"};
    CHECK(after("PowerAuthUsers", R"(["b", 5])", config) == "entry 2 must be a string, not 5");
    CHECK(after("ClusterNameToAlias", R"({"x": ["y"]})") ==
          "entry 'x' must be a string, not a list");
    const ParsedConfig parsed = parse_json_config(R"({"k":["b", 5]})");
    CHECK(assign(*find_config_key("PowerAuthUsers"), parsed.root.items[0], config));
    CHECK(config.http.power_auth_users == std::vector<std::string>{"a"});
  }

  TEST_CASE("a message never shows a string, which may be a password at the wrong key") {
    CHECK(after("Debug", R"("hunter2")") == "must be true or false, not a string");
    CHECK(after("MySQLTopologyPassword", "[\"hunter2\"]") == "must be a string, not a list");
    CHECK(after("MySQLTopologyPassword", R"("hunter2")") == R"("***")");
    CHECK(after_yaml("InstancePollSeconds", "hunter2") == "must be a whole number, not a string");
  }

  TEST_CASE("an entry of a list of hooks is a string, or says more of the hook") {
    const char* both =
        R"(["notify",{"Command":"check {failedHost}","TimeoutSeconds":5,"OnFailure":"continue"}])";
    CHECK(after("PreFailoverProcesses", both) == both);
    CHECK(after("PreFailoverProcesses", R"([{"command":"check"}])") == R"(["check"])");
    CHECK(after("PreFailoverProcesses", R"([{"Command":"check","OnFailure":"abort"}])") ==
          R"([{"Command":"check","OnFailure":"abort"}])");
    CHECK(after_yaml("PreFailoverProcesses", "[a, {Command: b, TimeoutSeconds: 7}]") ==
          R"(["a",{"Command":"b","TimeoutSeconds":7}])");
    const auto wrong = [](const std::string& object) {
      return after("PreFailoverProcesses", "[" + object + "]");
    };
    CHECK(wrong(R"({"TimeoutSeconds":5})") == "entry 1 has no Command");
    CHECK(wrong(R"({"Command":"a","TimeoutSeconds":-1})") ==
          "entry 1 TimeoutSeconds must be 0 or more, not -1");
    CHECK(wrong(R"({"Command":"a","OnFailure":"stop"})") ==
          "entry 1 OnFailure must be abort or continue");
    CHECK(wrong(R"({"Command":"a","Timeout":5})") ==
          "entry 1 Timeout is not known: it may hold Command, TimeoutSeconds and OnFailure");
    CHECK(wrong("7") == "entry 1 must be a string, not 7");
    CHECK(after("PreFailoverProcesses", R"("a")") ==
          "must be a list of strings or objects, not a string");
    CHECK(after("RaftNodes", R"([{"Command":"a"}])") == "entry 1 must be a string, not an object");
  }

  TEST_CASE("no text holds a NUL character") {
    CHECK(after("WebMessage", R"("a\u0000b")") == "must not hold a NUL character");
    CHECK(after("MySQLTopologyPassword", R"("\u0000")") == "must not hold a NUL character");
    CHECK(after("RaftNodes", R"(["a\u0000"])") == "entry 1 must not hold a NUL character");
  }

  TEST_CASE("the key decides what a plain YAML scalar is") {
    CHECK(after_yaml("Debug", "true") == "true");
    CHECK(after_yaml("Debug", "False") == "false");
    CHECK(after_yaml("Debug", "yes") == "must be true or false, not a string");
    CHECK(after_yaml("Debug", "'true'") == "must be true or false, not a string");
    CHECK(after_yaml("InstancePollSeconds", "7") == "7");
    CHECK(after_yaml("InstancePollSeconds", "'7'") == "must be a whole number, not a string");
    CHECK(after_yaml("InstancePollSeconds", "7.5") == "must be a whole number, not 7.5");
    CHECK(after_yaml("InstancePollSeconds", "0x10") == "must be a whole number, not a string");
    CHECK(after_yaml("InstancePollSeconds", "[7]") == "must be a whole number, not a list");
    CHECK(after_yaml("WebMessage", "12345") == "\"12345\"");
    CHECK(after_yaml("WebMessage", "true") == "\"true\"");
    CHECK(after_yaml("WebMessage", "[a]") == "must be a string, not a list");
    CHECK(after_yaml("ListenAddress", "~") == "\":3000\"");
    CHECK(after_yaml("RaftNodes", "[a, 5]") == R"(["a","5"])");
    CHECK(after_yaml("RaftNodes", "a") == "must be a list of strings, not a string");
    CHECK(after_yaml("DeadInstancePollSecondsMultiplyFactor", ".inf") ==
          "must be a number, not a string");
  }
}

}  // namespace orch
