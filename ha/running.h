#pragma once

#include <set>
#include <string>
#include <utility>

#include "core/base/mutex.h"

namespace orch::ha {

/// The recoveries that this process carries out just now, by uid. One that is its own by the
/// journal and is not among them was cut off. Thread-safe.
class RunningRecoveries {
 public:
  /// One of them, as long as this lives.
  class Mark {
   public:
    Mark(RunningRecoveries& all, std::string uid) : all_(all), uid_(std::move(uid)) {
      const MutexLock lock(all_.mutex_);
      first_ = all_.uids_.insert(uid_).second;
    }
    ~Mark() {
      if (!first_) return;
      const MutexLock lock(all_.mutex_);
      all_.uids_.erase(uid_);
    }
    Mark(const Mark&) = delete;
    Mark& operator=(const Mark&) = delete;
    /// False: another thread carries it out.
    [[nodiscard]] bool is_first() const { return first_; }

   private:
    RunningRecoveries& all_;
    const std::string uid_;
    bool first_{false};
  };

  [[nodiscard]] bool contains(const std::string& uid) const {
    const MutexLock lock(mutex_);
    return uids_.contains(uid);
  }

 private:
  mutable Mutex mutex_;
  std::set<std::string> uids_ ORCH_GUARDED_BY(mutex_);
};

}  // namespace orch::ha
