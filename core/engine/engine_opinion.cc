#include <algorithm>
#include <utility>

#include "core/engine/engine.h"

// What this node says of servers when another one asks, and what it asks of others.

namespace orch {

namespace {

/// A look that took no longer is one of now; one that takes longer got no answer.
constexpr std::chrono::seconds kNow{1};

}  // namespace

Opinion Engine::opinion_on(const InstanceKey& key) {
  const SteadyPoint now = std::chrono::steady_clock::now();
  const MutexLock lock(mutex_);
  const auto found = schedules_.find(key);
  if (!term_ || found == schedules_.end()) return {};
  const Schedule schedule = found->second;
  hurry_at_once(key);
  schedule_changed_.notify_all();
  const bool hangs = schedule.running && now - schedule.begun >= kNow;
  return {.known = schedule.seen_at != SteadyPoint{},
          .answers = schedule.failures == 0 && !hangs,
          .fresh = hangs || now - schedule.seen_at <= kNow};
}

std::vector<InstanceKey> Engine::unreached(std::size_t most) const {
  const MutexLock lock(mutex_);
  std::vector<std::pair<unsigned, InstanceKey>> failing;
  for (const auto& [key, schedule] : schedules_) {
    if (schedule.failures > 0) failing.emplace_back(schedule.failures, key);
  }
  std::ranges::sort(failing);
  std::vector<InstanceKey> found;
  for (auto& [failures, key] : failing) {
    if (found.size() < most) found.push_back(std::move(key));
  }
  return found;
}

}  // namespace orch
