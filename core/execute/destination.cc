#include "core/execute/destination.h"

#include <algorithm>
#include <string>

namespace orch {

namespace {

// Of those that wait for each other, in a circle, one gives up first and lets the others through.
constexpr std::chrono::milliseconds kWaitForOthers{3'000};
constexpr std::chrono::milliseconds kWaitLess{1'000};
constexpr std::chrono::milliseconds kLookAgain{50};

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

Result<> wait_until_free(const InstanceKey& key, const InstanceKey& server,
                         const Lookout& lookout) {
  const SteadyPoint end = lookout.pace.now() + (server < key ? kWaitForOthers : kWaitLess);
  while (true) {
    ORCH_ASSIGN(const bool worked_on, lookout.locks.is_worked_on(key));
    if (!worked_on) return {};
    if (lookout.pace.now() >= end || !lookout.pace.pause(kLookAgain)) {
      return fail(ErrorKind::Conflict,
                  "another operation is at work on " + to_string(key) + ": try again");
    }
  }
}

Result<> check_destination(const InstanceKey& server, const InstanceKey& destination,
                           std::set<InstanceKey>& seen, const Lookout& lookout, Topology& fresh) {
  // So it is meant to be, of two co-masters.
  if (fresh.is_below(destination, server)) return {};
  while (true) {
    std::set<InstanceKey> asked;
    for (const InstanceKey& key : way_up(destination, fresh)) {
      if (key == server) {
        return fail(ErrorKind::Conflict, to_string(destination) + " has come to be below " +
                                             to_string(server) + " meanwhile");
      }
      if (seen.contains(key)) continue;
      ORCH_TRY(wait_until_free(key, server, lookout));
      asked.insert(key);
    }
    if (asked.empty()) return {};
    fresh = lookout.survey(fresh, asked);
    seen.merge(asked);
  }
}

}  // namespace

Result<> check_destinations(const std::vector<Step>& steps, std::set<InstanceKey>& seen,
                            const Lookout& lookout, Topology& fresh) {
  for (const Step& step : steps) {
    const auto* target = change_in<PointTo>(step.action);
    if (target == nullptr) continue;
    ORCH_TRY(check_destination(step.server, target->source, seen, lookout, fresh));
  }
  return {};
}

}  // namespace orch
