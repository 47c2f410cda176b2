#include "core/json/json.h"

template class nlohmann::basic_json<nlohmann::ordered_map>;

namespace orch {

namespace {

Json nullable(std::optional<std::chrono::seconds> value) {
  return {{"Int64", value ? value->count() : 0}, {"Valid", value.has_value()}};
}

Json nullable(std::optional<bool> value) {
  return {{"Bool", value.value_or(false)}, {"Valid", value.has_value()}};
}

void add_server(Json& json, const Instance& i) {
  json["Key"] = to_json(i.key);
  json["InstanceAlias"] = i.alias;
  json["Uptime"] = i.server.uptime.count();
  json["ServerID"] = i.server.id;
  json["ServerUUID"] = i.server.uuid;
  json["Version"] = i.server.version;
  json["VersionComment"] = i.server.version_comment;
  json["FlavorName"] = to_string(flavor(i));
  json["ReadOnly"] = i.server.read_only;
  json["Binlog_format"] = i.server.binlog_format;
  json["BinlogRowImage"] = i.server.binlog_row_image;
  json["LogBinEnabled"] = i.server.log_bin;
  json["LogSlaveUpdatesEnabled"] = i.server.log_replica_updates;
  json["LogReplicationUpdatesEnabled"] = i.server.log_replica_updates;
  json["SelfBinlogCoordinates"] = to_json(i.server.binlog);
}

void add_replication(Json& json, const Instance& i) {
  const Replication& link = i.replication;
  json["MasterKey"] = to_json(link.source);
  json["MasterUUID"] = link.source_uuid;
  json["AncestryUUID"] = i.ancestry_uuid;
  json["IsDetachedMaster"] = is_detached_source(i);
  json["Slave_SQL_Running"] = link.sql_running;
  json["ReplicationSQLThreadRuning"] = link.sql_running;
  json["Slave_IO_Running"] = link.io_running;
  json["ReplicationIOThreadRuning"] = link.io_running;
  json["ReplicationSQLThreadState"] = static_cast<int>(link.sql_state);
  json["ReplicationIOThreadState"] = static_cast<int>(link.io_state);
  json["HasReplicationFilters"] = link.has_filters;
  json["GTIDMode"] = i.gtid.mode;
  json["SupportsOracleGTID"] = i.gtid.supports_oracle;
  json["UsingOracleGTID"] = i.gtid.uses_oracle;
  json["UsingMariaDBGTID"] = i.gtid.uses_mariadb;
  json["UsingPseudoGTID"] = i.gtid.uses_pseudo;
  json["ReadBinlogCoordinates"] = to_json(link.read);
  json["ExecBinlogCoordinates"] = to_json(link.exec);
  json["IsDetached"] = is_detached_log_file(link.exec.log_file);
  json["RelaylogCoordinates"] = to_json(link.relay);
  json["LastSQLError"] = link.last_sql_error;
  json["LastIOError"] = link.last_io_error;
  json["SecondsBehindMaster"] = nullable(link.seconds_behind);
  json["SQLDelay"] = link.sql_delay.count();
  json["ExecutedGtidSet"] = i.gtid.executed;
  json["GtidPurged"] = i.gtid.purged;
  json["GtidErrant"] = i.gtid.errant;
  json["SlaveLagSeconds"] = nullable(link.lag);
  json["ReplicationLagSeconds"] = nullable(link.lag);
  json["SlaveHosts"] = to_json(i.replicas);
  json["Replicas"] = to_json(i.replicas);
}

void add_place(Json& json, const Instance& i) {
  json["ClusterName"] = i.cluster_name;
  json["SuggestedClusterAlias"] = i.suggested_cluster_alias;
  json["DataCenter"] = i.location.data_center;
  json["Region"] = i.location.region;
  json["PhysicalEnvironment"] = i.location.physical_environment;
  json["ReplicationDepth"] = i.replication_depth;
  json["IsCoMaster"] = i.is_co_master;
  json["HasReplicationCredentials"] = i.replication.has_credentials;
  json["ReplicationCredentialsAvailable"] = i.replication.credentials_available;
}

void add_semi_sync(Json& json, const SemiSync& semi_sync) {
  json["SemiSyncAvailable"] = semi_sync.available;
  json["SemiSyncPriority"] = semi_sync.priority;
  json["SemiSyncMasterPluginNewVersion"] = semi_sync.new_names;
  json["SemiSyncReplicaPluginNewVersion"] = semi_sync.new_names;
  json["SemiSyncMasterEnabled"] = semi_sync.source_enabled;
  json["SemiSyncReplicaEnabled"] = semi_sync.replica_enabled;
  json["SemiSyncMasterTimeout"] = semi_sync.source_timeout.count();
  json["SemiSyncMasterWaitForReplicaCount"] = semi_sync.source_wait_for_replica_count;
  json["SemiSyncMasterStatus"] = semi_sync.source_status;
  json["SemiSyncMasterClients"] = semi_sync.source_clients;
  json["SemiSyncReplicaStatus"] = semi_sync.replica_status;
}

void add_standing(Json& json, const Instance& i) {
  const Freshness& freshness = i.freshness;
  json["LastSeenTimestamp"] = freshness.last_seen ? format_time(*freshness.last_seen) : "";
  json["IsLastCheckValid"] = freshness.is_last_check_valid;
  json["IsUpToDate"] = freshness.is_up_to_date;
  json["IsRecentlyChecked"] = freshness.is_recently_checked;
  json["SecondsSinceLastSeen"] = nullable(freshness.since_last_seen);
  json["CountMySQLSnapshots"] = 0;  // filled by the agents' service only
  json["IsCandidate"] = i.is_candidate;
  json["PromotionRule"] = to_string(i.promotion_rule);
  json["IsDowntimed"] = i.downtime.active;
  json["DowntimeReason"] = i.downtime.reason;
  json["DowntimeOwner"] = i.downtime.owner;
  json["DowntimeEndTimestamp"] = i.downtime.end;
  json["ElapsedDowntime"] = std::chrono::nanoseconds(i.downtime.elapsed).count();
  json["UnresolvedHostname"] = i.unresolved_hostname;
}

void add_tls(Json& json, const Replication& link) {
  json["AllowTLS"] = link.allow_tls;
  json["ReplicationSSLCAFile"] = link.tls.ca_file;
  json["ReplicationSSLCAPath"] = link.tls.ca_path;
  json["ReplicationSSLCert"] = link.tls.cert;
  json["ReplicationSSLCipher"] = link.tls.cipher;
  json["ReplicationSSLCRLFile"] = link.tls.crl_file;
  json["ReplicationSSLCRLPath"] = link.tls.crl_path;
  json["ReplicationSSLKey"] = link.tls.key;
  json["ReplicationSSLVerifyServerCert"] = nullable(link.tls.verify_server_cert);
  json["ReplicationTLSVersion"] = link.tls.tls_version;
  json["ReplicationTLSCiphersuites"] = link.tls.tls_ciphersuites;
  json["ReplicationSourcePublicKeyPath"] = link.tls.public_key_path;
  json["ReplicationGetSourcePublicKey"] = nullable(link.tls.get_public_key);
}

void add_group(Json& json, const GroupMembership& group) {
  json["ReplicationGroupName"] = group.name;
  json["ReplicationGroupIsSinglePrimary"] = group.single_primary;
  json["ReplicationGroupMemberState"] = group.state;
  json["ReplicationGroupMemberRole"] = group.role;
  json["ReplicationGroupMembers"] = to_json(group.others);
  json["ReplicationGroupPrimaryInstanceKey"] = to_json(group.primary);
}

}  // namespace

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void ArrayText::add(const Json& item) {
  if (text_.size() > 1) text_ += ',';
  text_ += dump(item);
}

std::string ArrayText::end() && {
  text_ += ']';
  return std::move(text_);
}

std::string dump_pretty(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

Json to_json(const InstanceKey& key) {
  return {{"Hostname", key.hostname}, {"Port", key.port}};
}

Json to_json(const std::vector<InstanceKey>& keys) {
  Json list = Json::array();
  for (const InstanceKey& key : keys)
    list.push_back(to_json(key));
  return list;
}

Json to_json(const BinlogCoordinates& coordinates) {
  return {{"LogFile", coordinates.log_file},
          {"LogPos", coordinates.log_pos},
          {"Type", static_cast<int>(coordinates.type)}};
}

Json to_json(const Instance& instance, std::chrono::seconds lag_limit) {
  Json json;
  add_server(json, instance);
  add_replication(json, instance);
  add_place(json, instance);
  add_semi_sync(json, instance.semi_sync);
  add_standing(json, instance);
  add_tls(json, instance.replication);
  json["Problems"] = problems(instance, lag_limit);
  json["LastDiscoveryLatency"] = instance.last_discovery_latency.count();
  add_group(json, instance.group);
  json["QSP"] = Json::object();
  return json;
}

}  // namespace orch
