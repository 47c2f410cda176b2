#include <algorithm>
#include <utility>

#include "core/engine/engine.h"

// What this node says when another one asks, what it asks of others, and what it is told.

namespace orch {

namespace {

using std::chrono::milliseconds;

/// A look that took no longer is one of now; one that takes longer got no answer, unless the server
/// is as far away or as busy as that.
constexpr SteadyPoint::duration kNow = std::chrono::seconds(1);

}  // namespace

Opinion Engine::opinion_on(const InstanceKey& key) {
  const SteadyPoint now = std::chrono::steady_clock::now();
  const MutexLock lock(mutex_);
  const auto found = schedules_.find(key);
  if (!term_ || found == schedules_.end()) return {};
  const Schedule schedule = found->second;
  hurry_at_once(key);
  schedule_changed_.notify_all();
  const bool hangs = schedule.running && now - schedule.begun >= std::max(kNow, 2 * schedule.took);
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

void Engine::learn_one(const Observation& seen, SteadyPoint since) {
  const SteadyPoint now = std::chrono::steady_clock::now();
  const InstanceKey& key = seen.instance.key;
  if (!is_valid(key)) return;
  if (const auto asked = schedules_.find(seen.asked);
      asked != schedules_.end() && seen.asked != key && !asked->second.running) {
    due_.erase({asked->second.due, seen.asked});  // it is known by its own name from now on
    schedules_.erase(asked);
  }
  forgotten_.erase(key);
  Schedule& schedule = schedules_[key];
  if (schedule.begun >= since && schedule.seen_at >= since) return;
  // Whoever did not answer just now is looked at again before it is believed.
  const SteadyPoint due = schedule.failures > 0 ? now : now + interval_of(key, schedule);
  schedule.candidate_of.reset();
  schedule.failures = 0;
  schedule.was_silent = false;
  schedule.seen_at = schedule.learnt_at = now;
  if (!schedule.running) plan(key, schedule, due);
  const TimePoint read = clock_.now();
  for (const std::string& cluster : picture_.take(seen, read, read))
    analyse_within(cluster, milliseconds(0));
  Observation kept = seen;
  kept.instance = *picture_.find(key);
  meet(kept);
  if (term_ && doors_.record) doors_.record(kept);
}

void Engine::learn(std::span<const Observation> found, SteadyPoint since) {
  std::vector<const Observation*> sources_first;
  for (const Observation& seen : found) {
    if (seen.found()) sources_first.push_back(&seen);
  }
  // A replica's cluster is its source's.
  std::ranges::stable_sort(
      sources_first, {}, [](const Observation* seen) { return seen->instance.replication_depth; });
  const MutexLock lock(mutex_);
  for (const Observation* seen : sources_first)
    learn_one(*seen, since);
  schedule_changed_.notify_all();
}

}  // namespace orch
