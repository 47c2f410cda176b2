#include "core/plan/refactor/temporary_tables.h"

#include <utility>

#include "core/plan/refactor/parts.h"

namespace orch {

bool keeps_temporary_tables(const Instance& server) {
  return parse_server_version(server.server.version) >= ServerVersion{11, 8, 0};
}

bool needs_temporary_tables(const Instance& replica, const Instance* source, const Instance* target,
                            const std::optional<Position>& end) {
  if (replica.replication.temporary_tables == 0 || source == nullptr || !answers(*source)) {
    return false;
  }
  // From nowhere it comes back to where it was.
  if (target == nullptr || target == source) return false;
  if (keeps_temporary_tables(replica) && keeps_temporary_tables(*target)) return false;
  return !end || !contains(executed_position(replica), *end);
}

std::optional<Step> await_their_end(const Instance& replica, const std::optional<Position>& end,
                                    const Policy& policy, const Progress& so_far) {
  Condition gone = HoldsNoTemporaryTables{};
  if (end) gone = HasExecuted{*end};
  const StepResult* waited = latest(so_far, replica.key, [&](const Action& action) {
    const auto* wait = std::get_if<WaitFor>(&action);
    return wait != nullptr && wait->condition.index() == gone.index();
  });
  if (waited != nullptr || !runs(replica.replication.sql_state)) return std::nullopt;
  return step_on(replica.key,
                 WaitFor{std::move(gone), policy.reasonable_maintenance_replication_lag, {}},
                 "MariaDB may drop its temporary tables when its source is changed");
}

std::string temporary_tables_text(const Instance& replica) {
  const unsigned held = replica.replication.temporary_tables;
  return "holds " + std::to_string(held) + " temporary table" + (held == 1 ? "" : "s") +
         " of clients of " + to_string(replica.replication.source) +
         ", which MariaDB may drop when its source is changed: what they do next would not find " +
         (held == 1 ? "it" : "them") + "; what clients that are gone left ends with its restart";
}

}  // namespace orch
