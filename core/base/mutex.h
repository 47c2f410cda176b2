#pragma once

#include <condition_variable>
#include <mutex>

// Checked by clang's thread-safety analysis (through clang-tidy); nothing to g++.
#if defined(__clang__)
#define ORCH_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define ORCH_THREAD_ANNOTATION(x)
#endif

#define ORCH_GUARDED_BY(mutex) ORCH_THREAD_ANNOTATION(guarded_by(mutex))
#define ORCH_REQUIRES(mutex) ORCH_THREAD_ANNOTATION(requires_capability(mutex))

namespace orch {

/// std::mutex with lock rules that a compiler can check. Hold it for memory work only.
class ORCH_THREAD_ANNOTATION(capability("mutex")) Mutex {
 public:
  void lock() ORCH_THREAD_ANNOTATION(acquire_capability()) { mutex_.lock(); }
  void unlock() ORCH_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

class ORCH_THREAD_ANNOTATION(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ORCH_THREAD_ANNOTATION(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() ORCH_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace orch
