#include "core/config/check.h"

#include <doctest/doctest.h>

namespace orch {

namespace {

/// "KEY: message" of all problems, one a line.
std::string faults(const Config& config, Severity severity = Severity::Error) {
  std::string text;
  for (const ConfigProblem& problem : check_config(config)) {
    CHECK(problem.severity == severity);
    text += problem.key + ": " + problem.message + "\n";
  }
  return text;
}

bool refuses_listen_address(const std::string& address) {
  Config config;
  config.http.listen_address = address;
  return faults(config).starts_with("ListenAddress: must be host:port");
}

bool refuses_seed(const std::string& seed) {
  Config config;
  config.discovery.discovery_seeds = {seed};
  return faults(config).starts_with("DiscoverySeeds: ");
}

}  // namespace

TEST_SUITE("core/config/check") {
  TEST_CASE("the defaults have no fault") {
    CHECK(faults({}) == "");
  }

  TEST_CASE("every key that holds an expression is compiled") {
    const std::string bad = "(";
    std::pair<std::string, Config> broken[] = {
        {"DataCenterPattern", {}},
        {"RegionPattern", {}},
        {"PhysicalEnvironmentPattern", {}},
        {"RejectHostnameResolvePattern", {}},
        {"PseudoGTIDPattern", {}},
        {"ClusterNameToAlias", {}},
        {"DiscoveryIgnoreReplicaHostnameFilters", {}},
        {"DiscoveryIgnoreMasterHostnameFilters", {}},
        {"DiscoveryIgnoreHostnameFilters", {}},
        {"DiscoveryIgnoreReplicationUsernameFilters", {}},
        {"ProblemIgnoreHostnameFilters", {}},
        {"OSCIgnoreHostnameFilters", {}},
        {"RecoveryIgnoreHostnameFilters", {}},
        {"PromotionIgnoreHostnameFilters", {}},
    };
    broken[0].second.classification.data_center_pattern = bad;
    broken[1].second.classification.region_pattern = bad;
    broken[2].second.classification.physical_environment_pattern = bad;
    broken[3].second.discovery.reject_hostname_resolve_pattern = bad;
    broken[4].second.pseudo_gtid.pseudo_gtid_pattern = bad;
    broken[5].second.classification.cluster_name_to_alias = {{bad, "alias"}};
    broken[6].second.discovery.discovery_ignore_replica_hostname_filters = {"ok", bad};
    broken[7].second.discovery.discovery_ignore_master_hostname_filters = {bad};
    broken[8].second.discovery.discovery_ignore_hostname_filters = {bad};
    broken[9].second.discovery.discovery_ignore_replication_username_filters = {bad};
    broken[10].second.operation.problem_ignore_hostname_filters = {bad};
    broken[11].second.operation.osc_ignore_hostname_filters = {bad};
    broken[12].second.recovery.recovery_ignore_hostname_filters = {bad};
    broken[13].second.recovery.promotion_ignore_hostname_filters = {bad};
    for (const auto& [name, config] : broken) {
      const std::string& key = name;  // clang 14 captures no structured binding
      CAPTURE(key);
      CHECK(faults(config).starts_with(key + ": "));
    }
  }

  TEST_CASE("addresses, expressions and empty old values pass") {
    Config config;
    config.recovery.promotion_ignore_hostname_filters = {"10.0.0.1", "2001:db8::1",
                                                         "^db[0-9]+:3306$"};
    config.classification.cluster_name_to_alias = {{"", "ignored"}, {"^db", "main"}};
    config.pseudo_gtid.pseudo_gtid_pattern = "(";
    config.pseudo_gtid.pseudo_gtid_pattern_is_fixed_substring = true;
    CHECK(faults(config) == "");
  }

  TEST_CASE("an empty filter is warned of, as it matches everything") {
    Config config;
    config.recovery.promotion_ignore_hostname_filters = {""};
    CHECK(faults(config, Severity::Warning) ==
          "PromotionIgnoreHostnameFilters: an empty entry matches every instance\n");
  }

  TEST_CASE("clusters to recover may be names, aliases or expressions") {
    Config config;
    config.recovery.recover_master_cluster_filters = {"*", "alias=(", "alias~=^ma", "^db",
                                                      "db1:3306"};
    CHECK(faults(config) == "");
    config.recovery.recover_master_cluster_filters = {"alias~=("};
    CHECK(faults(config).starts_with("RecoverMasterClusterFilters: "));
    config.recovery.recover_master_cluster_filters = {};
    config.recovery.recover_intermediate_master_cluster_filters = {"name("};
    CHECK(faults(config, Severity::Warning) ==
          "RecoverIntermediateMasterClusterFilters: invalid regular expression 'name(': missing ): "
          "name(; it means the cluster of just that name or alias\n");
  }

  TEST_CASE("key-value stores are servers, and the status check is a path") {
    Config config;
    config.kv.consul_address = "consul.example:8500";
    config.kv.zk_address = "zk1, zk2:2181";
    config.http.status_endpoint = "/up";
    CHECK(faults(config) == "");
    config.kv.consul_address = "http://consul:8500";
    config.kv.zk_address = "zk1,zk2:port";
    config.http.status_endpoint = "up";
    CHECK(faults(config) ==
          "ConsulAddress: 'http://consul:8500' names no server; write host:port\n"
          "ZkAddress: 'zk2:port' names no server; write host:port\n"
          "StatusEndpoint: must begin with /, as the path of a request does\n");
  }

  TEST_CASE("the listen address has a port") {
    for (const std::string good : {":3000", "127.0.0.1:3000", "[::1]:3000", "host:0"}) {
      CAPTURE(good);
      CHECK_FALSE(refuses_listen_address(good));
    }
    for (const std::string bad :
         {"", "3000", "host", ":", ":x", ":65536", ":-1", "a b:1", "[::1", "[::1]", "http://h:1"}) {
      CAPTURE(bad);
      CHECK(refuses_listen_address(bad));
    }
    Config config;
    config.http.listen_address = "nonsense";
    config.http.listen_socket = "/run/orch.sock";
    CHECK(faults(config) == "");
  }

  TEST_CASE("addresses of what is switched off do not matter") {
    Config config;
    config.agent.agents_server_port = "x";
    config.raft.raft_nodes = {"a b:1"};
    config.raft.raft_bind = ":x";
    CHECK(faults(config) == "");
    config.agent.serve_agents_http = true;
    config.raft.raft_enabled = true;
    CHECK(check_config(config).size() == 3);
  }

  TEST_CASE("a raft address may lack its port when there is a default") {
    Config config;
    config.raft.raft_enabled = true;
    config.raft.raft_bind = "10.0.0.1";
    config.raft.raft_nodes = {"10.0.0.1", "10.0.0.2:10008", "10.0.0.3:1"};
    config.raft.raft_secret = Secret("s");
    CHECK(faults(config) == "");
    config.raft.default_raft_port = 0;
    CHECK(check_config(config).size() == 2);
  }

  TEST_CASE("raft's times fit each other, and its nodes know each other") {
    Config config;
    config.raft.raft_enabled = true;
    config.raft.raft_nodes = {"a:1", "b:1", "c:1"};
    CHECK(faults(config, Severity::Warning).starts_with("RaftSecret: "));
    config.raft.raft_secret = Secret("s");
    CHECK(check_config(config).empty());
    config.raft.raft_heartbeat_milliseconds = std::chrono::milliseconds(300);
    CHECK(faults(config).starts_with("RaftElectionTimeoutMilliseconds: "));
    config.raft.raft_heartbeat_milliseconds = std::chrono::milliseconds(5);
    CHECK(faults(config).starts_with("RaftHeartbeatMilliseconds: "));
    config.raft.raft_heartbeat_milliseconds = std::chrono::milliseconds(20);
    config.raft.raft_election_timeout_milliseconds = std::chrono::milliseconds(200);
    CHECK(faults(config, Severity::Warning).starts_with("RaftElectionTimeoutMilliseconds: "));
    config.raft.raft_election_timeout_milliseconds = std::chrono::milliseconds(500);
    config.raft.raft_ssl_cert_file = "cert.pem";
    CHECK(faults(config).starts_with("RaftSSLCertFile: "));
    config.raft.raft_ssl_private_key_file = "key.pem";
    config.raft.raft_ssl_ca_file = "ca.pem";
    CHECK(check_config(config).empty());
    config.raft.raft_nodes.pop_back();
    CHECK(faults(config, Severity::Warning).starts_with("RaftNodes: "));
    config.raft.raft_nodes = {"a:1", "b:1", "c:1"};
    config.http.listen_socket = "/run/orch.sock";
    CHECK(faults(config).starts_with("HTTPAdvertise: "));
  }

  TEST_CASE("seeds name servers") {
    CHECK_FALSE(refuses_seed("db1"));
    CHECK_FALSE(refuses_seed("db1:3307"));
    CHECK(refuses_seed(""));
    CHECK(refuses_seed("db1:99999"));
    CHECK(refuses_seed("a b"));
    CHECK(refuses_seed("$(id):3306"));
  }

  TEST_CASE("an expression that picks a part of the name has a group") {
    Config config;
    config.classification.data_center_pattern = "[.]([^.]+)[.]example$";
    config.classification.region_pattern = "[.]example$";
    CHECK(faults(config, Severity::Warning) ==
          "RegionPattern: '[.]example$' has no (group) that says which part of a host name is "
          "meant: it detects nothing\n");
  }

  TEST_CASE("words that mean nothing are warned of") {
    Config config;
    config.backend.backend_db = "postgres";
    config.discovery.hostname_resolve_method = "dns";
    config.discovery.mysql_hostname_resolve_method = "HOSTNAME";
    config.http.authentication_method = "ldap";
    CHECK(faults(config, Severity::Warning) ==
          "BackendDB: 'postgres' is none of '', 'mysql', 'sqlite', 'sqlite3'\n"
          "HostnameResolveMethod: 'dns' is none of 'none', 'default', 'cname', 'ip'\n"
          "AuthenticationMethod: 'ldap' is none of '', 'basic', 'multi', 'proxy', 'token', "
          "'oauth'\n");
  }

  TEST_CASE("policies on which data depends are one of their words, to the letter") {
    Config config;
    config.recovery.fencing_policy = "require";
    config.recovery.data_loss_policy = "Refuse";
    CHECK(faults(config) ==
          "FencingPolicy: 'require' is none of 'required', 'best-effort', 'off'\n"
          "DataLossPolicy: 'Refuse' is none of 'refuse', 'allow'\n");
    config.recovery.fencing_policy = "required";
    config.recovery.data_loss_policy = "refuse";
    CHECK(faults(config) == "");
  }

  TEST_CASE("confirmation times by cluster are whole seconds and their filters compile") {
    Config config;
    config.recovery.failure_confirmation_seconds_by_cluster = {{"alias=shop", "5"}, {"*", "0"}};
    CHECK(faults(config) == "");
    config.recovery.failure_confirmation_seconds_by_cluster = {{"alias=shop", "5s"}};
    CHECK(faults(config).starts_with("FailureConfirmationSecondsByCluster: 'alias=shop'"));
    config.recovery.failure_confirmation_seconds_by_cluster = {{"alias~=(", "5"}};
    CHECK(faults(config).starts_with("FailureConfirmationSecondsByCluster: "));
  }

  TEST_CASE("metrics without a path are warned of") {
    Config config;
    config.metrics.graphite_addr = "graphite:2003";
    CHECK(faults(config, Severity::Warning) == "GraphitePath: no metrics are sent without it\n");
    config.metrics.graphite_path = "orch";
    CHECK(faults(config) == "");
    config.metrics.graphite_addr = "graphite";
    CHECK(faults(config).starts_with("GraphiteAddr: must be host:port"));
  }
}

}  // namespace orch
