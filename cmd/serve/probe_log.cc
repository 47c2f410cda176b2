#include "cmd/serve/probe_log.h"

#include <algorithm>

namespace orch::cmd {

namespace {

constexpr std::size_t kMostSamples = 200'000;

}  // namespace

ProbeLog::ProbeLog(const Clock& clock, std::chrono::seconds keep)
    : samples_(clock, keep, kMostSamples) {}

void ProbeLog::add(const Observation& seen) {
  ProbeSample sample{.key = seen.found() ? seen.instance.key : seen.asked,
                     .took = seen.instance.last_discovery_latency};
  if (seen.error) sample.error = seen.error->message;
  const double seconds = std::chrono::duration<double>(sample.took).count();
  const auto place = std::ranges::lower_bound(kProbeBounds, seconds) - kProbeBounds.begin();
  samples_.add(std::move(sample));
  const MutexLock lock(mutex_);
  ++histogram_.counts[static_cast<std::size_t>(place)];
  histogram_.sum_seconds += seconds;
  if (seen.error && seen.error->kind == ErrorKind::Denied) ++denied_;
}

ProbeHistogram ProbeLog::histogram() const {
  const MutexLock lock(mutex_);
  return histogram_;
}

std::uint64_t ProbeLog::denied() const {
  const MutexLock lock(mutex_);
  return denied_;
}

}  // namespace orch::cmd
