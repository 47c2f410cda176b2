#include "core/plan/recovery/holdings.h"

#include <algorithm>

#include "core/plan/candidate.h"
#include "core/plan/foreign.h"
#include "core/plan/recovery/binlog_servers.h"
#include "core/plan/step.h"

namespace orch {

bool is_only_errant(const Instance& replica, const Position& held, const Topology& fresh) {
  const std::string errant = errant_transactions(fresh, replica);
  if (errant.empty()) return false;
  const auto set = GtidSet::parse(errant);
  const auto* theirs = std::get_if<GtidSet>(&held);
  if (theirs != nullptr && set) {
    return contains(Position{theirs->united(*set)}, received_position(replica));
  }
  return std::holds_alternative<MariaDbGtidPos>(held) &&
         missing(held, received_position(replica)).text == errant;
}

namespace {

/// Who may hold what the winner lacks: the failed server's replicas, and those below others that
/// are gone as well, unless they are below the winner; the former first.
std::vector<const Instance*> holders(const Instance& winner, const InstanceKey& failed,
                                     const Topology& fresh) {
  std::vector<const Instance*> found = fresh.replicas_of(failed);
  for (const Instance* below : fresh.descendants_of(failed)) {
    const Instance* source = fresh.source_of(below->key);
    const bool is_orphan = source != nullptr && source->key != failed && !answers(*source);
    // Co-masters are below each other: what is below the failed one is not below its partner.
    const bool is_fed =
        fresh.is_below(below->key, winner.key) && !fresh.are_co_sources(failed, winner.key);
    if (is_orphan && !is_fed) found.push_back(below);
  }
  return found;
}

}  // namespace

const Instance* ahead_of(const Instance& winner, const InstanceKey& failed,
                         const std::function<Position(const Instance&)>& measure,
                         const Topology& fresh) {
  const Position held = usable_position(winner);
  // Coordinates of another log than the failed server's do not compare.
  const bool of_another = !reads_log_of(fresh, winner, failed);
  if (std::holds_alternative<BinlogCoordinates>(held) && of_another) return nullptr;
  const Instance* best = nullptr;
  Position most;
  for (const Instance* replica : holders(winner, failed, fresh)) {
    // A binlog server has the log and no rows: see fetch_from_binlog_server().
    if (!answers(*replica) || replica->server.binlog_server) continue;
    const Position there = without_foreign(*replica, measure(*replica), fresh);
    if (there.index() != held.index() || contains(held, there)) continue;
    const bool is_direct = replica->replication.source == failed;
    // By coordinates of another's log, nobody can tell; of a binlog server's see there.
    if (!is_direct && std::holds_alternative<BinlogCoordinates>(there)) continue;
    if (replica->key != winner.key && is_only_errant(*replica, held, fresh)) continue;
    // Of two that hold the same, the one that is delayed less.
    const bool is_more =
        best == nullptr || !contains(most, there) ||
        (is_direct && replica->replication.sql_delay <= best->replication.sql_delay);
    if (!is_more || (best != nullptr && !contains(there, most))) continue;
    best = replica;
    most = there;
  }
  return best;
}

std::chrono::seconds patience_with(const Instance& server, const InstanceKey& failed,
                                   const Policy& policy, const Topology& fresh) {
  const Position held = received_position(server);
  for (const Instance* other : fresh.replicas_of(failed)) {
    if (other->key == server.key || !answers(*other)) continue;
    const Verdict verdict = judge_designated(fresh, failed, other->key, policy);
    const Position there = usable_position(*other);
    if (verdict.fit && there.index() == held.index() && contains(there, held)) {
      return std::min(policy.reasonable_replication_lag, policy.spare_wait);
    }
  }
  // A delay that is still there could not be taken from it: see undelay().
  if (server.replication.sql_delay > policy.last_resort_wait) {
    return policy.reasonable_replication_lag;
  }
  return std::max(policy.reasonable_replication_lag, policy.last_resort_wait);
}

std::chrono::seconds fetch_patience(const Instance& ahead, const FailoverRequest& request,
                                    const Policy& policy, const Topology& fresh) {
  const bool could_serve =
      !request.designated && judge_designated(fresh, request.failed, ahead.key, policy).fit;
  return could_serve ? std::min(policy.reasonable_replication_lag, policy.spare_wait)
                     : policy.reasonable_replication_lag;
}

ErrorKind kind_of_failing(const std::vector<const Instance*>& instances) {
  if (all_deny(instances)) return ErrorKind::Denied;
  const bool sees_all = std::all_of(instances.begin(), instances.end(),
                                    [](const Instance* instance) { return answers(*instance); });
  return sees_all ? ErrorKind::Refused : ErrorKind::Unreachable;
}

}  // namespace orch
