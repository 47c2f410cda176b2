#include "core/config/keys.h"

#include <algorithm>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "core/config/dump.h"
#include "core/config/load.h"

namespace orch {

namespace {

struct Documented {
  std::string_view name;
  std::string_view type;
  std::string_view standard;  ///< the default, as JSON
};

// As the contract lists them: name, type, default.
constexpr Documented kDocumented[] = {
    {"Debug", "bool", "false"},
    {"EnableSyslog", "bool", "false"},
    {"AuditLogFile", "string", R"("")"},
    {"AuditToSyslog", "bool", "false"},
    {"AuditToBackendDB", "bool", "false"},
    {"AuditPurgeDays", "uint", "7"},
    {"RemoveTextFromHostnameDisplay", "string", R"("")"},
    {"PrependMessagesWithOrcIdentity", "string", R"("")"},
    {"CustomOrcIdentity", "string", R"("")"},
    {"WebMessage", "string", R"("")"},
    {"ListenAddress", "string", R"(":3000")"},
    {"ListenSocket", "string", R"("")"},
    {"URLPrefix", "string", R"("")"},
    {"StatusEndpoint", "string", R"("/api/status")"},
    {"StatusOUVerify", "bool", "false"},
    {"UseSSL", "bool", "false"},
    {"UseMutualTLS", "bool", "false"},
    {"SSLSkipVerify", "bool", "false"},
    {"SSLPrivateKeyFile", "string", R"("")"},
    {"SSLCertFile", "string", R"("")"},
    {"SSLCAFile", "string", R"("")"},
    {"SSLValidOUs", "[]string", "[]"},
    {"ReadOnly", "bool", "false"},
    {"AuthenticationMethod", "string", R"("")"},
    {"HTTPAuthUser", "string", R"("")"},
    {"HTTPAuthPassword", "string", R"("")"},
    {"AuthUserHeader", "string", R"("X-Forwarded-User")"},
    {"PowerAuthUsers", "[]string", R"(["*"])"},
    {"PowerAuthGroups", "[]string", "[]"},
    {"AccessTokenUseExpirySeconds", "uint", "60"},
    {"AccessTokenExpiryMinutes", "uint", "1440"},
    {"OAuthClientId", "string", R"("")"},
    {"OAuthClientSecret", "string", R"("")"},
    {"OAuthScopes", "[]string", "null"},
    {"BackendDB", "string", R"("mysql")"},
    {"SQLite3DataFile", "string", R"("")"},
    {"SkipOrchestratorDatabaseUpdate", "bool", "false"},
    {"PanicIfDifferentDatabaseDeploy", "bool", "false"},
    {"MySQLOrchestratorHost", "string", R"("")"},
    {"MySQLOrchestratorPort", "uint", "3306"},
    {"MySQLOrchestratorDatabase", "string", R"("")"},
    {"MySQLOrchestratorStorageEngine", "string", R"("InnoDB")"},
    {"MySQLOrchestratorUser", "string", R"("")"},
    {"MySQLOrchestratorPassword", "string", R"("")"},
    {"MySQLOrchestratorCredentialsConfigFile", "string", R"("")"},
    {"MySQLOrchestratorUseMutualTLS", "bool", "false"},
    {"MySQLOrchestratorSSLPrivateKeyFile", "string", R"("")"},
    {"MySQLOrchestratorSSLCertFile", "string", R"("")"},
    {"MySQLOrchestratorSSLCAFile", "string", R"("")"},
    {"MySQLOrchestratorSSLSkipVerify", "bool", "false"},
    {"MySQLOrchestratorReadTimeoutSeconds", "int", "30"},
    {"MySQLOrchestratorRejectReadOnly", "bool", "false"},
    {"MySQLOrchestratorMaxAllowedPacket", "int32", "-1"},
    {"MySQLOrchestratorMaxPoolConnections", "int", "128"},
    {"MySQLConnectTimeoutSeconds", "int", "2"},
    {"MySQLConnectionLifetimeSeconds", "int", "0"},
    {"BufferInstanceWrites", "bool", "false"},
    {"InstanceWriteBufferSize", "int", "100"},
    {"InstanceFlushIntervalMilliseconds", "int", "100"},
    {"RaftEnabled", "bool", "false"},
    {"RaftBind", "string", R"("127.0.0.1:10008")"},
    {"RaftAdvertise", "string", R"("")"},
    {"RaftDataDir", "string", R"("")"},
    {"DefaultRaftPort", "int", "10008"},
    {"RaftNodes", "[]string", "[]"},
    {"HTTPAdvertise", "string", R"("")"},
    {"RaftHeartbeatMilliseconds", "int", "100"},
    {"RaftElectionTimeoutMilliseconds", "int", "800"},
    {"RaftSecret", "string", R"("")"},
    {"RaftSSLCertFile", "string", R"("")"},
    {"RaftSSLPrivateKeyFile", "string", R"("")"},
    {"RaftSSLCAFile", "string", R"("")"},
    {"ExpectFailureAnalysisConcensus", "bool", "true"},
    {"FailureDetectionQuorum", "string", R"("")"},
    {"MySQLTopologyUser", "string", R"("")"},
    {"MySQLTopologyPassword", "string", R"("")"},
    {"MySQLTopologyCredentialsConfigFile", "string", R"("")"},
    {"MySQLTopologyUseMutualTLS", "bool", "false"},
    {"MySQLTopologyUseMixedTLS", "bool", "true"},
    {"MySQLTopologySSLPrivateKeyFile", "string", R"("")"},
    {"MySQLTopologySSLCertFile", "string", R"("")"},
    {"MySQLTopologySSLCAFile", "string", R"("")"},
    {"MySQLTopologySSLSkipVerify", "bool", "false"},
    {"TLSCacheTTLFactor", "uint", "100"},
    {"MySQLTopologyMaxAllowedPacket", "int32", "-1"},
    {"MySQLDiscoveryReadTimeoutSeconds", "int", "10"},
    {"MySQLTopologyReadTimeoutSeconds", "int", "600"},
    {"DefaultInstancePort", "int", "3306"},
    {"UseSuperReadOnly", "bool", "false"},
    {"ReplicationCredentialsQuery", "string", R"("")"},
    {"SkipMaxScaleCheck", "bool", "true"},
    {"InstancePollSeconds", "uint", "5"},
    {"ReasonableInstanceCheckSeconds", "uint", "1"},
    {"UnseenInstanceForgetHours", "uint", "240"},
    {"SnapshotTopologiesIntervalHours", "uint", "0"},
    {"DiscoverByShowSlaveHosts", "bool", "false"},
    {"DiscoveryMaxConcurrency", "uint", "300"},
    {"DiscoveryQueueCapacity", "uint", "100000"},
    {"DiscoveryQueueMaxStatisticsSize", "int", "120"},
    {"DiscoveryCollectionRetentionSeconds", "uint", "120"},
    {"DiscoverySeeds", "[]string", "[]"},
    {"DeadInstancePollSecondsMultiplyFactor", "float32", "1"},
    {"DeadInstancePollSecondsMax", "uint", "300"},
    {"DeadInstanceDiscoveryMaxConcurrency", "uint", "0"},
    {"DeadInstanceDiscoveryLogsEnabled", "bool", "false"},
    {"DiscoveryIgnoreReplicaHostnameFilters", "[]string", "[]"},
    {"DiscoveryIgnoreMasterHostnameFilters", "[]string", "null"},
    {"DiscoveryIgnoreHostnameFilters", "[]string", "null"},
    {"DiscoveryIgnoreReplicationUsernameFilters", "[]string", "[]"},
    {"EnableDiscoveryFiltersLogs", "bool", "true"},
    {"HostnameResolveMethod", "string", R"("default")"},
    {"MySQLHostnameResolveMethod", "string", R"("@@hostname")"},
    {"SkipBinlogServerUnresolveCheck", "bool", "true"},
    {"ExpiryHostnameResolvesMinutes", "int", "60"},
    {"RejectHostnameResolvePattern", "string", R"("")"},
    {"ReplicationLagQuery", "string", R"("")"},
    {"SlaveLagQuery", "string", R"("")"},
    {"ClusterNameToAlias", "object", "{}"},
    {"DetectClusterAliasQuery", "string", R"("")"},
    {"DetectClusterDomainQuery", "string", R"("")"},
    {"DetectInstanceAliasQuery", "string", R"("")"},
    {"DetectPromotionRuleQuery", "string", R"("")"},
    {"DataCenterPattern", "string", R"("")"},
    {"RegionPattern", "string", R"("")"},
    {"PhysicalEnvironmentPattern", "string", R"("")"},
    {"DetectDataCenterQuery", "string", R"("")"},
    {"DetectRegionQuery", "string", R"("")"},
    {"DetectPhysicalEnvironmentQuery", "string", R"("")"},
    {"DetectSemiSyncEnforcedQuery", "string", R"("")"},
    {"SupportFuzzyPoolHostnames", "bool", "true"},
    {"InstancePoolExpiryMinutes", "uint", "60"},
    {"CandidateInstanceExpireMinutes", "uint", "60"},
    {"ReasonableReplicationLagSeconds", "int", "10"},
    {"ReasonableMaintenanceReplicationLagSeconds", "int", "20"},
    {"ReasonableLockedSemiSyncMasterSeconds", "uint", "0"},
    {"ProblemIgnoreHostnameFilters", "[]string", "[]"},
    {"VerifyReplicationFilters", "bool", "false"},
    {"LowerReplicaVersionAllowed", "bool", "false"},
    {"InstanceBulkOperationsWaitTimeoutSeconds", "uint", "10"},
    {"MaxConcurrentReplicaOperations", "int", "5"},
    {"OSCIgnoreHostnameFilters", "[]string", "[]"},
    {"ReduceReplicationAnalysisCount", "bool", "true"},
    {"AutoPseudoGTID", "bool", "false"},
    {"PseudoGTIDPattern", "string", R"("")"},
    {"PseudoGTIDPatternIsFixedSubstring", "bool", "false"},
    {"PseudoGTIDMonotonicHint", "string", R"("")"},
    {"DetectPseudoGTIDQuery", "string", R"("")"},
    {"BinlogEventsChunkSize", "int", "10000"},
    {"SkipBinlogEventsContaining", "[]string", "[]"},
    {"FailureDetectionPeriodBlockMinutes", "int", "60"},
    {"RecoveryPeriodBlockSeconds", "int", "3600"},
    {"RecoveryPeriodBlockMinutes", "int", "60"},
    {"RecoveryIgnoreHostnameFilters", "[]string", "[]"},
    {"RecoverMasterClusterFilters", "[]string", "[]"},
    {"RecoverIntermediateMasterClusterFilters", "[]string", "[]"},
    {"ProcessesShellCommand", "string", R"("bash")"},
    {"OnFailureDetectionProcesses", "[]string", "[]"},
    {"PreGracefulTakeoverProcesses", "[]string", "[]"},
    {"PreFailoverProcesses", "[]string", "[]"},
    {"PostMasterFailoverProcesses", "[]string", "[]"},
    {"PostIntermediateMasterFailoverProcesses", "[]string", "[]"},
    {"PostFailoverProcesses", "[]string", "[]"},
    {"PostUnsuccessfulFailoverProcesses", "[]string", "[]"},
    {"PostGracefulTakeoverProcesses", "[]string", "[]"},
    {"PostTakeMasterProcesses", "[]string", "[]"},
    {"PromotionIgnoreHostnameFilters", "[]string", "[]"},
    {"RecoverNonWriteableMaster", "bool", "false"},
    {"CoMasterRecoveryMustPromoteOtherCoMaster", "bool", "true"},
    {"DetachLostReplicasAfterMasterFailover", "bool", "false"},
    {"DetachLostSlavesAfterMasterFailover", "bool", "true"},
    {"ApplyMySQLPromotionAfterMasterFailover", "bool", "true"},
    {"PreventCrossDataCenterMasterFailover", "bool", "false"},
    {"PreventCrossRegionMasterFailover", "bool", "false"},
    {"MasterFailoverLostInstancesDowntimeMinutes", "uint", "0"},
    {"MasterFailoverDetachReplicaMasterHost", "bool", "false"},
    {"MasterFailoverDetachSlaveMasterHost", "bool", "false"},
    {"FailMasterPromotionOnLagMinutes", "uint", "0"},
    {"FailMasterPromotionIfSQLThreadNotUpToDate", "bool", "false"},
    {"DelayMasterPromotionIfSQLThreadNotUpToDate", "bool", "false"},
    {"PostponeReplicaRecoveryOnLagMinutes", "uint", "0"},
    {"PostponeSlaveRecoveryOnLagMinutes", "uint", "0"},
    {"EnforceExactSemiSyncReplicas", "bool", "false"},
    {"RecoverLockedSemiSyncMaster", "bool", "false"},
    // Keys of our own.
    {"FencingPolicy", "string", R"("best-effort")"},
    {"FenceTimeoutMilliseconds", "uint", "500"},
    {"FenceProcesses", "[]string", "[]"},
    {"DataLossPolicy", "string", R"("allow")"},
    {"DataLossMaxTransactions", "uint", "0"},
    {"HookTimeoutSeconds", "uint", "60"},
    {"FailureConfirmationSeconds", "uint", "0"},
    {"FailureConfirmationSecondsByCluster", "object", "{}"},
    {"WriteProbe", "bool", "false"},
    {"WriteProbeTable", "string", R"("orch_meta.orch_write_probe")"},
    {"WriteProbeTimeoutMilliseconds", "uint", "1000"},
    {"RequireReplicasToConfirmFailure", "bool", "false"},
    {"MasterPollMilliseconds", "uint", "1000"},
    {"MasterWatch", "bool", "true"},
    {"MasterWatchSilenceMilliseconds", "uint", "1000"},
    {"LeaseMilliseconds", "uint", "5000"},
    {"DrainSeconds", "uint", "30"},
    {"RequirePostForMutations", "bool", "false"},
    {"LogFile", "string", R"("")"},
    {"LogFormat", "string", R"("text")"},
    {"KVClusterMasterPrefix", "string", R"("mysql/master")"},
    {"ConsulAddress", "string", R"("")"},
    {"ConsulScheme", "string", R"("http")"},
    {"ConsulAclToken", "string", R"("")"},
    {"ConsulCrossDataCenterDistribution", "bool", "false"},
    {"ConsulKVStoreProvider", "string", R"("consul")"},
    {"ConsulMaxKVsPerTransaction", "int", "5"},
    {"ZkAddress", "string", R"("")"},
    {"GraphiteAddr", "string", R"("")"},
    {"GraphitePath", "string", R"("")"},
    {"GraphiteConvertHostnameDotsToUnderscores", "bool", "true"},
    {"GraphitePollSeconds", "int", "60"},
    {"ServeAgentsHttp", "bool", "false"},
    {"AgentsServerPort", "string", R"(":3001")"},
    {"AgentsUseSSL", "bool", "false"},
    {"AgentsUseMutualTLS", "bool", "false"},
    {"AgentSSLSkipVerify", "bool", "false"},
    {"AgentSSLPrivateKeyFile", "string", R"("")"},
    {"AgentSSLCertFile", "string", R"("")"},
    {"AgentSSLCAFile", "string", R"("")"},
    {"AgentSSLValidOUs", "[]string", "[]"},
    {"AgentPollMinutes", "uint", "60"},
    {"UnseenAgentForgetHours", "uint", "6"},
    {"StaleSeedFailMinutes", "uint", "60"},
    {"SeedAcceptableBytesDiff", "int64", "8192"},
    {"SeedWaitSecondsBeforeSend", "int64", "2"},
};

std::string type_of(const ConfigKey& key) {
  const std::string_view type = type_text(key);
  if (type == "true or false") return "bool";
  if (type == "string" || type == "secret string") return "string";
  if (type.starts_with("list of strings")) return "[]string";
  if (type == "object of strings") return "object";
  if (type == "number") return "float32";
  return "whole";
}

LoadedConfig load_one(std::string_view json) {
  LoadOptions options;
  options.environment = [](const std::string&) {
    return std::nullopt;
  };
  return load_config_text(json, "test.json", options);
}

}  // namespace

TEST_SUITE("core/config/keys") {
  TEST_CASE("every documented key is there, in the documented order, and no other") {
    const auto keys = config_keys();
    REQUIRE(keys.size() == std::size(kDocumented));
    for (std::size_t i = 0; i < keys.size(); ++i)
      CHECK(keys[i].name == kDocumented[i].name);
  }

  TEST_CASE("every key has its documented type") {
    for (const Documented& row : kDocumented) {
      CAPTURE(row.name);
      const ConfigKey* key = find_config_key(row.name);
      REQUIRE(key != nullptr);
      const bool whole = row.type == "uint" || row.type.starts_with("int");
      CHECK(type_of(*key) == (whole ? "whole" : row.type));
    }
  }

  TEST_CASE("every key has its documented default") {
    const Config config;
    for (const Documented& row : kDocumented) {
      CAPTURE(row.name);
      CHECK(value_as_json(*find_config_key(row.name), config) == row.standard);
    }
  }

  TEST_CASE("every key leads to a field of its own") {
    Config config;
    std::vector<const void*> fields;
    for (const ConfigKey& key : config_keys()) {
      fields.push_back(
          std::visit([](auto* field) -> const void* { return field; }, key.place.field(config)));
    }
    std::sort(fields.begin(), fields.end());
    CHECK(std::adjacent_find(fields.begin(), fields.end()) == fields.end());
  }

  TEST_CASE("every key has a line of help and none is a retired one") {
    for (const ConfigKey& key : config_keys()) {
      CAPTURE(key.name);
      CHECK_FALSE(key.help.empty());
      CHECK(key.help.find('\n') == std::string_view::npos);
      CHECK_FALSE(is_retired_key(key.name));
    }
  }

  TEST_CASE("every key takes a value of its type and refuses all others") {
    const std::pair<std::string_view, std::vector<std::string_view>> good[] = {
        {"bool", {"true", "false"}},          {"string", {R"("x")", R"("")", R"("5")"}},
        {"[]string", {"[]", R"(["a","b"])"}}, {"object", {"{}", R"({"a":"b"})"}},
        {"float32", {"1", "1.5", "2e1"}},     {"whole", {"7", "5000"}},
    };
    const std::string_view values[] = {"true",  "\"x\"",  "7",         "7.0", "7e0",
                                       "1.5",   "[]",     "[\"a\"]",   "[1]", "{}",
                                       "\"7\"", "[null]", "{\"a\":1}", "[[]]"};
    for (const ConfigKey& key : config_keys()) {
      const std::string type = type_of(key);
      std::vector<std::string_view> accepted;
      for (const auto& [name, texts] : good) {
        if (name == type) accepted = texts;
      }
      for (const std::string_view value : values) {
        const std::string json = fmt::format(R"({{"{}": {}}})", key.name, value);
        CAPTURE(json);
        const LoadedConfig loaded = load_one(json);
        const bool refused = std::any_of(
            loaded.problems.begin(), loaded.problems.end(), [](const ConfigProblem& problem) {
              return problem.in_reading && problem.message.find("must be") != std::string::npos;
            });
        const bool fits = std::find(accepted.begin(), accepted.end(), value) != accepted.end() ||
                          (type == "string" && value.starts_with('"')) ||
                          (type == "[]string" && value == "[\"a\"]") ||
                          (type == "float32" && (value[0] == '7' || value[0] == '1'));
        CHECK(refused == !fits);
      }
    }
  }

  TEST_CASE("unsigned keys refuse negative numbers, signed ones that mean something take them") {
    const std::vector<std::string_view> may_be_negative{"MySQLOrchestratorMaxAllowedPacket",
                                                        "MySQLOrchestratorMaxPoolConnections",
                                                        "MySQLConnectionLifetimeSeconds",
                                                        "InstanceWriteBufferSize",
                                                        "MySQLTopologyMaxAllowedPacket",
                                                        "ConsulMaxKVsPerTransaction",
                                                        "GraphitePollSeconds",
                                                        "SeedAcceptableBytesDiff"};
    for (const Documented& row : kDocumented) {
      if (row.type != "uint" && !row.type.starts_with("int")) continue;
      CAPTURE(row.name);
      const LoadedConfig loaded = load_one(fmt::format(R"({{"{}": -1}})", row.name));
      const bool may = std::find(may_be_negative.begin(), may_be_negative.end(), row.name) !=
                       may_be_negative.end();
      CHECK(has_errors(loaded.problems) == !may);
      if (row.type == "uint") CHECK_FALSE(may);
    }
  }

  TEST_CASE("letter case does not matter in a key's name") {
    REQUIRE(find_config_key("OAuthClientID") != nullptr);
    CHECK(find_config_key("OAuthClientID")->name == "OAuthClientId");
    CHECK(find_config_key("debug")->name == "Debug");
    CHECK(find_config_key("Debugg") == nullptr);
    CHECK(find_config_key("") == nullptr);
  }

  TEST_CASE("the key that was meant is found when it is near, and not when it is far") {
    REQUIRE(nearest_config_key("InstancePolSeconds") != nullptr);
    CHECK(nearest_config_key("InstancePolSeconds")->name == "InstancePollSeconds");
    CHECK(nearest_config_key("discoverbyshowslavehost")->name == "DiscoverByShowSlaveHosts");
    CHECK(nearest_config_key("Debgu")->name == "Debug");
    CHECK(nearest_config_key("Comment") == nullptr);
    CHECK(nearest_config_key("x") == nullptr);
    CHECK(nearest_config_key("") == nullptr);
    CHECK(nearest_config_key(std::string(100000, 'D')) == nullptr);
  }

  TEST_CASE("retired keys are known by name") {
    CHECK(is_retired_key("AuditPageSize"));
    CHECK(is_retired_key("databaselessmode__experimental"));
    CHECK_FALSE(is_retired_key("AuditPurgeDays"));
  }
}

}  // namespace orch
