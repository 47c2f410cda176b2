#pragma once

#include <condition_variable>
#include <memory>
#include <optional>
#include <utility>

#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/base/result.h"

namespace orch::ha::raft {

/// A result that one thread gives and another waits for.
template <typename T = void>
class Answer {
 public:
  /// The first one counts.
  void give(Result<T> result) {
    {
      const MutexLock lock(mutex_);
      if (result_) return;
      result_.emplace(std::move(result));
    }
    given_.notify_all();
  }

  /// Nothing when it is not there at the deadline.
  std::optional<Result<T>> wait_until(SteadyPoint deadline) {
    const MutexLock lock(mutex_);
    while (!result_) {
      if (given_.wait_until(mutex_, deadline) == std::cv_status::timeout) break;
    }
    return result_;
  }

 private:
  Mutex mutex_;
  std::condition_variable_any given_;
  std::optional<Result<T>> result_ ORCH_GUARDED_BY(mutex_);
};

template <typename T = void>
using SharedAnswer = std::shared_ptr<Answer<T>>;

}  // namespace orch::ha::raft
