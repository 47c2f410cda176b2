#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cmd/api/metrics.h"
#include "core/base/clock.h"
#include "core/config/settings.h"

namespace orch::cmd {

/// GraphitePath with the host's name in it.
std::string graphite_path(const MetricsSettings& settings, const std::string& hostname);

/// What Graphite is told, a line for each value (serving document, 7): counters as .count and, over
/// the poll's time, .count_ps; gauges as .value.
std::string graphite_lines(const std::string& path, const std::vector<NamedFigure>& figures,
                           std::chrono::seconds poll, TimePoint now);

/// Tells Graphite the figures every GraphitePollSeconds, by a thread of its own; does nothing where
/// the settings name no server, no path or no time. One that cannot be reached is said in the log,
/// once until it can be again.
class GraphiteReporter {
 public:
  using Figures = std::function<std::vector<NamedFigure>()>;

  GraphiteReporter(const MetricsSettings& settings, const std::string& hostname, Figures figures);
  ~GraphiteReporter();
  GraphiteReporter(const GraphiteReporter&) = delete;
  GraphiteReporter& operator=(const GraphiteReporter&) = delete;

 private:
  void run();
  void report();

  const MetricsSettings settings_;
  const std::string path_;
  const Figures figures_;
  bool told_{false};  ///< of the thread
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_{false};
  std::thread thread_;
};

}  // namespace orch::cmd
