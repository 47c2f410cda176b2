#include "cmd/fleet.h"

#include <optional>
#include <string>
#include <utility>

#include "core/base/log.h"
#include "core/mysql/idle_session.h"
#include "core/mysql/tls_settings.h"
#include "storage/hostname_store.h"

namespace orch::cmd {

namespace {

/// The answers of table hostname_resolve, for the probe.
std::function<std::optional<std::string>(const std::string&)> stored_names(
    storage::Database& database, const Clock& clock) {
  return [&database, &clock](const std::string& hostname) -> std::optional<std::string> {
    auto found = storage::HostnameStore(database, clock).find_resolved(hostname);
    if (found) return *std::move(found);
    log::error("{}", found.error().message);
    return std::nullopt;
  };
}

ProbeSettings probe_settings(const Config& config, storage::Database& database,
                             const Clock& clock) {
  return {.connection = config.connection,
          .discovery = config.discovery,
          .classification = config.classification,
          // With AutoPseudoGTID our own notes say where it is in use.
          .detect_pseudo_gtid_query = config.pseudo_gtid.auto_pseudo_gtid
                                          ? ""
                                          : config.pseudo_gtid.detect_pseudo_gtid_query,
          .mysql_connect_timeout = config.backend.mysql_connect_timeout_seconds,
          .mysql_connection_lifetime = config.backend.mysql_connection_lifetime_seconds,
          .stored_name = stored_names(database, clock)};
}

/// About what is left between a leader's last proof and another's first act; not so short that one
/// lost packet breaks a connection.
std::chrono::milliseconds flight_limit(const Config& config) {
  constexpr std::chrono::milliseconds kLeast{500};
  return std::max(kLeast, config.raft.raft_enabled
                              ? config.raft.raft_election_timeout_milliseconds / 2
                              : config.service.lease_milliseconds / 5);
}

LiveServerSettings server_settings(const Config& config) {
  return {.connection = config.connection,
          .mysql_connect_timeout = config.backend.mysql_connect_timeout_seconds,
          .flight_limit = flight_limit(config),
          .binlog_events_chunk_size = config.pseudo_gtid.binlog_events_chunk_size};
}

}  // namespace

Result<std::unique_ptr<Fleet>> Fleet::open(const Config& config, storage::Database& database,
                                           const Clock& clock) {
  ORCH_ASSIGN(Prober prober, Prober::create(probe_settings(config, database, clock)));
  return std::unique_ptr<Fleet>(new Fleet(std::move(prober), config, database, clock));
}

Fleet::Fleet(Prober prober, const Config& config, storage::Database& database, const Clock& clock)
    : database_(database),
      clock_(clock),
      prober_(std::move(prober)),
      servers_(prober_, server_settings(config)) {}

Result<> Fleet::reconfigure(const Config& config) {
  ORCH_TRY(prober_.reconfigure(probe_settings(config, database_, clock_)));
  servers_.reconfigure(server_settings(config));
  return {};
}

Result<std::unique_ptr<WatchedSession>> Fleet::watch(const InstanceKey& key,
                                                     std::chrono::milliseconds silence) {
  const auto settings = servers_.settings();
  const ConnectionSettings& from = settings->connection;
  const std::chrono::milliseconds limit = settings->mysql_connect_timeout;
  return open_idle_session({.host = key.hostname,
                            .port = key.port,
                            .user = from.mysql_topology_user,
                            .password = from.mysql_topology_password,
                            .tls = tls_options(from)},
                           silence, std::chrono::steady_clock::now() + limit);
}

}  // namespace orch::cmd
