-- The backend schema as SQLite has it: 47 tables that are shared with orchestrator. Every statement
-- may be applied again; a column per line, since missing columns are added one by one.

CREATE TABLE IF NOT EXISTS database_instance (
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  last_checked timestamp NOT NULL DEFAULT '',
  last_attempted_check timestamp NOT NULL DEFAULT '1971-01-01 00:00:00',
  last_check_partial_success tinyint NOT NULL DEFAULT 0,
  last_seen timestamp DEFAULT NULL,
  uptime int NOT NULL DEFAULT 0,
  server_id int NOT NULL,
  server_uuid varchar(64) NOT NULL DEFAULT '',
  version varchar(128) NOT NULL,
  binlog_server tinyint NOT NULL DEFAULT 0,
  read_only tinyint NOT NULL DEFAULT 0,
  binlog_format varchar(16) NOT NULL,
  log_bin tinyint NOT NULL,
  log_slave_updates tinyint NOT NULL,
  binary_log_file varchar(128) NOT NULL,
  binary_log_pos bigint NOT NULL,
  master_host varchar(128) NOT NULL,
  master_port smallint NOT NULL,
  slave_sql_running tinyint NOT NULL,
  slave_io_running tinyint NOT NULL,
  replication_sql_thread_state tinyint NOT NULL DEFAULT 0,
  replication_io_thread_state tinyint NOT NULL DEFAULT 0,
  has_replication_filters tinyint NOT NULL DEFAULT 0,
  oracle_gtid tinyint NOT NULL DEFAULT 0,
  master_uuid varchar(64) NOT NULL DEFAULT '',
  ancestry_uuid text NOT NULL DEFAULT '',
  executed_gtid_set text NOT NULL DEFAULT '',
  gtid_purged text NOT NULL DEFAULT '',
  gtid_errant text NOT NULL DEFAULT '',
  supports_oracle_gtid tinyint NOT NULL DEFAULT 0,
  mariadb_gtid tinyint NOT NULL DEFAULT 0,
  pseudo_gtid tinyint NOT NULL DEFAULT 0,
  master_log_file varchar(128) NOT NULL,
  read_master_log_pos bigint NOT NULL,
  relay_master_log_file varchar(128) NOT NULL,
  exec_master_log_pos bigint NOT NULL,
  relay_log_file varchar(128) NOT NULL DEFAULT '',
  relay_log_pos bigint NOT NULL DEFAULT 0,
  last_sql_error text NOT NULL DEFAULT '',
  last_io_error text NOT NULL DEFAULT '',
  seconds_behind_master bigint DEFAULT NULL,
  slave_lag_seconds bigint DEFAULT NULL,
  sql_delay int NOT NULL DEFAULT 0,
  allow_tls tinyint NOT NULL DEFAULT 0,
  num_slave_hosts int NOT NULL,
  slave_hosts text NOT NULL,
  cluster_name varchar(128) NOT NULL,
  suggested_cluster_alias varchar(128) NOT NULL DEFAULT '',
  data_center varchar(32) NOT NULL DEFAULT '',
  region varchar(32) NOT NULL DEFAULT '',
  physical_environment varchar(32) NOT NULL DEFAULT '',
  instance_alias varchar(128) NOT NULL DEFAULT '',
  semi_sync_enforced tinyint NOT NULL DEFAULT 0,
  semi_sync_available tinyint NOT NULL DEFAULT 0,
  replication_depth tinyint NOT NULL DEFAULT 0,
  is_co_master tinyint NOT NULL DEFAULT 0,
  replication_credentials_available tinyint NOT NULL DEFAULT 0,
  has_replication_credentials tinyint NOT NULL DEFAULT 0,
  version_comment varchar(128) NOT NULL DEFAULT '',
  major_version varchar(16) NOT NULL DEFAULT '',
  binlog_row_image varchar(16) NOT NULL DEFAULT '',
  last_discovery_latency bigint NOT NULL DEFAULT 0,
  semi_sync_master_enabled tinyint NOT NULL DEFAULT 0,
  semi_sync_master_timeout bigint NOT NULL DEFAULT 0,
  semi_sync_master_wait_for_slave_count int NOT NULL DEFAULT 0,
  semi_sync_master_status tinyint NOT NULL DEFAULT 0,
  semi_sync_master_clients int NOT NULL DEFAULT 0,
  semi_sync_replica_status tinyint NOT NULL DEFAULT 0,
  semi_sync_replica_enabled tinyint NOT NULL DEFAULT 0,
  gtid_mode varchar(32) NOT NULL DEFAULT '',
  replication_group_name varchar(64) NOT NULL DEFAULT '',
  replication_group_is_single_primary_mode tinyint NOT NULL DEFAULT 1,
  replication_group_member_state varchar(16) NOT NULL DEFAULT '',
  replication_group_member_role varchar(16) NOT NULL DEFAULT '',
  replication_group_members text NOT NULL DEFAULT '',
  replication_group_primary_host varchar(128) NOT NULL DEFAULT '',
  replication_group_primary_port smallint NOT NULL DEFAULT 0,
  PRIMARY KEY (hostname, port)
);
CREATE INDEX IF NOT EXISTS cluster_name_idx_database_instance
  ON database_instance (cluster_name);
CREATE INDEX IF NOT EXISTS last_checked_idx_database_instance
  ON database_instance (last_checked);
CREATE INDEX IF NOT EXISTS last_seen_idx_database_instance
  ON database_instance (last_seen);
CREATE INDEX IF NOT EXISTS master_host_port_idx_database_instance
  ON database_instance (master_host, master_port);
CREATE INDEX IF NOT EXISTS suggested_cluster_alias_idx_database_instance
  ON database_instance (suggested_cluster_alias);

CREATE TABLE IF NOT EXISTS candidate_database_instance (
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  last_suggested timestamp NOT NULL DEFAULT '',
  priority tinyint NOT NULL DEFAULT 1,
  promotion_rule text CHECK (promotion_rule IN ('must', 'prefer', 'neutral', 'prefer_not', 'must_not')) NOT NULL DEFAULT 'neutral',
  PRIMARY KEY (hostname, port)
);
CREATE INDEX IF NOT EXISTS last_suggested_idx_candidate_database_instance
  ON candidate_database_instance (last_suggested);

CREATE TABLE IF NOT EXISTS database_instance_maintenance (
  database_instance_maintenance_id integer,
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  maintenance_active tinyint DEFAULT NULL,
  begin_timestamp timestamp DEFAULT NULL,
  end_timestamp timestamp DEFAULT NULL,
  owner varchar(128) NOT NULL,
  reason text NOT NULL,
  processing_node_hostname varchar(128) NOT NULL DEFAULT '',
  processing_node_token varchar(128) NOT NULL DEFAULT '',
  explicitly_bounded tinyint NOT NULL DEFAULT 0,
  PRIMARY KEY (database_instance_maintenance_id)
);
CREATE UNIQUE INDEX IF NOT EXISTS maintenance_uidx_database_instance_maintenance
  ON database_instance_maintenance (maintenance_active, hostname, port);
CREATE INDEX IF NOT EXISTS active_timestamp_idx_database_instance_maintenance
  ON database_instance_maintenance (maintenance_active, begin_timestamp);
CREATE INDEX IF NOT EXISTS active_end_timestamp_idx_database_instance_maintenance
  ON database_instance_maintenance (maintenance_active, end_timestamp);

CREATE TABLE IF NOT EXISTS database_instance_downtime (
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  downtime_active tinyint DEFAULT NULL,
  begin_timestamp timestamp DEFAULT '',
  end_timestamp timestamp DEFAULT NULL,
  owner varchar(128) NOT NULL,
  reason text NOT NULL,
  PRIMARY KEY (hostname, port)
);
CREATE INDEX IF NOT EXISTS end_timestamp_idx_database_instance_downtime
  ON database_instance_downtime (end_timestamp);

CREATE TABLE IF NOT EXISTS database_instance_pool (
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  pool varchar(128) NOT NULL,
  registered_at timestamp NOT NULL DEFAULT '1971-01-01 00:00:00',
  PRIMARY KEY (hostname, port, pool)
);
CREATE INDEX IF NOT EXISTS pool_idx_database_instance_pool
  ON database_instance_pool (pool);

CREATE TABLE IF NOT EXISTS database_instance_tags (
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  tag_name varchar(128) NOT NULL,
  tag_value varchar(128) NOT NULL,
  last_updated timestamp NOT NULL DEFAULT '',
  PRIMARY KEY (hostname, port, tag_name)
);
CREATE INDEX IF NOT EXISTS tag_name_idx_database_instance_tags
  ON database_instance_tags (tag_name);

CREATE TABLE IF NOT EXISTS database_instance_tls (
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  required tinyint NOT NULL DEFAULT 0,
  PRIMARY KEY (hostname, port)
);

CREATE TABLE IF NOT EXISTS database_instance_topology_history (
  snapshot_unix_timestamp int NOT NULL,
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  master_host varchar(128) NOT NULL,
  master_port smallint NOT NULL,
  cluster_name tinytext NOT NULL,
  version varchar(128) NOT NULL DEFAULT '',
  PRIMARY KEY (snapshot_unix_timestamp, hostname, port)
);
CREATE INDEX IF NOT EXISTS cluster_name_idx_database_instance_topology_history
  ON database_instance_topology_history (snapshot_unix_timestamp, cluster_name);

CREATE TABLE IF NOT EXISTS database_instance_coordinates_history (
  history_id integer,
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  recorded_timestamp timestamp NOT NULL DEFAULT '',
  last_seen timestamp NOT NULL DEFAULT '1971-01-01 00:00:00',
  binary_log_file varchar(128) NOT NULL,
  binary_log_pos bigint NOT NULL,
  relay_log_file varchar(128) NOT NULL,
  relay_log_pos bigint NOT NULL,
  PRIMARY KEY (history_id)
);
CREATE INDEX IF NOT EXISTS hostname_port_recorded_idx_database_instance_coordinates_history
  ON database_instance_coordinates_history (hostname, port, recorded_timestamp);
CREATE INDEX IF NOT EXISTS recorded_timestmp_idx_database_instance_coordinates_history
  ON database_instance_coordinates_history (recorded_timestamp);

CREATE TABLE IF NOT EXISTS database_instance_stale_binlog_coordinates (
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  binary_log_file varchar(128) NOT NULL,
  binary_log_pos bigint NOT NULL,
  first_seen timestamp NOT NULL DEFAULT '',
  PRIMARY KEY (hostname, port)
);
CREATE INDEX IF NOT EXISTS first_seen_idx_database_instance_stale_binlog_coordinates
  ON database_instance_stale_binlog_coordinates (first_seen);

CREATE TABLE IF NOT EXISTS database_instance_last_analysis (
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  analysis_timestamp timestamp NOT NULL DEFAULT '',
  analysis varchar(128) NOT NULL,
  PRIMARY KEY (hostname, port)
);
CREATE INDEX IF NOT EXISTS analysis_timestamp_idx_database_instance_last_analysis
  ON database_instance_last_analysis (analysis_timestamp);

CREATE TABLE IF NOT EXISTS database_instance_analysis_changelog (
  changelog_id integer,
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  analysis_timestamp timestamp NOT NULL DEFAULT '',
  analysis varchar(128) NOT NULL,
  PRIMARY KEY (changelog_id)
);
CREATE INDEX IF NOT EXISTS analysis_timestamp_idx_database_instance_analysis_changelog
  ON database_instance_analysis_changelog (analysis_timestamp);
CREATE INDEX IF NOT EXISTS instance_timestamp_idx_database_instance_analysis_changelog
  ON database_instance_analysis_changelog (hostname, port, analysis_timestamp);

CREATE TABLE IF NOT EXISTS database_instance_peer_analysis (
  peer varchar(128) NOT NULL,
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  analysis_timestamp timestamp NOT NULL DEFAULT '',
  analysis varchar(128) NOT NULL,
  PRIMARY KEY (peer, hostname, port)
);

CREATE TABLE IF NOT EXISTS database_instance_binlog_files_history (
  history_id integer,
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  binary_log_file varchar(128) NOT NULL,
  binary_log_pos bigint NOT NULL,
  first_seen timestamp NOT NULL DEFAULT '',
  last_seen timestamp NOT NULL DEFAULT '1971-01-01 00:00:00',
  PRIMARY KEY (history_id)
);
CREATE UNIQUE INDEX IF NOT EXISTS hostname_port_file_idx_database_instance_binlog_files_history
  ON database_instance_binlog_files_history (hostname, port, binary_log_file);
CREATE INDEX IF NOT EXISTS last_seen_idx_database_instance_binlog_files_history
  ON database_instance_binlog_files_history (last_seen);

CREATE TABLE IF NOT EXISTS database_instance_recent_relaylog_history (
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  current_relay_log_file varchar(128) NOT NULL,
  current_relay_log_pos bigint NOT NULL,
  current_seen timestamp NOT NULL DEFAULT '1971-01-01 00:00:00',
  prev_relay_log_file varchar(128) NOT NULL,
  prev_relay_log_pos bigint NOT NULL,
  prev_seen timestamp NOT NULL DEFAULT '1971-01-01 00:00:00',
  PRIMARY KEY (hostname, port)
);
CREATE INDEX IF NOT EXISTS current_seen_idx_database_instance_recent_relaylog_history
  ON database_instance_recent_relaylog_history (current_seen);

CREATE TABLE IF NOT EXISTS database_instance_long_running_queries (
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  process_id bigint NOT NULL,
  process_started_at timestamp NOT NULL DEFAULT '',
  process_user varchar(16) NOT NULL,
  process_host varchar(128) NOT NULL,
  process_db varchar(128) NOT NULL,
  process_command varchar(16) NOT NULL,
  process_time_seconds int NOT NULL,
  process_state varchar(128) NOT NULL,
  process_info varchar(1024) NOT NULL,
  PRIMARY KEY (hostname, port, process_id)
);
CREATE INDEX IF NOT EXISTS process_started_at_idx_database_instance_long_running_queries
  ON database_instance_long_running_queries (process_started_at);

CREATE TABLE IF NOT EXISTS master_position_equivalence (
  equivalence_id integer,
  master1_hostname varchar(128) NOT NULL,
  master1_port smallint NOT NULL,
  master1_binary_log_file varchar(128) NOT NULL,
  master1_binary_log_pos bigint NOT NULL,
  master2_hostname varchar(128) NOT NULL,
  master2_port smallint NOT NULL,
  master2_binary_log_file varchar(128) NOT NULL,
  master2_binary_log_pos bigint NOT NULL,
  last_suggested timestamp NOT NULL DEFAULT '',
  PRIMARY KEY (equivalence_id)
);
CREATE UNIQUE INDEX IF NOT EXISTS equivalence_uidx_master_position_equivalence
  ON master_position_equivalence (master1_hostname, master1_port, master1_binary_log_file, master1_binary_log_pos, master2_hostname, master2_port);
CREATE INDEX IF NOT EXISTS master2_idx_master_position_equivalence
  ON master_position_equivalence (master2_hostname, master2_port, master2_binary_log_file, master2_binary_log_pos);
CREATE INDEX IF NOT EXISTS last_suggested_idx_master_position_equivalence
  ON master_position_equivalence (last_suggested);

CREATE TABLE IF NOT EXISTS cluster_alias (
  cluster_name varchar(128) NOT NULL,
  alias varchar(128) NOT NULL,
  last_registered timestamp NOT NULL DEFAULT '',
  PRIMARY KEY (cluster_name)
);
CREATE UNIQUE INDEX IF NOT EXISTS alias_uidx_cluster_alias
  ON cluster_alias (alias);
CREATE INDEX IF NOT EXISTS last_registered_idx_cluster_alias
  ON cluster_alias (last_registered);

CREATE TABLE IF NOT EXISTS cluster_alias_override (
  cluster_name varchar(128) NOT NULL,
  alias varchar(128) NOT NULL,
  PRIMARY KEY (cluster_name)
);

CREATE TABLE IF NOT EXISTS cluster_domain_name (
  cluster_name varchar(128) NOT NULL,
  domain_name varchar(128) NOT NULL,
  last_registered timestamp NOT NULL DEFAULT '',
  PRIMARY KEY (cluster_name)
);
CREATE INDEX IF NOT EXISTS domain_name_idx_cluster_domain_name
  ON cluster_domain_name (domain_name);
CREATE INDEX IF NOT EXISTS last_registered_idx_cluster_domain_name
  ON cluster_domain_name (last_registered);

CREATE TABLE IF NOT EXISTS cluster_injected_pseudo_gtid (
  cluster_name varchar(128) NOT NULL,
  time_injected timestamp NOT NULL DEFAULT '',
  PRIMARY KEY (cluster_name)
);

CREATE TABLE IF NOT EXISTS hostname_resolve (
  hostname varchar(128) NOT NULL,
  resolved_hostname varchar(128) NOT NULL,
  resolved_timestamp timestamp NOT NULL DEFAULT '',
  PRIMARY KEY (hostname)
);
CREATE INDEX IF NOT EXISTS resolved_timestamp_idx_hostname_resolve
  ON hostname_resolve (resolved_timestamp);

CREATE TABLE IF NOT EXISTS hostname_resolve_history (
  resolved_hostname varchar(128) NOT NULL,
  hostname varchar(128) NOT NULL,
  resolved_timestamp timestamp NOT NULL DEFAULT '',
  PRIMARY KEY (resolved_hostname)
);
CREATE INDEX IF NOT EXISTS hostname_idx_hostname_resolve_history
  ON hostname_resolve_history (hostname);
CREATE INDEX IF NOT EXISTS resolved_timestamp_idx_hostname_resolve_history
  ON hostname_resolve_history (resolved_timestamp);

CREATE TABLE IF NOT EXISTS hostname_unresolve (
  hostname varchar(128) NOT NULL,
  unresolved_hostname varchar(128) NOT NULL,
  last_registered timestamp NOT NULL DEFAULT '',
  PRIMARY KEY (hostname)
);
CREATE INDEX IF NOT EXISTS unresolved_hostname_idx_hostname_unresolve
  ON hostname_unresolve (unresolved_hostname);
CREATE INDEX IF NOT EXISTS last_registered_idx_hostname_unresolve
  ON hostname_unresolve (last_registered);

CREATE TABLE IF NOT EXISTS hostname_unresolve_history (
  unresolved_hostname varchar(128) NOT NULL,
  hostname varchar(128) NOT NULL,
  last_registered timestamp NOT NULL DEFAULT '',
  PRIMARY KEY (unresolved_hostname)
);
CREATE INDEX IF NOT EXISTS hostname_idx_hostname_unresolve_history
  ON hostname_unresolve_history (hostname);
CREATE INDEX IF NOT EXISTS last_registered_idx_hostname_unresolve_history
  ON hostname_unresolve_history (last_registered);

CREATE TABLE IF NOT EXISTS hostname_ips (
  hostname varchar(128) NOT NULL,
  ipv4 varchar(128) NOT NULL,
  ipv6 varchar(128) NOT NULL,
  last_updated timestamp NOT NULL DEFAULT '',
  PRIMARY KEY (hostname)
);

CREATE TABLE IF NOT EXISTS host_attributes (
  hostname varchar(128) NOT NULL,
  attribute_name varchar(128) NOT NULL,
  attribute_value varchar(128) NOT NULL,
  submit_timestamp timestamp NOT NULL DEFAULT '',
  expire_timestamp timestamp DEFAULT NULL,
  PRIMARY KEY (hostname, attribute_name)
);
CREATE INDEX IF NOT EXISTS attribute_name_idx_host_attributes
  ON host_attributes (attribute_name);
CREATE INDEX IF NOT EXISTS attribute_value_idx_host_attributes
  ON host_attributes (attribute_value);
CREATE INDEX IF NOT EXISTS submit_timestamp_idx_host_attributes
  ON host_attributes (submit_timestamp);
CREATE INDEX IF NOT EXISTS expire_timestamp_idx_host_attributes
  ON host_attributes (expire_timestamp);

CREATE TABLE IF NOT EXISTS topology_failure_detection (
  detection_id integer,
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  in_active_period tinyint NOT NULL DEFAULT 0,
  start_active_period timestamp NOT NULL DEFAULT '',
  end_active_period_unixtime int NOT NULL,
  processing_node_hostname varchar(128) NOT NULL,
  processcing_node_token varchar(128) NOT NULL,
  analysis varchar(128) NOT NULL,
  cluster_name varchar(128) NOT NULL,
  cluster_alias varchar(128) NOT NULL,
  count_affected_slaves int NOT NULL,
  slave_hosts text NOT NULL,
  is_actionable tinyint NOT NULL DEFAULT 0,
  PRIMARY KEY (detection_id)
);
CREATE UNIQUE INDEX IF NOT EXISTS host_port_active_recoverable_uidx_topology_failure_detection
  ON topology_failure_detection (hostname, port, in_active_period, end_active_period_unixtime, is_actionable);
CREATE INDEX IF NOT EXISTS in_active_start_period_idx_topology_failure_detection
  ON topology_failure_detection (in_active_period, start_active_period);

CREATE TABLE IF NOT EXISTS topology_recovery (
  recovery_id integer,
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  in_active_period tinyint NOT NULL DEFAULT 0,
  start_active_period timestamp NOT NULL DEFAULT '',
  end_active_period_unixtime int DEFAULT NULL,
  end_recovery timestamp DEFAULT NULL,
  processing_node_hostname varchar(128) NOT NULL,
  processcing_node_token varchar(128) NOT NULL,
  is_successful tinyint NOT NULL DEFAULT 0,
  successor_hostname varchar(128) DEFAULT NULL,
  successor_port smallint DEFAULT NULL,
  analysis varchar(128) NOT NULL DEFAULT '',
  cluster_name varchar(128) NOT NULL DEFAULT '',
  cluster_alias varchar(128) NOT NULL DEFAULT '',
  count_affected_slaves int NOT NULL DEFAULT 0,
  slave_hosts text NOT NULL DEFAULT '',
  participating_instances text NOT NULL DEFAULT '',
  lost_slaves text NOT NULL DEFAULT '',
  all_errors text NOT NULL DEFAULT '',
  acknowledged tinyint NOT NULL DEFAULT 0,
  acknowledged_at timestamp DEFAULT NULL,
  acknowledged_by varchar(128) NOT NULL DEFAULT '',
  acknowledge_comment text NOT NULL DEFAULT '',
  last_detection_id bigint NOT NULL DEFAULT 0,
  successor_alias varchar(128) DEFAULT NULL,
  uid varchar(128) NOT NULL DEFAULT '',
  PRIMARY KEY (recovery_id)
);
CREATE UNIQUE INDEX IF NOT EXISTS hostname_port_active_period_uidx_topology_recovery
  ON topology_recovery (hostname, port, in_active_period, end_active_period_unixtime);
CREATE INDEX IF NOT EXISTS in_active_start_period_idx_topology_recovery
  ON topology_recovery (in_active_period, start_active_period);
CREATE INDEX IF NOT EXISTS start_active_period_idx_topology_recovery
  ON topology_recovery (start_active_period);
CREATE INDEX IF NOT EXISTS cluster_name_in_active_idx_topology_recovery
  ON topology_recovery (cluster_name, in_active_period);
CREATE INDEX IF NOT EXISTS end_recovery_idx_topology_recovery
  ON topology_recovery (end_recovery);
CREATE INDEX IF NOT EXISTS acknowledged_idx_topology_recovery
  ON topology_recovery (acknowledged, acknowledged_at);
CREATE INDEX IF NOT EXISTS last_detection_idx_topology_recovery
  ON topology_recovery (last_detection_id);
CREATE INDEX IF NOT EXISTS uid_idx_topology_recovery
  ON topology_recovery (uid);

CREATE TABLE IF NOT EXISTS topology_recovery_steps (
  recovery_step_id integer,
  recovery_uid varchar(128) NOT NULL,
  audit_at timestamp NOT NULL DEFAULT '',
  message text NOT NULL,
  PRIMARY KEY (recovery_step_id)
);
CREATE INDEX IF NOT EXISTS recovery_uid_idx_topology_recovery_steps
  ON topology_recovery_steps (recovery_uid);

CREATE TABLE IF NOT EXISTS blocked_topology_recovery (
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  cluster_name varchar(128) NOT NULL,
  analysis varchar(128) NOT NULL,
  last_blocked_timestamp timestamp NOT NULL DEFAULT '',
  blocking_recovery_id bigint DEFAULT NULL,
  PRIMARY KEY (hostname, port)
);
CREATE INDEX IF NOT EXISTS cluster_blocked_idx_blocked_topology_recovery
  ON blocked_topology_recovery (cluster_name, last_blocked_timestamp);
CREATE INDEX IF NOT EXISTS last_blocked_idx_blocked_topology_recovery
  ON blocked_topology_recovery (last_blocked_timestamp);

CREATE TABLE IF NOT EXISTS global_recovery_disable (
  disable_recovery tinyint NOT NULL,
  PRIMARY KEY (disable_recovery)
);

CREATE TABLE IF NOT EXISTS kv_store (
  store_key varchar(255) NOT NULL,
  store_value text NOT NULL,
  last_updated timestamp NOT NULL DEFAULT '',
  PRIMARY KEY (store_key)
);

CREATE TABLE IF NOT EXISTS audit (
  audit_id integer,
  audit_timestamp timestamp NOT NULL DEFAULT '',
  audit_type varchar(128) NOT NULL,
  hostname varchar(128) NOT NULL DEFAULT '',
  port smallint NOT NULL,
  cluster_name varchar(128) NOT NULL DEFAULT '',
  message text NOT NULL,
  PRIMARY KEY (audit_id)
);
CREATE INDEX IF NOT EXISTS audit_timestamp_idx_audit
  ON audit (audit_timestamp);
CREATE INDEX IF NOT EXISTS host_port_idx_audit
  ON audit (hostname, port, audit_timestamp);

CREATE TABLE IF NOT EXISTS access_token (
  access_token_id integer,
  public_token varchar(128) NOT NULL,
  secret_token varchar(128) NOT NULL,
  generated_at timestamp NOT NULL DEFAULT '',
  generated_by varchar(128) NOT NULL,
  is_acquired tinyint NOT NULL DEFAULT 0,
  is_reentrant tinyint NOT NULL DEFAULT 0,
  acquired_at timestamp NOT NULL DEFAULT '1971-01-01 00:00:00',
  PRIMARY KEY (access_token_id)
);
CREATE UNIQUE INDEX IF NOT EXISTS public_token_uidx_access_token
  ON access_token (public_token);
CREATE INDEX IF NOT EXISTS generated_at_idx_access_token
  ON access_token (generated_at);

CREATE TABLE IF NOT EXISTS active_node (
  anchor tinyint NOT NULL,
  hostname varchar(128) NOT NULL,
  token varchar(128) NOT NULL,
  last_seen_active timestamp NOT NULL DEFAULT '',
  first_seen_active timestamp NOT NULL DEFAULT '1971-01-01 00:00:00',
  PRIMARY KEY (anchor)
);

CREATE TABLE IF NOT EXISTS node_health (
  hostname varchar(128) NOT NULL,
  token varchar(128) NOT NULL,
  last_seen_active timestamp NOT NULL DEFAULT '',
  extra_info varchar(128) NOT NULL DEFAULT '',
  command varchar(128) NOT NULL DEFAULT '',
  app_version varchar(64) NOT NULL DEFAULT '',
  first_seen_active timestamp NOT NULL DEFAULT '1971-01-01 00:00:00',
  db_backend varchar(255) NOT NULL DEFAULT '',
  incrementing_indicator bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (hostname, token)
);
CREATE INDEX IF NOT EXISTS last_seen_active_idx_node_health
  ON node_health (last_seen_active);

CREATE TABLE IF NOT EXISTS node_health_history (
  history_id integer,
  hostname varchar(128) NOT NULL,
  token varchar(128) NOT NULL,
  first_seen_active timestamp NOT NULL,
  extra_info varchar(128) NOT NULL,
  command varchar(128) NOT NULL DEFAULT '',
  app_version varchar(64) NOT NULL DEFAULT '',
  PRIMARY KEY (history_id)
);
CREATE UNIQUE INDEX IF NOT EXISTS hostname_token_idx_node_health_history
  ON node_health_history (hostname, token);
CREATE INDEX IF NOT EXISTS first_seen_active_idx_node_health_history
  ON node_health_history (first_seen_active);

CREATE TABLE IF NOT EXISTS orchestrator_db_deployments (
  deployed_version varchar(128) NOT NULL,
  deployed_timestamp timestamp NOT NULL,
  PRIMARY KEY (deployed_version)
);

CREATE TABLE IF NOT EXISTS orchestrator_metadata (
  anchor tinyint NOT NULL,
  last_deployed_version varchar(128) NOT NULL,
  last_deployed_timestamp timestamp NOT NULL,
  PRIMARY KEY (anchor)
);

CREATE TABLE IF NOT EXISTS raft_store (
  store_id integer,
  store_key varbinary(512) NOT NULL,
  store_value blob NOT NULL,
  PRIMARY KEY (store_id)
);
CREATE INDEX IF NOT EXISTS store_key_idx_raft_store
  ON raft_store (store_key);

CREATE TABLE IF NOT EXISTS raft_log (
  log_index integer,
  term bigint NOT NULL,
  log_type int NOT NULL,
  data blob NOT NULL,
  PRIMARY KEY (log_index)
);

CREATE TABLE IF NOT EXISTS raft_snapshot (
  snapshot_id integer,
  snapshot_name varchar(128) NOT NULL,
  snapshot_meta varchar(4096) NOT NULL,
  created_at timestamp NOT NULL DEFAULT '',
  PRIMARY KEY (snapshot_id)
);
CREATE UNIQUE INDEX IF NOT EXISTS snapshot_name_uidx_raft_snapshot
  ON raft_snapshot (snapshot_name);

CREATE TABLE IF NOT EXISTS host_agent (
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  token varchar(128) NOT NULL,
  last_submitted timestamp NOT NULL DEFAULT '',
  last_checked timestamp DEFAULT NULL,
  last_seen timestamp DEFAULT NULL,
  mysql_port smallint DEFAULT NULL,
  count_mysql_snapshots smallint NOT NULL,
  PRIMARY KEY (hostname)
);
CREATE INDEX IF NOT EXISTS token_idx_host_agent
  ON host_agent (token);
CREATE INDEX IF NOT EXISTS last_submitted_idx_host_agent
  ON host_agent (last_submitted);
CREATE INDEX IF NOT EXISTS last_checked_idx_host_agent
  ON host_agent (last_checked);
CREATE INDEX IF NOT EXISTS last_seen_idx_host_agent
  ON host_agent (last_seen);

CREATE TABLE IF NOT EXISTS agent_seed (
  agent_seed_id integer,
  target_hostname varchar(128) NOT NULL,
  source_hostname varchar(128) NOT NULL,
  start_timestamp timestamp NOT NULL DEFAULT '',
  end_timestamp timestamp NOT NULL DEFAULT '1971-01-01 00:00:00',
  is_complete tinyint NOT NULL DEFAULT 0,
  is_successful tinyint NOT NULL DEFAULT 0,
  PRIMARY KEY (agent_seed_id)
);
CREATE INDEX IF NOT EXISTS target_hostname_idx_agent_seed
  ON agent_seed (target_hostname, is_complete);
CREATE INDEX IF NOT EXISTS source_hostname_idx_agent_seed
  ON agent_seed (source_hostname, is_complete);
CREATE INDEX IF NOT EXISTS start_timestamp_idx_agent_seed
  ON agent_seed (start_timestamp);
CREATE INDEX IF NOT EXISTS is_complete_idx_agent_seed
  ON agent_seed (is_complete, start_timestamp);
CREATE INDEX IF NOT EXISTS is_successful_idx_agent_seed
  ON agent_seed (is_successful, start_timestamp);

CREATE TABLE IF NOT EXISTS agent_seed_state (
  agent_seed_state_id integer,
  agent_seed_id int NOT NULL,
  state_timestamp timestamp NOT NULL DEFAULT '',
  state_action varchar(127) NOT NULL,
  error_message varchar(255) NOT NULL,
  PRIMARY KEY (agent_seed_state_id)
);
CREATE INDEX IF NOT EXISTS agent_seed_idx_agent_seed_state
  ON agent_seed_state (agent_seed_id, state_timestamp);

CREATE TABLE IF NOT EXISTS async_request (
  request_id integer,
  command varchar(128) NOT NULL,
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  destination_hostname varchar(128) NOT NULL,
  destination_port smallint NOT NULL,
  pattern text NOT NULL,
  gtid_hint varchar(32) NOT NULL,
  begin_timestamp timestamp DEFAULT NULL,
  end_timestamp timestamp DEFAULT NULL,
  story text NOT NULL,
  PRIMARY KEY (request_id)
);
CREATE INDEX IF NOT EXISTS begin_timestamp_idx_async_request
  ON async_request (begin_timestamp);
CREATE INDEX IF NOT EXISTS end_timestamp_idx_async_request
  ON async_request (end_timestamp);

INSERT OR IGNORE INTO active_node (anchor, hostname, token, last_seen_active)
VALUES (1, '', '', datetime('now'));
