#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "core/base/clock.h"
#include "core/base/mutex.h"

namespace orch::ha {

/// The recoveries that this process carries out just now, by uid. One that is its own by the
/// journal and is not among them was cut off; of others, what it has seen of their owners.
/// Thread-safe.
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

  [[nodiscard]] bool any() const {
    const MutexLock lock(mutex_);
    return !uids_.empty();
  }

  /// For how long the owner of a recovery has given that sign of life, and no other one, as far as
  /// this process has seen; at the first look, since `age`.
  [[nodiscard]] SteadyPoint::duration unchanged_for(const std::string& uid, TimePoint sign,
                                                    SteadyPoint::duration age, SteadyPoint now) {
    const MutexLock lock(mutex_);
    std::erase_if(signs_, [now](const auto& each) { return now - each.second.asked > kForgotten; });
    const auto [seen, is_first] = signs_.try_emplace(uid, Sign{sign, now - age, now});
    if (!is_first && seen->second.sign != sign) seen->second = {sign, now, now};
    seen->second.asked = now;
    return now - seen->second.since;
  }

 private:
  static constexpr std::chrono::hours kForgotten{1};
  struct Sign {
    TimePoint sign{};
    SteadyPoint since{};
    SteadyPoint asked{};
  };

  mutable Mutex mutex_;
  std::map<std::string, Sign> signs_ ORCH_GUARDED_BY(mutex_);
  std::set<std::string> uids_ ORCH_GUARDED_BY(mutex_);
};

}  // namespace orch::ha
