#include "core/execute/destination.h"

#include <algorithm>
#include <string>
#include <vector>

namespace orch {

namespace {

/// The destination and those above it, as far as they answer.
std::vector<InstanceKey> way_up(const InstanceKey& destination, const Topology& fresh) {
  std::vector<InstanceKey> way;
  const Instance* at = fresh.find(destination);
  while (at != nullptr && answers(*at) && std::ranges::find(way, at->key) == way.end()) {
    way.push_back(at->key);
    at = fresh.source_of(at->key);
  }
  return way;
}

}  // namespace

Result<> check_destination(const InstanceKey& server, const InstanceKey& destination,
                           const std::set<InstanceKey>& ours, MaintenanceLocks& locks,
                           const Survey& survey, Topology& fresh) {
  // So it is meant to be, of two co-masters.
  if (fresh.is_below(destination, server)) return {};
  std::set<InstanceKey> seen = ours;
  while (true) {
    std::set<InstanceKey> asked;
    for (const InstanceKey& key : way_up(destination, fresh)) {
      if (key == server) {
        return fail(ErrorKind::Conflict, to_string(destination) + " has come to be below " +
                                             to_string(server) + " meanwhile");
      }
      if (!seen.insert(key).second) continue;
      ORCH_ASSIGN(const bool worked_on, locks.is_worked_on(key));
      if (worked_on) {
        return fail(ErrorKind::Conflict,
                    "another operation is at work on " + to_string(key) + ": try again");
      }
      asked.insert(key);
    }
    if (asked.empty()) return {};
    fresh = survey(fresh, asked);
  }
}

}  // namespace orch
