#pragma once

#include <deque>
#include <functional>

#include <uv.h>

#include "core/base/mutex.h"

namespace orch::ha::raft {

/// A loop of libuv, and how other threads get their work into it. Used by one thread but for
/// post().
class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  [[nodiscard]] uv_loop_t* get() { return &loop_; }
  /// Runs until nothing is open any more.
  void run() { ::uv_run(&loop_, UV_RUN_DEFAULT); }
  /// Takes no more work; what is there already is thrown away.
  void stop_posting();

  /// Has the loop's thread carry it out. False when it will not. Thread-safe.
  bool post(std::function<void()> task);

 private:
  void drain();

  uv_loop_t loop_{};
  uv_async_t wake_{};
  Mutex mutex_;
  std::deque<std::function<void()>> tasks_ ORCH_GUARDED_BY(mutex_);
  bool open_ ORCH_GUARDED_BY(mutex_){true};
};

}  // namespace orch::ha::raft
