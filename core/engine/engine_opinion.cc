#include "core/engine/engine.h"

// What this node says of a server when another one asks.

namespace orch {

Opinion Engine::opinion_on(const InstanceKey& key, std::chrono::milliseconds limit) {
  using std::chrono::steady_clock;
  const SteadyPoint asked = steady_clock::now();
  const MutexLock lock(mutex_);
  if (!term_ || !schedules_.contains(key)) return {};
  hurry_at_once(key);
  schedule_changed_.notify_all();
  while (true) {
    const auto found = schedules_.find(key);
    if (found == schedules_.end() || stopping_) return {};
    const bool fresh = found->second.seen_at >= asked;
    const bool read_once = found->second.seen_at != SteadyPoint{};
    if (fresh || steady_clock::now() >= asked + limit) {
      return {.known = read_once, .answers = found->second.failures == 0, .fresh = fresh};
    }
    look_ended_.wait_until(mutex_, asked + limit);
  }
}

}  // namespace orch
