#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <thread>
#include <vector>

#include "core/base/mutex.h"

namespace orch {

/// Threads that come when there is work and go when there is none. Thread-safe.
class WorkerPool {
 public:
  /// At most `width` pieces of work at once.
  explicit WorkerPool(std::size_t width);
  /// Drops what waits and lets what runs end.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// `work` must not throw. After stop() it is dropped.
  void submit(std::function<void()> work);
  /// Drops what waits, takes no more, and returns when what runs has ended. Not to be called by the
  /// pool's own work.
  void stop();

  [[nodiscard]] std::size_t waiting() const;
  [[nodiscard]] std::size_t running() const;

 private:
  void drain();
  void start_thread() ORCH_REQUIRES(mutex_);

  const std::size_t width_;
  mutable Mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::function<void()>> queue_ ORCH_GUARDED_BY(mutex_);
  std::map<std::thread::id, std::thread> threads_ ORCH_GUARDED_BY(mutex_);
  std::vector<std::thread> ended_ ORCH_GUARDED_BY(mutex_);  ///< to be joined
  std::size_t idle_ ORCH_GUARDED_BY(mutex_){0};
  std::size_t running_ ORCH_GUARDED_BY(mutex_){0};
  bool stopped_ ORCH_GUARDED_BY(mutex_){false};
};

}  // namespace orch
