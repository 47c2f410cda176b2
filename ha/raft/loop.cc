#include "ha/raft/loop.h"

#include <cassert>
#include <utility>

namespace orch::ha::raft {

Loop::Loop() {
  ::uv_loop_init(&loop_);
  ::uv_async_init(&loop_, &wake_,
                  [](uv_async_t* wake) { static_cast<Loop*>(wake->data)->drain(); });
  wake_.data = this;
}

Loop::~Loop() {
  stop_posting();
  run();
  [[maybe_unused]] const int left = ::uv_loop_close(&loop_);
  assert(left == 0);
}

void Loop::stop_posting() {
  std::deque<std::function<void()>> dropped;
  {
    const MutexLock lock(mutex_);
    if (!std::exchange(open_, false)) return;
    // Under the lock: nobody may wake a handle that is closed.
    ::uv_close(reinterpret_cast<uv_handle_t*>(&wake_), nullptr);
    dropped.swap(tasks_);
  }
}

bool Loop::post(std::function<void()> task) {
  const MutexLock lock(mutex_);
  if (!open_) return false;
  tasks_.push_back(std::move(task));
  ::uv_async_send(&wake_);
  return true;
}

/// One wake-up may stand for many tasks.
void Loop::drain() {
  std::deque<std::function<void()>> tasks;
  {
    const MutexLock lock(mutex_);
    tasks.swap(tasks_);
  }
  for (const auto& task : tasks)
    task();
}

}  // namespace orch::ha::raft
