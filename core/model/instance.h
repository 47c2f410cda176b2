#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/model/binlog_coordinates.h"
#include "core/model/instance_key.h"
#include "core/model/measure.h"
#include "core/model/promotion_rule.h"
#include "core/model/server_version.h"
#include "core/model/source_link.h"

namespace orch {

/// State of a replication thread: what Slave_IO_Running / Slave_SQL_Running say.
enum class ThreadState { None = -1, Stopped = 0, Running = 1, Other = 2 };
/// Whether the thread was started, working ("Yes") or on its way to ("Connecting").
[[nodiscard]] constexpr bool runs(ThreadState state) {
  return state == ThreadState::Running || state == ThreadState::Other;
}

/// What a server is and how it is configured.
struct ServerFacts {
  std::uint32_t id{0};            ///< @@server_id
  std::string uuid{};             ///< @@server_uuid; "" for MariaDB
  std::string version{};          ///< @@version verbatim; "Unknown" for a record nobody probed
  std::string version_comment{};  ///< @@version_comment
  bool read_only{false};          ///< @@read_only
  std::optional<bool> super_read_only{};  ///< nothing where the server has none. Not stored
  bool offline{false};                    ///< @@offline_mode: clients are turned away. Not stored.
  bool transactions_read_only{false};     ///< @@transaction_read_only. Not stored.
  std::chrono::seconds uptime{0};
  std::string binlog_format{};     ///< STATEMENT, MIXED, ROW, "" or (MaxScale) INHERIT
  std::string binlog_row_image{};  ///< FULL, MINIMAL, NOBLOB, ""
  bool log_bin{false};
  bool log_replica_updates{false};  ///< @@log_slave_updates / @@log_replica_updates
  bool binlog_server{false};        ///< MaxScale as a binlog server
  BinlogCoordinates binlog{};       ///< where its own binary log ends
  bool filters_binlog{false};       ///< by binlog_do_db or binlog_ignore_db. Not stored
  bool skips_errors{false};         ///< as a replica, by slave_skip_errors. Not stored
};

/// How a server follows its source, by its own replica status. `configured` is false and all
/// else empty when SHOW REPLICA STATUS has no row.
struct Replication {
  bool configured{false};
  InstanceKey source{};       ///< Source_Host (resolved) and Source_Port
  std::string source_name{};  ///< Source_Host verbatim, "" when it is not known. Not stored
  std::string source_uuid{};  ///< Source_UUID; "No" where the status has no such column
  std::string user{};         ///< Source_User. Not stored
  std::string channel{};      ///< Channel_Name or Connection_name. Not stored
  int channels{0};  ///< how many sources; with more than one it is never moved (DISC-8). Not stored
  ThreadState io_state{ThreadState::None};
  ThreadState sql_state{ThreadState::None};
  /// The stored flags slave_io_running / slave_sql_running. A probe sets them to `state ==
  /// Running`; a stored record may disagree with the states (see analysis).
  bool io_running{false};
  bool sql_running{false};
  BinlogCoordinates read{};     ///< what the receiver has read of the source's log
  BinlogCoordinates exec{};     ///< what the applier has executed
  BinlogCoordinates partial{};  ///< inside of a transaction, which begins at `read`. Not stored
  BinlogCoordinates relay{"", 0, BinlogType::Relay};  ///< the applier's place in its own relay log
  std::string last_io_error{};   ///< plain text, unquoted; 'quoted' only in the store
  std::string last_sql_error{};  ///< likewise
  std::chrono::seconds sql_delay{0};
  /// Seconds_Behind_Source. Nothing when the server says NULL. It can read 0 while the receiver is
  /// behind, so that candidate choice must not use it.
  std::optional<std::chrono::seconds> seconds_behind{};
  /// The lag query's answer where one is configured, else `seconds_behind`.
  std::optional<std::chrono::seconds> lag{};
  unsigned temporary_tables{0};       ///< MariaDB: of its source's clients, open. Not stored
  bool has_filters{false};            ///< of any kind: rows are left out, or come elsewhere
  bool filters_domains{false};        ///< MariaDB: IGNORE_DOMAIN_IDS or DO_DOMAIN_IDS
  bool has_credentials{false};        ///< the status names a user
  bool credentials_available{false};  ///< orch can read user and password for others
  bool allow_tls{false};              ///< Source_SSL_Allowed is Yes
  SourceTls tls{};
  KeptOptions kept{};
  std::optional<std::chrono::milliseconds> heartbeat{};  ///< its period. Not stored
  std::uint64_t heartbeats{0};                           ///< how many were received. Not stored
  /// Since when, at the latest, nothing has come from the source; takes two looks. Not stored.
  std::optional<TimePoint> silent_since{};
  std::string retrieved_gtid_set{};  ///< Retrieved_Gtid_Set. Not stored
  std::string gtid_io_pos{};         ///< MariaDB Gtid_IO_Pos: received so far. Not stored
};

struct Gtid {
  std::string mode{};           ///< @@gtid_mode: ON, OFF, ON_PERMISSIVE, OFF_PERMISSIVE, ""
  bool supports_oracle{false};  ///< mode is neither "" nor OFF
  bool uses_oracle{false};      ///< Auto_Position = 1
  bool uses_mariadb{false};     ///< Using_Gtid is present and not No
  bool mariadb_current{false};  ///< ... and Current_Pos: what it wrote itself counts. Not stored
  bool uses_pseudo{false};
  std::string executed{};           ///< @@gtid_executed verbatim
  std::string purged{};             ///< @@gtid_purged verbatim
  std::string errant{};             ///< executed here and not by the source; see discovery
  std::string mariadb_slave_pos{};  ///< MariaDB: received and applied (gtid_slave_pos). Not stored
  /// MariaDB: the last of each server in its binary log, its own included (gtid_binlog_state).
  std::string mariadb_binlog_state{};
  std::string mariadb_current_pos{};  ///< what it says that it has by current_pos. Not stored
  std::string mariadb_purged{};       ///< where its oldest binary log begins. Not stored
};

struct SemiSync {
  bool available{false};  ///< both sides' plugins are loaded
  unsigned priority{0};   ///< DetectSemiSyncEnforcedQuery; 0 = asynchronous
  bool source_enabled{false};
  bool replica_enabled{false};
  std::chrono::milliseconds source_timeout{0};
  unsigned source_wait_for_replica_count{0};
  std::string source_wait_point{};  ///< AFTER_SYNC, AFTER_COMMIT. Not stored
  bool source_status{false};
  unsigned source_clients{0};
  /// How many sessions wait for an acknowledgement right now; nothing when it was not asked.
  std::optional<unsigned> source_waiting_sessions{};
  bool replica_status{false};
  bool new_names{false};  ///< source/replica (8.0.26+ plugins), not master/slave. Not stored
};

/// MySQL Group Replication, as the member itself sees it.
struct GroupMembership {
  std::string name{};  ///< "" when not in a group
  bool single_primary{true};
  std::string state{};  ///< ONLINE, RECOVERING, OFFLINE, ERROR, UNREACHABLE
  std::string role{};   ///< PRIMARY, SECONDARY
  std::vector<InstanceKey> others{};
  InstanceKey primary{};
};

struct Location {
  std::string data_center{};
  std::string region{};
  std::string physical_environment{};
};

/// A downtime row; it may have ended.
struct Downtime {
  bool active{false};
  std::string owner{};
  std::string reason{};
  std::string begin{};  ///< backend text
  std::string end{};    ///< backend text
  std::chrono::seconds elapsed{0};
};

/// What the backend knows about when the server was looked at.
struct Freshness {
  std::optional<TimePoint> last_checked{};
  std::optional<TimePoint> last_attempted_check{};
  std::optional<TimePoint> last_seen{};
  bool last_check_partial_success{false};
  std::optional<Error> last_error{};  ///< why the latest probe could not read it. Not stored
  bool is_last_check_valid{false};    ///< last_checked <= last_seen
  bool is_up_to_date{false};          ///< checked within InstancePollSeconds
  bool is_recently_checked{false};    ///< checked within five times that
  std::chrono::seconds since_last_check{0};
  std::optional<std::chrono::seconds> since_last_seen{};
};

/// One MySQL server: what the latest probe, or the backend's record of it, says.
struct Instance {
  InstanceKey key{};
  std::string alias{};
  std::string cluster_name{};
  std::string suggested_cluster_alias{};
  unsigned replication_depth{0};  ///< 0 = top of its cluster
  bool is_co_master{false};
  std::string ancestry_uuid{};

  ServerFacts server{};
  Replication replication{};
  Gtid gtid{};
  Measure measure{Measure::AsItFollows};  ///< Not stored
  SemiSync semi_sync{};
  GroupMembership group{};
  Location location{};
  std::vector<InstanceKey> replicas{};  ///< as the server itself reports them

  PromotionRule promotion_rule{PromotionRule::Neutral};
  bool is_candidate{false};  ///< a stored rule of must or prefer
  std::string incomplete{};  ///< who left out rows that it may lack, by its tag: left_out.h
  std::string unresolved_hostname{};
  Downtime downtime{};
  Freshness freshness{};
  std::chrono::nanoseconds last_discovery_latency{0};
};

// --- What the specification's predicates say about one instance (discovery document, 5.3) ---

[[nodiscard]] Flavor flavor(const Instance& instance);
[[nodiscard]] bool is_mariadb(const Instance& instance);
[[nodiscard]] bool is_replica(const Instance& instance);
/// Not a replica, and no group member but the primary.
[[nodiscard]] bool is_source_of_cluster(const Instance& instance);
[[nodiscard]] bool replica_running(const Instance& instance);
[[nodiscard]] bool replication_threads_stopped(const Instance& instance);
[[nodiscard]] bool replication_threads_exist(const Instance& instance);
[[nodiscard]] bool applier_up_to_date(const Instance& instance);
[[nodiscard]] bool uses_gtid(const Instance& instance);
[[nodiscard]] bool is_group_member(const Instance& instance);
[[nodiscard]] bool is_group_primary(const Instance& instance);
[[nodiscard]] bool is_group_secondary(const Instance& instance);
/// `ancestor`'s UUID is in this instance's ancestry.
[[nodiscard]] bool is_descendant_of(const Instance& instance, const Instance& ancestor);
/// |lag - delay| for a delayed replica, else the lag, against `limit`; unknown lag counts as 0.
[[nodiscard]] bool has_reasonable_lag(const Instance& instance, std::chrono::seconds limit);
[[nodiscard]] bool is_detached_source(const Instance& instance);
/// Last check valid and recent: the record may be believed.
[[nodiscard]] bool is_valid_and_recent(const Instance& instance);

// --- Texts of the contract (cli document, 8.1; discovery document, 17) ---

/// "detached", "unknown", "null" or "<n>s".
[[nodiscard]] std::string lag_status(const Instance& instance);
/// "invalid", "unchecked", "nonreplicating", "lag" or "ok". `lag_limit` is
/// ReasonableMaintenanceReplicationLagSeconds.
[[nodiscard]] std::string status_text(const Instance& instance, std::chrono::seconds lag_limit);
/// The six tokens lag, status, version, ro/rw, format/nobinlog, extras.
[[nodiscard]] std::vector<std::string> description_tokens(const Instance& instance,
                                                          std::chrono::seconds lag_limit);
/// "[0s,ok,8.4.3,rw,ROW,>>,GTID]".
[[nodiscard]] std::string bracket_description(const Instance& instance,
                                              std::chrono::seconds lag_limit);
/// last_check_invalid, not_recently_checked, not_replicating, replication_lag (at most one of
/// these), errant_gtid, group_replication_member_not_online. `lag_limit` is
/// ReasonableReplicationLagSeconds.
[[nodiscard]] std::vector<std::string> problems(const Instance& instance,
                                                std::chrono::seconds lag_limit);

}  // namespace orch
