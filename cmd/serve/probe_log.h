#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/base/recent.h"
#include "core/model/observation.h"

namespace orch::cmd {

/// One look at one server.
struct ProbeSample {
  TimePoint at{};
  InstanceKey key{};
  std::chrono::nanoseconds took{0};
  std::optional<std::string> error{};
};

/// Upper bounds of the classes of ProbeHistogram, in seconds.
inline constexpr std::array<double, 11> kProbeBounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                     0.05,   0.1,   0.5,    1,     5};

/// How long looks took, since the start.
struct ProbeHistogram {
  std::array<std::uint64_t, kProbeBounds.size() + 1>
      counts{};  ///< the last: longer than all bounds
  double sum_seconds{0};
};

/// How looks at servers went lately, for metrics. Thread-safe.
class ProbeLog {
 public:
  /// `keep`: DiscoveryCollectionRetentionSeconds.
  ProbeLog(const Clock& clock, std::chrono::seconds keep);

  void add(const Observation& seen);
  /// The samples of so many seconds up to now, oldest first.
  [[nodiscard]] std::vector<ProbeSample> since(std::chrono::seconds ago) const {
    return samples_.since(ago);
  }
  [[nodiscard]] ProbeHistogram histogram() const;
  /// Looks that a server did not let in, since the start.
  [[nodiscard]] std::uint64_t denied() const;

 private:
  Recent<ProbeSample> samples_;
  mutable Mutex mutex_;
  ProbeHistogram histogram_ ORCH_GUARDED_BY(mutex_);
  std::uint64_t denied_ ORCH_GUARDED_BY(mutex_){0};
};

/// How many probes ran and waited at one moment.
struct QueueSample {
  std::size_t active{0};
  std::size_t queued{0};
};

/// The same moment's probes of all servers, and of those among them that did not answer last time.
struct QueueSamples {
  QueueSample all{};
  QueueSample dead{};
};

}  // namespace orch::cmd
