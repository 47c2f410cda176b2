#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/model/instance.h"

namespace orch {

/// What operators chose about who may replicate from whom.
struct ReplicationRules {
  bool verify_filters{false};         ///< VerifyReplicationFilters
  bool lower_version_allowed{false};  ///< LowerReplicaVersionAllowed
  /// ReasonableMaintenanceReplicationLagSeconds
  std::chrono::seconds reasonable_maintenance_lag{20};
};

/// Whether `replica` could follow `source`, by what is known of the two; the first rule that is
/// violated names the reason. Not looked at: whether they can be reached, GTIDs, flavor, who is
/// ahead. Errors: Refused, "db2:3306 cannot replicate from db1:3306. Reason: ...".
[[nodiscard]] Result<> can_replicate_from(const Instance& replica, const Instance& source,
                                          const ReplicationRules& rules);

/// What an operator should know of a link that can_replicate_from() allows: a replica of a lower
/// major version.
[[nodiscard]] std::optional<std::string> replication_warning(const Instance& replica,
                                                             const Instance& source);

/// Whether a link between the two can be made by GTID: the replica follows by Oracle GTID and the
/// source has it, or the replica follows by MariaDB GTID and the source is a MariaDB.
[[nodiscard]] bool gtid_compatible(const Instance& replica, const Instance& source);

/// Why a replica cannot be told to follow by coordinates; "" when it can. MariaDB says so to a
/// CHANGE MASTER (1201) when it has taken half of it.
[[nodiscard]] std::string bound_to_gtid(const Instance& replica);

/// What the replica needs to follow the source by GTID and that one has purged from its binary
/// logs; "" = nothing that is known. With `applies_rest`, MariaDB applies before what it has
/// received, where nothing keeps it from that; else it throws that away. Errors: InvalidInput.
[[nodiscard]] Result<std::string> purged_and_lacking(const Instance& replica,
                                                     const Instance& source, bool applies_rest);

/// can_replicate_from(), and besides by GTID: compatible, and the source has purged nothing that
/// the replica lacks. Errors: Refused.
[[nodiscard]] Result<> can_replicate_from_gtid(const Instance& replica, const Instance& source,
                                               const ReplicationRules& rules);

/// STATEMENT < MIXED < ROW; an unknown format is neither smaller nor larger than any.
[[nodiscard]] bool is_smaller_binlog_format(std::string_view a, std::string_view b);

}  // namespace orch
