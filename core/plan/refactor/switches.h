#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "core/plan/policy.h"
#include "core/plan/step.h"

namespace orch {

// Operations on one server alone.

[[nodiscard]] Planner stop_replication(InstanceKey server, Policy policy);
/// Stops the receiver and waits until all that was received is applied, then stops the applier.
[[nodiscard]] Planner stop_replication_nicely(InstanceKey server, Policy policy);
[[nodiscard]] Planner start_replication(InstanceKey server, Policy policy);
[[nodiscard]] Planner restart_replication(InstanceKey server, Policy policy);
/// Stops replication if it runs, then makes the server forget its source. What it had received and
/// not applied is gone: the account notes it.
[[nodiscard]] Planner reset_replication(InstanceKey server, Policy policy);
/// CHANGE SOURCE with the user and password that ReplicationCredentialsQuery or the server's own
/// metadata tell, and all else as it is. Replication must be stopped. Refused where that would
/// throw away what nobody sends again.
[[nodiscard]] Planner change_source_credentials(InstanceKey server, Policy policy);
[[nodiscard]] Planner set_read_only(InstanceKey server, bool on, Policy policy);
[[nodiscard]] Planner set_semi_sync_source(InstanceKey server, bool on);
[[nodiscard]] Planner set_semi_sync_replica(InstanceKey server, bool on);
/// Leaves out the transaction at which the applier stopped, and starts replication: that GTID, or
/// without GTID the next event. Refused when the applier runs, or stopped for no error.
[[nodiscard]] Planner skip_query(InstanceKey server, std::string gtid, Policy policy);
/// Waits until so much of its source's log is executed.
[[nodiscard]] Planner wait_for_position(InstanceKey server, BinlogCoordinates place,
                                        std::chrono::seconds limit);
[[nodiscard]] Planner kill_query(InstanceKey server, std::uint64_t session);
[[nodiscard]] Planner delay_replication(InstanceKey server, std::chrono::seconds delay);

}  // namespace orch
