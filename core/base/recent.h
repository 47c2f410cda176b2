#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "core/base/clock.h"
#include "core/base/mutex.h"

namespace orch {

/// What happened lately, for figures: samples with a time `at`, each kept so long and no more than
/// so many. Thread-safe.
template <typename Sample>
class Recent {
 public:
  Recent(const Clock& clock, std::chrono::seconds keep, std::size_t most)
      : clock_(clock), keep_(keep), most_(most) {}

  void add(Sample sample) {
    sample.at = clock_.now();
    const MutexLock lock(mutex_);
    while (!samples_.empty() &&
           (samples_.size() >= most_ || sample.at - samples_.front().at > keep_)) {
      samples_.pop_front();
    }
    samples_.push_back(std::move(sample));
  }

  /// The samples of so many seconds up to now, oldest first.
  [[nodiscard]] std::vector<Sample> since(std::chrono::seconds ago) const {
    const TimePoint oldest = clock_.now() - ago;
    const MutexLock lock(mutex_);
    std::vector<Sample> chosen;
    for (const Sample& sample : samples_) {
      if (sample.at >= oldest) chosen.push_back(sample);
    }
    return chosen;
  }

 private:
  const Clock& clock_;
  const std::chrono::seconds keep_;
  const std::size_t most_;
  mutable Mutex mutex_;
  std::deque<Sample> samples_ ORCH_GUARDED_BY(mutex_);
};

}  // namespace orch
