#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "core/model/binlog_coordinates.h"
#include "core/model/gtid_set.h"
#include "core/model/instance.h"
#include "core/model/mariadb_gtid.h"

namespace orch {

/// How far a server is in its cluster's stream of transactions: an Oracle GTID set, a MariaDB
/// position, coordinates in the source's binary log, or nothing when nobody can know (also when
/// the server's own text cannot be read).
using Position = std::variant<std::monostate, GtidSet, MariaDbGtidPos, BinlogCoordinates>;

/// What the server has executed, its own writes included. A replica that does not follow by GTID:
/// how far it is in its source's log, whatever GTIDs it has (they may be nobody's but its own, or
/// left from before). Where a measure is set, by that: see measure.h.
[[nodiscard]] Position executed_position(const Instance& instance);

/// What the server holds, executed or still in its relay log: for a replica Retrieved_Gtid_Set or
/// Gtid_IO_Pos, or the read coordinates, united with what it has executed.
[[nodiscard]] Position received_position(const Instance& instance);

/// What the server has executed by GTIDs, whatever it follows by.
[[nodiscard]] Position executed_gtids(const Instance& instance);
/// The same of one that gives all that it writes a GTID; else unknown, also when that was not read.
[[nodiscard]] Position gtids_of_all(const Instance& instance);

/// A MariaDB replica that receives nothing, follows by coordinates, and still holds transactions
/// that it received by GTID: its coordinates say nothing of those, see SetDelay.
[[nodiscard]] bool holds_gtids_in_relay_log(const Instance& instance);

[[nodiscard]] bool is_known(const Position& position);
/// Whether everything up to `other` is in `position`; false when the two cannot be compared.
[[nodiscard]] bool contains(const Position& position, const Position& other);
[[nodiscard]] Position united(const Position& a, const Position& b);
/// "" when unknown.
[[nodiscard]] std::string to_string(const Position& position);

/// What one position has and another lacks.
struct Difference {
  std::string text{};  ///< GTID set, or the GTIDs / coordinates between the two; "" = nothing
  std::optional<std::uint64_t> count{};  ///< transactions; nothing when it cannot be known
  bool at_most{false};                   ///< `count` is an upper bound: MariaDB leaves gaps
  [[nodiscard]] bool empty() const { return text.empty(); }
};
/// What `wanted` has and `held` lacks. Two that cannot be compared: everything of `wanted`, count
/// unknown.
[[nodiscard]] Difference missing(const Position& held, const Position& wanted);

/// What a replica on MASTER_USE_GTID=current_pos wrote itself and its source lacks: when it
/// connects it says that it has that, and is turned away.
[[nodiscard]] Difference own_missing(const Instance& replica, const Instance& source);

/// "3 transactions (uuid:4-6)", "transactions after bin.000001:4", "nothing".
[[nodiscard]] std::string to_string(const Difference& difference);

}  // namespace orch
