#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/secret.h"
#include "core/config/hook.h"

namespace orch {

// A struct per area; a field has its key's name (`InstancePollSeconds` -> instance_poll_seconds).

/// General, logging, audit.
struct GeneralSettings {
  bool debug{false};
  bool enable_syslog{false};
  std::string audit_log_file{};
  bool audit_to_syslog{false};
  bool audit_to_backend_db{false};
  std::chrono::days audit_purge_days{7};
  std::string remove_text_from_hostname_display{};
  std::string prepend_messages_with_orc_identity{};
  std::string custom_orc_identity{};
  std::string web_message{};
};

/// HTTP service and access.
struct HttpSettings {
  std::string listen_address{":3000"};
  std::string listen_socket{};
  std::string url_prefix{};
  std::string status_endpoint{"/api/status"};
  bool status_ou_verify{false};
  bool use_ssl{false};
  bool use_mutual_tls{false};
  bool ssl_skip_verify{false};
  std::string ssl_private_key_file{};
  std::string ssl_cert_file{};
  std::string ssl_ca_file{};
  std::vector<std::string> ssl_valid_ous{};
  bool read_only{false};
  std::string authentication_method{};
  std::string http_auth_user{};
  Secret http_auth_password{};
  std::string auth_user_header{"X-Forwarded-User"};
  std::vector<std::string> power_auth_users{"*"};
  std::vector<std::string> power_auth_groups{};
  std::chrono::seconds access_token_use_expiry_seconds{60};
  std::chrono::minutes access_token_expiry_minutes{1440};
  std::string oauth_client_id{};
  Secret oauth_client_secret{};
  std::vector<std::string> oauth_scopes{};
};

struct BackendSettings {
  std::string backend_db{"mysql"};
  std::string sqlite3_data_file{};
  bool skip_orchestrator_database_update{false};
  bool panic_if_different_database_deploy{false};
  std::string mysql_orchestrator_host{};
  std::uint64_t mysql_orchestrator_port{3306};
  std::string mysql_orchestrator_database{};
  std::string mysql_orchestrator_storage_engine{"InnoDB"};
  std::string mysql_orchestrator_user{};
  Secret mysql_orchestrator_password{};
  std::string mysql_orchestrator_credentials_config_file{};
  bool mysql_orchestrator_use_mutual_tls{false};
  std::string mysql_orchestrator_ssl_private_key_file{};
  std::string mysql_orchestrator_ssl_cert_file{};
  std::string mysql_orchestrator_ssl_ca_file{};
  bool mysql_orchestrator_ssl_skip_verify{false};
  std::chrono::seconds mysql_orchestrator_read_timeout_seconds{30};
  bool mysql_orchestrator_reject_read_only{false};
  std::int32_t mysql_orchestrator_max_allowed_packet{-1};
  std::int64_t mysql_orchestrator_max_pool_connections{128};
  std::chrono::seconds mysql_connect_timeout_seconds{2};
  std::chrono::seconds mysql_connection_lifetime_seconds{0};
  bool buffer_instance_writes{false};
  std::int64_t instance_write_buffer_size{100};
  std::chrono::milliseconds instance_flush_interval_milliseconds{100};
};

/// Raft.
struct RaftSettings {
  bool raft_enabled{false};
  std::string raft_bind{"127.0.0.1:10008"};
  std::string raft_advertise{};
  std::string raft_data_dir{};
  std::int64_t default_raft_port{10008};
  std::vector<std::string> raft_nodes{};
  std::string http_advertise{};
  std::chrono::milliseconds raft_heartbeat_milliseconds{100};
  std::chrono::milliseconds raft_election_timeout_milliseconds{800};
  Secret raft_secret{};
  std::string raft_ssl_cert_file{};
  std::string raft_ssl_private_key_file{};
  std::string raft_ssl_ca_file{};
  bool expect_failure_analysis_concensus{true};
  std::string failure_detection_quorum{};
};

/// Connections to the topology.
struct ConnectionSettings {
  std::string mysql_topology_user{};
  Secret mysql_topology_password{};
  std::string mysql_topology_credentials_config_file{};
  bool mysql_topology_use_mutual_tls{false};
  bool mysql_topology_use_mixed_tls{true};
  std::string mysql_topology_ssl_private_key_file{};
  std::string mysql_topology_ssl_cert_file{};
  std::string mysql_topology_ssl_ca_file{};
  bool mysql_topology_ssl_skip_verify{false};
  std::uint64_t tls_cache_ttl_factor{100};
  std::int32_t mysql_topology_max_allowed_packet{-1};
  std::chrono::seconds mysql_discovery_read_timeout_seconds{10};
  std::chrono::seconds mysql_topology_read_timeout_seconds{600};
  std::int64_t default_instance_port{3306};
  bool use_super_read_only{false};
  std::string replication_credentials_query{};
  bool skip_max_scale_check{true};
};

/// Discovery.
struct DiscoverySettings {
  std::chrono::seconds instance_poll_seconds{5};
  std::chrono::seconds reasonable_instance_check_seconds{1};
  std::chrono::hours unseen_instance_forget_hours{240};
  std::chrono::hours snapshot_topologies_interval_hours{0};
  bool discover_by_show_slave_hosts{false};
  std::uint64_t discovery_max_concurrency{300};
  std::uint64_t discovery_queue_capacity{100000};
  std::int64_t discovery_queue_max_statistics_size{120};
  std::chrono::seconds discovery_collection_retention_seconds{120};
  std::vector<std::string> discovery_seeds{};
  float dead_instance_poll_seconds_multiply_factor{1};
  std::chrono::seconds dead_instance_poll_seconds_max{300};
  std::uint64_t dead_instance_discovery_max_concurrency{0};
  bool dead_instance_discovery_logs_enabled{false};
  std::vector<std::string> discovery_ignore_replica_hostname_filters{};
  std::vector<std::string> discovery_ignore_master_hostname_filters{};
  std::vector<std::string> discovery_ignore_hostname_filters{};
  std::vector<std::string> discovery_ignore_replication_username_filters{};
  bool enable_discovery_filters_logs{true};
  std::string hostname_resolve_method{"default"};
  std::string mysql_hostname_resolve_method{"@@hostname"};
  bool skip_binlog_server_unresolve_check{true};
  std::chrono::minutes expiry_hostname_resolves_minutes{60};
  std::string reject_hostname_resolve_pattern{};
};

/// Classification queries and patterns.
struct ClassificationSettings {
  std::string replication_lag_query{};
  std::string slave_lag_query{};
  std::vector<std::pair<std::string, std::string>> cluster_name_to_alias{};
  std::string detect_cluster_alias_query{};
  std::string detect_cluster_domain_query{};
  std::string detect_instance_alias_query{};
  std::string detect_promotion_rule_query{};
  std::string data_center_pattern{};
  std::string region_pattern{};
  std::string physical_environment_pattern{};
  std::string detect_data_center_query{};
  std::string detect_region_query{};
  std::string detect_physical_environment_query{};
  std::string detect_semi_sync_enforced_query{};
  bool support_fuzzy_pool_hostnames{true};
  std::chrono::minutes instance_pool_expiry_minutes{60};
  std::chrono::minutes candidate_instance_expire_minutes{60};
};

/// Problems, analysis, topology operations.
struct OperationSettings {
  std::chrono::seconds reasonable_replication_lag_seconds{10};
  std::chrono::seconds reasonable_maintenance_replication_lag_seconds{20};
  std::chrono::seconds reasonable_locked_semi_sync_master_seconds{0};
  std::vector<std::string> problem_ignore_hostname_filters{};
  bool verify_replication_filters{false};
  bool lower_replica_version_allowed{false};
  std::chrono::seconds instance_bulk_operations_wait_timeout_seconds{10};
  std::int64_t max_concurrent_replica_operations{5};
  std::vector<std::string> osc_ignore_hostname_filters{};
  bool reduce_replication_analysis_count{true};
};

/// Pseudo-GTID.
struct PseudoGtidSettings {
  bool auto_pseudo_gtid{false};
  std::string pseudo_gtid_pattern{};
  bool pseudo_gtid_pattern_is_fixed_substring{false};
  std::string pseudo_gtid_monotonic_hint{};
  std::string detect_pseudo_gtid_query{};
  std::int64_t binlog_events_chunk_size{10000};
  std::vector<std::string> skip_binlog_events_containing{};
};

/// Failure detection and recovery.
struct RecoverySettings {
  std::chrono::minutes failure_detection_period_block_minutes{60};
  std::chrono::seconds recovery_period_block_seconds{3600};
  std::chrono::minutes recovery_period_block_minutes{60};
  std::vector<std::string> recovery_ignore_hostname_filters{};
  std::vector<std::string> recover_master_cluster_filters{};
  std::vector<std::string> recover_intermediate_master_cluster_filters{};
  std::string processes_shell_command{"bash"};
  HookEntries on_failure_detection_processes{};
  HookEntries pre_graceful_takeover_processes{};
  HookEntries pre_failover_processes{};
  HookEntries post_master_failover_processes{};
  HookEntries post_intermediate_master_failover_processes{};
  HookEntries post_failover_processes{};
  HookEntries post_unsuccessful_failover_processes{};
  HookEntries post_graceful_takeover_processes{};
  HookEntries post_take_master_processes{};
  std::vector<std::string> promotion_ignore_hostname_filters{};
  bool recover_non_writeable_master{false};
  bool co_master_recovery_must_promote_other_co_master{true};
  bool detach_lost_replicas_after_master_failover{false};
  bool detach_lost_slaves_after_master_failover{true};
  bool apply_mysql_promotion_after_master_failover{true};
  bool prevent_cross_data_center_master_failover{false};
  bool prevent_cross_region_master_failover{false};
  std::chrono::minutes master_failover_lost_instances_downtime_minutes{0};
  bool master_failover_detach_replica_master_host{false};
  bool master_failover_detach_slave_master_host{false};
  std::chrono::minutes fail_master_promotion_on_lag_minutes{0};
  bool fail_master_promotion_if_sql_thread_not_up_to_date{false};
  bool delay_master_promotion_if_sql_thread_not_up_to_date{false};
  std::chrono::minutes postpone_replica_recovery_on_lag_minutes{0};
  std::chrono::minutes postpone_slave_recovery_on_lag_minutes{0};
  bool enforce_exact_semi_sync_replicas{false};
  bool recover_locked_semi_sync_master{false};
  // Keys of our own.
  std::string fencing_policy{"best-effort"};  ///< required, best-effort or off
  std::chrono::milliseconds fence_timeout_milliseconds{500};
  HookEntries fence_processes{};
  std::string data_loss_policy{"allow"};  ///< refuse or allow
  std::int64_t data_loss_max_transactions{0};
  std::chrono::seconds hook_timeout_seconds{60};
  std::chrono::seconds failure_confirmation_seconds{0};
  std::vector<std::pair<std::string, std::string>> failure_confirmation_seconds_by_cluster{};
  bool write_probe{false};
  std::string write_probe_table{"orch_meta.orch_write_probe"};
  std::chrono::milliseconds write_probe_timeout_milliseconds{1000};
  bool require_replicas_to_confirm_failure{false};
};

/// `orch serve`; keys of our own.
struct ServiceSettings {
  std::chrono::milliseconds master_poll_milliseconds{1000};
  bool master_watch{true};
  std::chrono::milliseconds master_watch_silence_milliseconds{1000};
  std::chrono::milliseconds lease_milliseconds{5000};
  std::chrono::seconds drain_seconds{30};
  bool require_post_for_mutations{false};
  std::string log_file{};
  std::string log_format{"text"};  ///< text or json
};

/// Key-value stores.
struct KvSettings {
  std::string kv_cluster_master_prefix{"mysql/master"};
  std::string consul_address{};
  std::string consul_scheme{"http"};
  Secret consul_acl_token{};
  bool consul_cross_data_center_distribution{false};
  std::string consul_kv_store_provider{"consul"};
  std::int64_t consul_max_kvs_per_transaction{5};
  std::string zk_address{};
};

/// Metrics.
struct MetricsSettings {
  std::string graphite_addr{};
  std::string graphite_path{};
  bool graphite_convert_hostname_dots_to_underscores{true};
  std::chrono::seconds graphite_poll_seconds{60};
};

/// Agents.
struct AgentSettings {
  bool serve_agents_http{false};
  std::string agents_server_port{":3001"};
  bool agents_use_ssl{false};
  bool agents_use_mutual_tls{false};
  bool agent_ssl_skip_verify{false};
  std::string agent_ssl_private_key_file{};
  std::string agent_ssl_cert_file{};
  std::string agent_ssl_ca_file{};
  std::vector<std::string> agent_ssl_valid_ous{};
  std::chrono::minutes agent_poll_minutes{60};
  std::chrono::hours unseen_agent_forget_hours{6};
  std::chrono::minutes stale_seed_fail_minutes{60};
  std::int64_t seed_acceptable_bytes_diff{8192};
  std::chrono::seconds seed_wait_seconds_before_send{2};
};

}  // namespace orch
