#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/base/secret.h"
#include "core/model/instance.h"

namespace orch {

// The vocabulary of changes to one server. Values only: core/mysql/change_statements says the SQL,
// core/plan decides, core/execute carries out.

enum class ReplicationThreads { Both, Receiver, Applier };

struct StopReplication {
  ReplicationThreads threads{ReplicationThreads::Both};
  /// The source does not answer, perhaps with its connections open: do not wait for it.
  bool source_is_silent{false};
};
struct StartReplication {
  ReplicationThreads threads{ReplicationThreads::Both};
};

/// START ... UNTIL: applies up to that place in the source's log, and its applier stops there.
struct StartUntil {
  BinlogCoordinates until{};
};

/// How a replica finds its place in the new source's log.
enum class Positioning {
  Keep,            ///< as the replica does now: auto position, MASTER_USE_GTID or coordinates
  Gtid,            ///< auto position; MariaDB: as it does now, else slave_pos
  MariaDbCurrent,  ///< MariaDB, for a server that was a source so far: its own transactions count
  Coordinates,     ///< file and position, GTID off
};

/// Options of a replica's link that CHANGE forgets, or that a new link has not.
struct LinkOptions {
  SourceTls tls{};
  bool use_tls{false};
  /// A change of the host sets it back to its default, on all servers.
  std::optional<std::chrono::milliseconds> heartbeat{};
  KeptOptions kept{};  ///< for a new link
};

/// CHANGE REPLICATION SOURCE / CHANGE MASTER. Every option of the link that the server would
/// otherwise forget (TLS, keys, delay, heartbeat, channel) is repeated from the server's own
/// status.
struct PointTo {
  InstanceKey source{};
  Positioning positioning{Positioning::Keep};
  BinlogCoordinates coordinates{};  ///< for Coordinates, and for Keep without GTID
  /// Given when the link is new (a former source becomes a replica).
  std::optional<std::string> user{};
  std::optional<Secret> password{};
  /// For a new link: as another replica of the cluster has them (REC-42).
  std::optional<LinkOptions> options{};
  /// For Coordinates: the place in the present source's log that is the same, where it is known.
  std::optional<BinlogCoordinates> equals{};
  /// By what name the source is told to the replica; "" = see name_to_write().
  std::string written_name{};
};

/// RESET REPLICA ALL: the server forgets its source.
struct ResetReplication {};
struct SetReadOnly {
  bool on{true};
  /// With `on`: super_read_only too, where there is one, whatever UseSuperReadOnly says.
  bool strict{false};
};
struct SetSemiSyncSource {
  bool on{true};
};
struct SetSemiSyncReplica {
  bool on{true};
};
struct SetDelay {
  std::chrono::seconds delay{0};
  /// MariaDB, stopped: what it has received stays. It goes on without GTID: see FollowByGtid.
  bool keeps_relay_logs{false};
};
/// MariaDB, stopped: by GTID again, from what it has applied on. What it holds besides is thrown
/// away.
struct FollowByGtid {
  bool current{false};  ///< by current_pos, else slave_pos
};
/// The receiver stopped: ends the applier that waits for the rest of a transaction, on MySQL
/// without waiting until it has rolled back. Not found: it has begun with none.
struct RollBackPartial {};
struct FlushBinaryLogs {
  int times{1};
};

/// PURGE BINARY LOGS TO: all before that one.
struct PurgeBinaryLogs {
  std::string up_to{};
};
/// An empty binary log, and what counts as executed from then on (RESET MASTER, gtid_purged).
/// MySQL.
struct ResetGtidHistory {
  std::string executed{};
};
/// Commits an empty transaction under each of these GTIDs. MySQL.
struct InjectEmptyTransactions {
  std::vector<std::string> gtids{};
};

/// Commits a transaction that does nothing: its acknowledgement is one for all that came before it,
/// so that who waits for that goes on.
struct CommitNothing {};

/// Leaves out the event that stopped the applier: sql_slave_skip_counter.
struct SkipEvent {};
/// Ends the statement that a session runs.
struct KillQuery {
  std::uint64_t session{0};
};

using Change =
    std::variant<StopReplication, StartReplication, PointTo, ResetReplication, SetReadOnly,
                 SetSemiSyncSource, SetSemiSyncReplica, SetDelay, FlushBinaryLogs, StartUntil,
                 PurgeBinaryLogs, ResetGtidHistory, InjectEmptyTransactions, SkipEvent, KillQuery,
                 FollowByGtid, RollBackPartial, CommitNothing>;

/// User and password that replicas use, for a server that never had a source.
struct ReplicationCredentials {
  std::string user{};
  Secret password{};
};

}  // namespace orch
