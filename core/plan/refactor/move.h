#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/plan/policy.h"
#include "core/plan/step.h"

namespace orch {

/// One replica that shall follow another source.
struct Move {
  InstanceKey server{};
  PointTo target{};
  std::string why{};
  /// Wait until it replicates from there; false for a source that cannot be reached on purpose.
  bool verify{true};
  /// Point even when it follows that source already (a corrupt relay log, other coordinates).
  bool even_if_same{false};
  /// Start replication whatever ran before; else only what ran is started (REF-2).
  bool always_start{false};
  /// What the destination holds, where that is known better than by asking it now.
  std::optional<Position> destination_holds{};
  std::optional<InstanceKey> credentials_from{};
  /// Without GTID: where it goes on in the destination's log is found by Pseudo-GTID, when it
  /// stands still.
  bool by_pseudo_gtid{false};
  /// Without GTID: who has executed exactly that much of the present source's log goes on at the
  /// target's coordinates.
  std::optional<BinlogCoordinates> equal_at{};
  /// With `equal_at`: a binlog server, below which one that is not there yet gets there first.
  std::optional<InstanceKey> gather_at{};
  /// Begins when the others are done: they may gather at this one.
  bool after_others{false};
  /// How long it may take to stop; nothing: as long as the executor lets it.
  std::optional<std::chrono::milliseconds> stop_limit{};
  /// Nobody waits for it: it comes after all else.
  bool late{false};
  /// The destination hands out the log that it reads now, so that it goes on at the same
  /// coordinates; it is not moved while the destination has less of that log.
  bool same_log{false};
};

/// Where a move stands: what to do next, or how it ended.
struct MoveState {
  enum class Kind { Working, Moved, Lost };
  Kind kind{Kind::Working};
  std::vector<Step> steps{};  ///< Working; a step may be on the destination (wait for it)
  std::string because{};      ///< Lost
  bool may_take_long{false};  ///< Working; it waits for an applier that has something left to do
};

/// The steps of all that are on their way; those that may take long begin when the others are done,
/// so that a server that hangs delays nobody (REC-26).
[[nodiscard]] std::vector<Step> next_steps_of(std::vector<MoveState> states);

/// Nothing received is thrown away: the replica applies what it holds before it is pointed
/// elsewhere, or the destination holds it too. It is not moved while it has executed what the
/// destination lacks (REF-11).
[[nodiscard]] MoveState next_of_move(const Move& move, const Progress& so_far,
                                     const Topology& fresh, const Policy& policy);

/// Several moves, side by side: what is next, and what became of those that ended.
struct MovesInHand {
  std::vector<Step> steps{};
  std::vector<InstanceKey> moved{};
  std::vector<LostReplica> lost{};
};
[[nodiscard]] MovesInHand moves_in_hand(const std::vector<Move>& moves, const Policy& policy,
                                        const Progress& so_far, const Topology& fresh);
/// When nothing is left to be done for any of them. A server that could not be moved gets its
/// threads, and by GTID its source, back as they were; then as next_of_moves().
[[nodiscard]] Decision end_of_moves(Account account, const Progress& so_far, const Topology& fresh);

/// The next decision about several moves, side by side. A server that cannot be moved gets its
/// threads, and by GTID its source, back as they were. Done when one was moved or there was nothing
/// to do; those not moved, and `refused`, are lost. When the run is given up, those not moved yet
/// are lost for that.
[[nodiscard]] Decision next_of_moves(const std::vector<Move>& moves,
                                     const std::vector<LostReplica>& refused, const Policy& policy,
                                     const Progress& so_far, const Topology& fresh);

/// "db3:3306: because", or `because` alone when that names the server already.
[[nodiscard]] std::string to_string(const LostReplica& lost);

}  // namespace orch
