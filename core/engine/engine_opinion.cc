#include "core/engine/engine.h"

// What this node says of a server when another one asks.

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

}  // namespace orch
