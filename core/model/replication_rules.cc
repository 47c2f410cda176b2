#include "core/model/replication_rules.h"

#include <utility>

#include "core/base/text.h"
#include "core/model/gtid_set.h"
#include "core/model/mariadb_gtid.h"

namespace orch {

namespace {

bool has_lower_version(const Instance& replica, const Instance& source) {
  // The version of a binlog server says nothing about the log that it hands on.
  return !replica.server.binlog_server && !source.server.binlog_server &&
         is_smaller_major_version(replica.server.version, source.server.version);
}

std::string version_text(const Instance& replica, const Instance& source) {
  return "version " + replica.server.version + " is lower than version " + source.server.version +
         " of the source";
}

std::string filters_reason(const Instance& replica, const Instance& source,
                           const ReplicationRules& rules) {
  if (!rules.verify_filters) return "";
  if (source.server.filters_binlog) return "the source leaves databases out of its binary log";
  const bool violated = source.replication.has_filters && !replica.replication.has_filters;
  return violated ? "the source has replication filters, and the replica has none" : "";
}

std::string identity_reason(const Instance& replica, const Instance& source) {
  if (replica.server.binlog_server) return "";
  if (replica.server.id == source.server.id) {
    return "both have the server id " + std::to_string(source.server.id);
  }
  if (!source.server.uuid.empty() && replica.server.uuid == source.server.uuid) {
    return "both have the server uuid " + source.server.uuid;
  }
  return "";
}

std::string delay_reason(const Instance& replica, const Instance& source,
                         const ReplicationRules& rules) {
  const auto delay = source.replication.sql_delay;
  const bool violated =
      replica.replication.sql_delay < delay && delay > rules.reasonable_maintenance_lag;
  if (!violated) return "";
  return "the source is delayed by " + std::to_string(delay.count()) +
         " seconds, and the replica by less";
}

/// Why the link is not possible; "" when it is.
std::string obstacle(const Instance& replica, const Instance& source,
                     const ReplicationRules& rules) {
  if (replica.key == source.key) return "a server cannot replicate from itself";
  if (!source.server.log_bin) return "the source has no binary log";
  if (is_replica(source) && !source.server.log_replica_updates) {
    return "the source is a replica and does not log what it replicates";
  }
  if (has_lower_version(replica, source) && !rules.lower_version_allowed) {
    return version_text(replica, source);
  }
  if (replica.server.log_bin && replica.server.log_replica_updates &&
      is_smaller_binlog_format(replica.server.binlog_format, source.server.binlog_format)) {
    return "binlog format " + replica.server.binlog_format + " cannot take " +
           source.server.binlog_format + " of the source";
  }
  for (std::string reason :
       {filters_reason(replica, source, rules), identity_reason(replica, source),
        delay_reason(replica, source, rules)}) {
    if (!reason.empty()) return reason;
  }
  return "";
}

/// MariaDB looks in each domain for the one that it is told, and where that cannot be found, the
/// replica's receiver ends.
Result<std::string> purged_by_mariadb(const Instance& replica, const Instance& source,
                                      bool applies_rest) {
  const Gtid& gtid = replica.gtid;
  const Replication& link = replica.replication;
  ORCH_ASSIGN(const auto purged, MariaDbGtidPos::parse(source.gtid.mariadb_purged));
  ORCH_ASSIGN(auto has, MariaDbGtidPos::parse(gtid.mariadb_current ? gtid.mariadb_current_pos
                                                                   : gtid.mariadb_slave_pos));
  ORCH_ASSIGN(auto logged, MariaDbGtidPos::parse(gtid.mariadb_binlog_state));
  logged = std::move(logged).owned_by(replica.server.id);
  const bool may_apply = link.last_sql_error.empty() && link.sql_delay.count() == 0 &&
                         !replication_threads_stopped(replica) && !link.read.empty();
  if (applies_rest && may_apply) {
    ORCH_ASSIGN(const auto received, MariaDbGtidPos::parse(link.gtid_io_pos));
    has = has.united(received);
  }
  std::string lacking;
  if (link.filters_domains) return lacking;
  for (const MariaDbGtid& end : purged.ends()) {
    const auto last = has.last(end.domain);
    if ((last && last->sequence >= end.sequence) || logged.contains(end)) continue;
    lacking += (lacking.empty() ? "" : ",") + to_string(end);
  }
  return lacking;
}

/// Why the link is not possible by GTID; "" when it is.
std::string gtid_obstacle(const Instance& replica, const Instance& source) {
  if (!gtid_compatible(replica, source)) return "the two are not compatible by GTID";
  const std::string& mode = source.gtid.mode;
  if (replica.gtid.uses_oracle && !mode.empty() && !equals_ignoring_case(mode, "ON")) {
    return "gtid_mode of the source is " + mode +
           ", and only from one with ON may a replica with auto position receive";
  }
  const auto lacking = purged_and_lacking(replica, source, true);
  if (!lacking) return lacking.error().message;
  return lacking->empty() ? "" : "the source has purged what the replica lacks: " + *lacking;
}

Result<> refused_for(const Instance& replica, const Instance& source, const std::string& reason) {
  if (reason.empty()) return {};
  return fail(ErrorKind::Refused, to_string(replica.key) + " cannot replicate from " +
                                      to_string(source.key) + ". Reason: " + reason);
}

/// Unknown formats: 0.
int format_rank(std::string_view format) {
  return format == "STATEMENT" ? 1 : format == "MIXED" ? 2 : format == "ROW" ? 3 : 0;
}

}  // namespace

Result<> can_replicate_from(const Instance& replica, const Instance& source,
                            const ReplicationRules& rules) {
  return refused_for(replica, source, obstacle(replica, source, rules));
}

std::optional<std::string> replication_warning(const Instance& replica, const Instance& source) {
  if (!has_lower_version(replica, source)) return std::nullopt;
  return to_string(replica.key) + ": " + version_text(replica, source) + " " +
         to_string(source.key);
}

std::string bound_to_gtid(const Instance& replica) {
  if (!replica.replication.filters_domains) return "";
  return "leaves out GTID domains (IGNORE_DOMAIN_IDS or DO_DOMAIN_IDS), which MariaDB does by GTID "
         "only: to let it follow by coordinates, first CHANGE MASTER TO IGNORE_DOMAIN_IDS = (), "
         "DO_DOMAIN_IDS = ()";
}

bool gtid_compatible(const Instance& replica, const Instance& source) {
  return (replica.gtid.uses_oracle && source.gtid.supports_oracle) ||
         (replica.gtid.uses_mariadb && is_mariadb(source));
}

Result<std::string> purged_and_lacking(const Instance& replica, const Instance& source,
                                       bool applies_rest) {
  if (!gtid_compatible(replica, source)) return std::string();
  if (!replica.gtid.uses_oracle) return purged_by_mariadb(replica, source, applies_rest);
  const auto purged = GtidSet::parse(source.gtid.purged);
  const auto executed = GtidSet::parse(replica.gtid.executed);
  if (!purged) return fail(Error(purged.error()).within("gtid_purged of the source"));
  if (!executed) return fail(Error(executed.error()).within("gtid_executed of the replica"));
  return purged->minus(*executed).to_string();
}

Result<> can_replicate_from_gtid(const Instance& replica, const Instance& source,
                                 const ReplicationRules& rules) {
  ORCH_TRY(can_replicate_from(replica, source, rules));
  return refused_for(replica, source, gtid_obstacle(replica, source));
}

bool is_smaller_binlog_format(std::string_view a, std::string_view b) {
  return format_rank(a) != 0 && format_rank(a) < format_rank(b);
}

}  // namespace orch
