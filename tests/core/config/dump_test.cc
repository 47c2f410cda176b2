#include "core/config/dump.h"

#include <doctest/doctest.h>

namespace orch {

TEST_SUITE("core/config/dump") {
  TEST_CASE("the configuration is one line of JSON that starts and ends as documented") {
    const std::string json = dump_config(Config{});
    CHECK(json.starts_with(R"({"Debug":false,"EnableSyslog":false,"AuditLogFile":"",)"));
    CHECK(json.ends_with(R"("SeedAcceptableBytesDiff":8192,"SeedWaitSecondsBeforeSend":2})"));
    CHECK(json.find('\n') == std::string::npos);
  }

  TEST_CASE("lists that were never assigned are null, others are empty") {
    const std::string json = dump_config(Config{});
    CHECK(json.find(R"("OAuthScopes":null)") != std::string::npos);
    CHECK(json.find(R"("DiscoveryIgnoreHostnameFilters":null)") != std::string::npos);
    CHECK(json.find(R"("DiscoveryIgnoreReplicaHostnameFilters":[])") != std::string::npos);
    Config config;
    config.http.oauth_scopes = {"a"};
    CHECK(dump_config(config).find(R"("OAuthScopes":["a"])") != std::string::npos);
  }

  TEST_CASE("no secret is ever shown") {
    Config config;
    for (const ConfigKey& key : config_keys()) {
      const FieldRef field = key.place.field(config);
      if (Secret* const* secret = std::get_if<Secret*>(&field)) **secret = Secret("pa$$word");
    }
    const std::string json = dump_config(config);
    CHECK(json.find("pa$$word") == std::string::npos);
    CHECK(json.find(R"("MySQLOrchestratorPassword":"***")") != std::string::npos);
    CHECK(json.find(R"("MySQLTopologyPassword":"***")") != std::string::npos);
    CHECK(json.find(R"("HTTPAuthPassword":"***")") != std::string::npos);
    CHECK(json.find(R"("ConsulAclToken":"***")") != std::string::npos);
    CHECK(dump_config(Config{}).find(R"("MySQLTopologyPassword":"")") != std::string::npos);
  }

  TEST_CASE("texts are escaped and objects are sorted") {
    Config config;
    config.general.web_message = "a\"b\\c\n\t\x01";
    config.classification.cluster_name_to_alias = {{"z", "1"}, {"a", "2"}};
    config.discovery.dead_instance_poll_seconds_multiply_factor = 1.5F;
    const std::string json = dump_config(config);
    CHECK(json.find(R"("WebMessage":"a\"b\\c\n\t\u0001")") != std::string::npos);
    CHECK(json.find(R"("ClusterNameToAlias":{"a":"2","z":"1"})") != std::string::npos);
    CHECK(json.find(R"("DeadInstancePollSecondsMultiplyFactor":1.5)") != std::string::npos);
  }

  TEST_CASE("a key tells its unit and its area") {
    CHECK(type_text(*find_config_key("InstancePollSeconds")) == "seconds");
    CHECK(type_text(*find_config_key("AuditPurgeDays")) == "days");
    CHECK(type_text(*find_config_key("InstanceFlushIntervalMilliseconds")) == "milliseconds");
    CHECK(to_string(find_config_key("SeedWaitSecondsBeforeSend")->place.area) == "Agents");
    CHECK(to_string(find_config_key("Debug")->place.area) == "General");
    CHECK(is_secret(*find_config_key("ConsulAclToken")));
    CHECK_FALSE(is_secret(*find_config_key("ConsulAddress")));
  }
}

}  // namespace orch
