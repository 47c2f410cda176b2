#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <thread>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/result.h"
#include "core/model/observation.h"

namespace orch::storage {

/// Keeps what probes learnt, many at a time and behind their back: a slow or absent backend holds
/// up nobody. Of a server that was looked at again meanwhile only the latest is written, so that no
/// more waits than there are servers. Thread-safe.
class WriteBehind {
 public:
  struct Figures {
    std::uint64_t written{0};
    std::uint64_t failed_writes{0};
    std::size_t waiting{0};
    std::chrono::microseconds last_took{0};
  };

  /// One batch that was written.
  struct Batch {
    std::size_t records{0};
    std::chrono::nanoseconds waited{0};  ///< its oldest record
    std::chrono::nanoseconds took{0};
  };

  /// `write` keeps a batch; one that fails is tried again, with what has come since.
  /// `written` is told of each that was kept.
  WriteBehind(std::function<Result<>(std::span<const Observation>)> write,
              std::chrono::milliseconds interval, std::size_t batch,
              std::function<void(const Batch&)> written = {});
  /// Writes what waits, once.
  ~WriteBehind();
  WriteBehind(const WriteBehind&) = delete;
  WriteBehind& operator=(const WriteBehind&) = delete;

  void add(const Observation& seen);
  /// Drops what waits of these servers.
  void forget(const std::set<InstanceKey>& keys);
  /// Returns when all that was added before has been tried to be written, or at the deadline.
  bool flush(std::chrono::steady_clock::time_point deadline);
  /// Whether something of the server waits.
  [[nodiscard]] bool holds(const InstanceKey& key) const;
  [[nodiscard]] Figures figures() const;

 private:
  void run();
  void write_some();

  const std::function<Result<>(std::span<const Observation>)> write_;
  const std::chrono::milliseconds interval_;
  const std::size_t batch_;
  const std::function<void(const Batch&)> written_;
  mutable Mutex mutex_;
  std::condition_variable_any changed_;
  struct Waiting {
    Observation seen{};
    std::chrono::steady_clock::time_point since{};
  };
  std::map<InstanceKey, Waiting> waiting_ ORCH_GUARDED_BY(mutex_);
  std::set<InstanceKey> writing_ ORCH_GUARDED_BY(mutex_);
  std::uint64_t rounds_ ORCH_GUARDED_BY(mutex_){0};  ///< begun and ended
  bool hurry_ ORCH_GUARDED_BY(mutex_){false};
  bool stopping_ ORCH_GUARDED_BY(mutex_){false};
  Figures figures_ ORCH_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace orch::storage
