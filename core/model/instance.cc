#include "core/model/instance.h"

#include <algorithm>

#include "core/base/text.h"

namespace orch {

namespace {

std::chrono::seconds distance(std::chrono::seconds lag, std::chrono::seconds delay) {
  return std::max(lag, delay) - std::min(lag, delay);
}

std::string extras(const Instance& instance) {
  std::vector<std::string> words;
  if (instance.server.log_bin && instance.server.log_replica_updates) words.emplace_back(">>");
  if (uses_gtid(instance) || instance.gtid.supports_oracle) {
    words.emplace_back(instance.gtid.errant.empty() ? "GTID" : "GTID:errant");
  }
  if (instance.gtid.uses_pseudo) words.emplace_back("P-GTID");
  if (instance.semi_sync.source_status) words.emplace_back("semi:master");
  if (instance.semi_sync.replica_status) words.emplace_back("semi:replica");
  if (instance.downtime.active) words.emplace_back("downtimed");
  return join(words, ",");
}

}  // namespace

Flavor flavor(const Instance& instance) {
  return flavor_of(instance.server.version, instance.server.version_comment);
}

bool is_mariadb(const Instance& instance) {
  return flavor(instance) == Flavor::MariaDb;
}

bool is_replica(const Instance& instance) {
  const InstanceKey& source = instance.replication.source;
  return !source.hostname.empty() && source.hostname != "_" && source.port != 0 &&
         (!instance.replication.read.empty() || uses_gtid(instance));
}

bool is_source_of_cluster(const Instance& instance) {
  return !is_replica(instance) && (!is_group_member(instance) || is_group_primary(instance));
}

bool replica_running(const Instance& instance) {
  return is_replica(instance) && instance.replication.io_state == ThreadState::Running &&
         instance.replication.sql_state == ThreadState::Running;
}

bool replication_threads_stopped(const Instance& instance) {
  return instance.replication.io_state == ThreadState::Stopped &&
         instance.replication.sql_state == ThreadState::Stopped;
}

bool replication_threads_exist(const Instance& instance) {
  return instance.replication.io_state != ThreadState::None &&
         instance.replication.sql_state != ThreadState::None;
}

bool applier_up_to_date(const Instance& instance) {
  return instance.replication.read == instance.replication.exec;
}

bool uses_gtid(const Instance& instance) {
  return instance.gtid.uses_oracle || instance.gtid.uses_mariadb;
}

bool is_group_member(const Instance& instance) {
  return !instance.group.name.empty();
}

bool is_group_primary(const Instance& instance) {
  return is_group_member(instance) && instance.key == instance.group.primary;
}

bool is_group_secondary(const Instance& instance) {
  return is_group_member(instance) && instance.key != instance.group.primary;
}

bool is_descendant_of(const Instance& instance, const Instance& ancestor) {
  if (ancestor.server.uuid.empty()) return false;
  const auto uuids = split(instance.ancestry_uuid, ',');
  return std::find(uuids.begin(), uuids.end(), ancestor.server.uuid) != uuids.end();
}

bool has_reasonable_lag(const Instance& instance, std::chrono::seconds limit) {
  const auto lag = instance.replication.seconds_behind.value_or(std::chrono::seconds(0));
  const auto delay = instance.replication.sql_delay;
  return (delay.count() > 0 ? distance(lag, delay) : lag) <= limit;
}

bool is_detached_source(const Instance& instance) {
  return is_detached(instance.replication.source);
}

bool is_valid_and_recent(const Instance& instance) {
  return instance.freshness.is_last_check_valid && instance.freshness.is_recently_checked;
}

std::string lag_status(const Instance& instance) {
  if (is_detached_log_file(instance.replication.exec.log_file)) return "detached";
  if (!is_valid_and_recent(instance)) return "unknown";
  if (is_replica(instance) &&
      (!replica_running(instance) || !instance.replication.seconds_behind)) {
    return "null";
  }
  return std::to_string(instance.replication.lag.value_or(std::chrono::seconds(0)).count()) + 's';
}

std::string status_text(const Instance& instance, std::chrono::seconds lag_limit) {
  if (!instance.freshness.is_last_check_valid) return "invalid";
  if (!instance.freshness.is_recently_checked) return "unchecked";
  if (is_replica(instance) && !replica_running(instance)) return "nonreplicating";
  if (is_replica(instance) && !has_reasonable_lag(instance, lag_limit)) return "lag";
  return "ok";
}

std::vector<std::string> description_tokens(const Instance& instance,
                                            std::chrono::seconds lag_limit) {
  const ServerFacts& server = instance.server;
  return {lag_status(instance),
          status_text(instance, lag_limit),
          server.version,
          server.read_only ? "ro" : "rw",
          server.log_bin ? server.binlog_format : "nobinlog",
          extras(instance)};
}

std::string bracket_description(const Instance& instance, std::chrono::seconds lag_limit) {
  std::vector<std::string> tokens = description_tokens(instance, lag_limit);
  std::erase(tokens, "");
  return '[' + join(tokens, ",") + ']';
}

std::vector<std::string> problems(const Instance& instance, std::chrono::seconds lag_limit) {
  std::vector<std::string> found;
  const auto& lag = instance.replication.lag;
  if (!instance.freshness.is_last_check_valid) {
    found.emplace_back("last_check_invalid");
  } else if (!instance.freshness.is_recently_checked) {
    found.emplace_back("not_recently_checked");
  } else if (replication_threads_exist(instance) && !replica_running(instance)) {
    found.emplace_back("not_replicating");
  } else if (lag && distance(*lag, instance.replication.sql_delay) > lag_limit) {
    found.emplace_back("replication_lag");
  }
  if (!instance.gtid.errant.empty()) found.emplace_back("errant_gtid");
  if (is_group_member(instance) && instance.group.state != "ONLINE") {
    found.emplace_back("group_replication_member_not_online");
  }
  return found;
}

}  // namespace orch
