#include "cmd/serve/probe_log.h"

#include <algorithm>

namespace orch::cmd {

namespace {

constexpr std::size_t kMostSamples = 200'000;

}  // namespace

void ProbeLog::add(const Observation& seen) {
  ProbeSample sample{.at = clock_.now(),
                     .key = seen.found() ? seen.instance.key : seen.asked,
                     .took = seen.instance.last_discovery_latency};
  if (seen.error) sample.error = seen.error->message;
  const double seconds = std::chrono::duration<double>(sample.took).count();
  const auto place = std::ranges::lower_bound(kProbeBounds, seconds) - kProbeBounds.begin();
  const MutexLock lock(mutex_);
  ++histogram_.counts[static_cast<std::size_t>(place)];
  histogram_.sum_seconds += seconds;
  while (!samples_.empty() &&
         (samples_.size() >= kMostSamples || sample.at - samples_.front().at > keep_)) {
    samples_.pop_front();
  }
  samples_.push_back(std::move(sample));
}

ProbeHistogram ProbeLog::histogram() const {
  const MutexLock lock(mutex_);
  return histogram_;
}

std::vector<ProbeSample> ProbeLog::since(std::chrono::seconds ago) const {
  const TimePoint oldest = clock_.now() - ago;
  const MutexLock lock(mutex_);
  std::vector<ProbeSample> chosen;
  for (const ProbeSample& sample : samples_) {
    if (sample.at >= oldest) chosen.push_back(sample);
  }
  return chosen;
}

}  // namespace orch::cmd
