#include "core/config/check.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "core/base/pattern.h"
#include "core/base/text.h"
#include "core/model/instance_key.h"

namespace orch {

namespace {

using StringList = std::vector<std::string>;

/// A day, in seconds: who waits longer has switched recovery off.
constexpr std::uint64_t kLongestConfirmation = 86'400;

bool is_plain(std::string_view name) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
  return !name.empty() && name.find_first_not_of(kLetters) == std::string_view::npos;
}

class Checker {
 public:
  void report(Severity severity, std::string_view key, std::string message) {
    problems_.push_back(
        {.severity = severity, .key = std::string(key), .message = std::move(message)});
  }

  /// -> compiled; nothing when there is none, or it is reported.
  std::optional<Pattern> pattern(std::string_view key, const std::string& expression) {
    if (expression.empty()) return std::nullopt;
    Result<Pattern> compiled = Pattern::compile(expression);
    if (compiled) return *std::move(compiled);
    report(Severity::Error, key, compiled.error().message);
    return std::nullopt;
  }

  /// An expression whose first group is what it detects.
  void picking(std::string_view key, const std::string& expression) {
    const std::optional<Pattern> compiled = pattern(key, expression);
    if (!compiled || compiled->has_group()) return;
    report(Severity::Warning, key,
           fmt::format("'{}' has no (group) that says which part of a host name is meant: it "
                       "detects nothing",
                       printable(expression)));
  }

  /// A list of expressions, or of IP addresses and expressions: an address is a valid expression.
  void patterns(std::string_view key, const StringList& expressions) {
    for (const std::string& expression : expressions) {
      pattern(key, expression);
      if (expression.empty()) {
        report(Severity::Warning, key, "an empty entry matches every instance");
      }
    }
  }

  /// Clusters to recover. One that is no expression can be a name all the same.
  void clusters(std::string_view key, const StringList& entries) {
    constexpr std::string_view kAliasPattern = "alias~=";
    for (const std::string& entry : entries) {
      if (entry == "*" || entry.starts_with("alias=")) continue;
      if (entry.starts_with(kAliasPattern)) {
        pattern(key, entry.substr(kAliasPattern.size()));
      } else if (Result<Pattern> compiled = Pattern::compile(entry); !compiled) {
        report(Severity::Warning, key,
               compiled.error().message + "; it means the cluster of just that name or alias");
      }
    }
  }

  /// "host[:port]"
  void server(std::string_view key, std::string_view name) {
    constexpr std::uint16_t kAnyPort = 1;
    if (parse_instance_key(name, kAnyPort)) return;
    report(Severity::Error, key,
           fmt::format("'{}' names no server; write host:port", printable(name)));
  }

  /// "host:port" or ":port"; the port may be missing where `port_optional` says so.
  void address(std::string_view key, std::string_view text, bool port_optional = false) {
    const std::size_t bracket = text.starts_with('[') ? text.find(']') : 0;
    const std::size_t colon = bracket == std::string_view::npos ? bracket : text.find(':', bracket);
    if (colon == std::string_view::npos) {
      if (!port_optional || bracket == std::string_view::npos || text.empty()) {
        report(Severity::Error, key, fmt::format("must be host:port, not '{}'", printable(text)));
      }
      return;
    }
    const std::optional<std::uint64_t> port = parse_uint(text.substr(colon + 1));
    const std::string_view host = text.substr(0, colon);
    if (!port || *port > 65535 || host.find_first_of(" \t/'\"") != std::string_view::npos) {
      report(Severity::Error, key,
             fmt::format("must be host:port with a port up to 65535, not '{}'", printable(text)));
    }
  }

  /// "schema.table", in letters that need no quotes.
  void table(std::string_view key, std::string_view text) {
    const std::vector<std::string_view> names = split(text, '.');
    if (names.size() == 2 && is_plain(names[0]) && is_plain(names[1])) return;
    report(Severity::Error, key,
           fmt::format("'{}' is no schema.table of letters, digits and '_'", printable(text)));
  }

  /// What becomes a part of statements.
  void plain(std::string_view key, std::string_view text) {
    if (is_plain(text)) return;
    report(Severity::Error, key,
           fmt::format("'{}' is no name of letters, digits and '_'", printable(text)));
  }

  /// As one_of(), for words on which data depends: a slip of the pen must not choose another.
  void exactly_one_of(std::string_view key, std::string_view value, const StringList& known) {
    if (std::find(known.begin(), known.end(), value) != known.end()) return;
    report(Severity::Error, key,
           fmt::format("'{}' is none of '{}'", printable(value), join(known, "', '")));
  }

  void one_of(std::string_view key, std::string_view value, const StringList& known) {
    const bool found = std::any_of(known.begin(), known.end(), [&](const std::string& name) {
      return equals_ignoring_case(name, value);
    });
    if (found) return;
    report(Severity::Warning, key,
           fmt::format("'{}' is none of '{}'", printable(value), join(known, "', '")));
  }

  std::vector<ConfigProblem> finish() { return std::move(problems_); }

 private:
  std::vector<ConfigProblem> problems_;
};

void check_expressions(const Config& config, Checker& checker) {
  const DiscoverySettings& discovery = config.discovery;
  checker.patterns("DiscoveryIgnoreReplicaHostnameFilters",
                   discovery.discovery_ignore_replica_hostname_filters);
  checker.patterns("DiscoveryIgnoreMasterHostnameFilters",
                   discovery.discovery_ignore_master_hostname_filters);
  checker.patterns("DiscoveryIgnoreHostnameFilters", discovery.discovery_ignore_hostname_filters);
  checker.patterns("DiscoveryIgnoreReplicationUsernameFilters",
                   discovery.discovery_ignore_replication_username_filters);
  checker.pattern("RejectHostnameResolvePattern", discovery.reject_hostname_resolve_pattern);
  const ClassificationSettings& classification = config.classification;
  for (const auto& [expression, alias] : classification.cluster_name_to_alias) {
    checker.pattern("ClusterNameToAlias", expression);
  }
  checker.picking("DataCenterPattern", classification.data_center_pattern);
  checker.picking("RegionPattern", classification.region_pattern);
  checker.picking("PhysicalEnvironmentPattern", classification.physical_environment_pattern);
  checker.patterns("ProblemIgnoreHostnameFilters",
                   config.operation.problem_ignore_hostname_filters);
  checker.patterns("OSCIgnoreHostnameFilters", config.operation.osc_ignore_hostname_filters);
  if (!config.pseudo_gtid.pseudo_gtid_pattern_is_fixed_substring) {
    checker.pattern("PseudoGTIDPattern", config.pseudo_gtid.pseudo_gtid_pattern);
  }
  const RecoverySettings& recovery = config.recovery;
  checker.patterns("RecoveryIgnoreHostnameFilters", recovery.recovery_ignore_hostname_filters);
  checker.patterns("PromotionIgnoreHostnameFilters", recovery.promotion_ignore_hostname_filters);
  checker.clusters("RecoverMasterClusterFilters", recovery.recover_master_cluster_filters);
  checker.clusters("RecoverIntermediateMasterClusterFilters",
                   recovery.recover_intermediate_master_cluster_filters);
  checker.table("WriteProbeTable", recovery.write_probe_table);
  constexpr std::string_view kByCluster = "FailureConfirmationSecondsByCluster";
  for (const auto& [filter, limit] : recovery.failure_confirmation_seconds_by_cluster) {
    checker.clusters(kByCluster, {filter});
    if (parse_uint(limit).value_or(kLongestConfirmation + 1) <= kLongestConfirmation) continue;
    checker.report(Severity::Error, kByCluster,
                   fmt::format("'{}': '{}' is no number of seconds up to {}", printable(filter),
                               printable(limit), kLongestConfirmation));
  }
}

void check_addresses(const Config& config, Checker& checker) {
  if (config.http.listen_socket.empty()) {
    checker.address("ListenAddress", config.http.listen_address);
  }
  if (config.agent.serve_agents_http) {
    checker.address("AgentsServerPort", config.agent.agents_server_port);
  }
  if (config.raft.raft_enabled) {
    const bool has_default = config.raft.default_raft_port > 0;
    if (!config.raft.raft_bind.empty()) {
      checker.address("RaftBind", config.raft.raft_bind, has_default);
    }
    for (const std::string& node : config.raft.raft_nodes) {
      checker.address("RaftNodes", node, has_default);
    }
  }
  if (!config.metrics.graphite_addr.empty()) {
    checker.address("GraphiteAddr", config.metrics.graphite_addr);
    if (config.metrics.graphite_path.empty()) {
      checker.report(Severity::Warning, "GraphitePath", "no metrics are sent without it");
    }
  }
  for (const std::string& seed : config.discovery.discovery_seeds) {
    checker.server("DiscoverySeeds", seed);
  }
  if (!config.kv.consul_address.empty()) {
    checker.server("ConsulAddress", config.kv.consul_address);
  }
  for (const std::string& server : words(config.kv.zk_address, ", \t")) {
    checker.server("ZkAddress", server);
  }
  if (!config.http.status_endpoint.starts_with('/')) {
    checker.report(Severity::Error, "StatusEndpoint",
                   "must begin with /, as the path of a request does");
  }
}

void check_raft(const RaftSettings& raft, const std::string& listen_socket, Checker& checker) {
  const std::string quorum = to_lower(raft.failure_detection_quorum);
  if (!quorum.empty() && quorum != "off" && quorum != "majority") {
    checker.report(Severity::Error, "FailureDetectionQuorum", "off, majority, or empty");
  }
  if (!raft.raft_enabled) return;
  const auto heartbeat = raft.raft_heartbeat_milliseconds.count();
  const auto election = raft.raft_election_timeout_milliseconds.count();
  // Timers are looked at with each heartbeat: with fewer, chance decides who is elected and when.
  if (heartbeat < 10) {
    checker.report(Severity::Error, "RaftHeartbeatMilliseconds", "at least 10 milliseconds");
  }
  if (election < 5 * heartbeat) {
    checker.report(Severity::Error, "RaftElectionTimeoutMilliseconds",
                   fmt::format("at least five heartbeats, {} milliseconds", 5 * heartbeat));
  } else if (election < 300) {
    checker.report(Severity::Warning, "RaftElectionTimeoutMilliseconds",
                   "under 300 milliseconds a busy machine is taken for a dead one");
  }
  if (!listen_socket.empty() && raft.http_advertise.empty() && raft.raft_nodes.size() > 1) {
    checker.report(Severity::Error, "HTTPAdvertise",
                   "other raft nodes cannot reach ListenSocket: say where they reach this one");
  }
  const int files = int{!raft.raft_ssl_cert_file.empty()} +
                    int{!raft.raft_ssl_private_key_file.empty()} +
                    int{!raft.raft_ssl_ca_file.empty()};
  if (files != 0 && files != 3) {
    checker.report(Severity::Error, "RaftSSLCertFile",
                   "needs RaftSSLPrivateKeyFile and RaftSSLCAFile beside it");
  }
  if (files == 0 && raft.raft_secret.empty() && raft.raft_nodes.size() > 1) {
    checker.report(Severity::Warning, "RaftSecret",
                   "without it, and without RaftSSLCertFile, whoever reaches RaftBind can speak as "
                   "a node");
  }
  if (raft.raft_nodes.size() == 2) {
    checker.report(Severity::Warning, "RaftNodes",
                   "of two nodes none may fail: write an odd number");
  }
}

/// Shorter, they would cost more than they tell, or be over before anybody can answer.
void check_service_times(const ServiceSettings& service, Checker& checker) {
  const std::tuple<std::string_view, std::chrono::milliseconds, int> times[] = {
      {"MasterPollMilliseconds", service.master_poll_milliseconds, 100},
      {"MasterWatchSilenceMilliseconds", service.master_watch_silence_milliseconds, 1000},
      {"LeaseMilliseconds", service.lease_milliseconds, 1000}};
  for (const auto& [key, time, least] : times) {
    if (time.count() >= least) continue;
    checker.report(Severity::Error, key, fmt::format("at least {} milliseconds", least));
  }
}

void check_words(const Config& config, Checker& checker) {
  checker.plain("MySQLOrchestratorStorageEngine", config.backend.mysql_orchestrator_storage_engine);
  checker.one_of("BackendDB", config.backend.backend_db, {"", "mysql", "sqlite", "sqlite3"});
  checker.one_of("HostnameResolveMethod", config.discovery.hostname_resolve_method,
                 {"none", "default", "cname", "ip"});
  checker.one_of("MySQLHostnameResolveMethod", config.discovery.mysql_hostname_resolve_method,
                 {"none", "default", "hostname", "@@hostname", "report_host", "@@report_host"});
  checker.one_of("AuthenticationMethod", config.http.authentication_method,
                 {"", "basic", "multi", "proxy", "token", "oauth"});
  checker.one_of("PrependMessagesWithOrcIdentity",
                 config.general.prepend_messages_with_orc_identity,
                 {"", "none", "FQDN", "hostname", "custom"});
  checker.one_of("ConsulKVStoreProvider", config.kv.consul_kv_store_provider,
                 {"consul", "consul-txn", "consul_txn"});
  if (config.kv.consul_cross_data_center_distribution && config.kv.consul_address.empty()) {
    checker.report(Severity::Warning, "ConsulCrossDataCenterDistribution",
                   "does nothing without ConsulAddress");
  }
  checker.exactly_one_of("FencingPolicy", config.recovery.fencing_policy,
                         {"required", "best-effort", "off"});
  checker.exactly_one_of("DataLossPolicy", config.recovery.data_loss_policy, {"refuse", "allow"});
  checker.exactly_one_of("LogFormat", config.service.log_format, {"text", "json"});
  checker.one_of("ConsulScheme", config.kv.consul_scheme, {"http", "https"});
}

}  // namespace

std::vector<ConfigProblem> check_config(const Config& config) {
  Checker checker;
  check_expressions(config, checker);
  check_addresses(config, checker);
  check_words(config, checker);
  check_service_times(config.service, checker);
  check_raft(config.raft, config.http.listen_socket, checker);
  return checker.finish();
}

}  // namespace orch
