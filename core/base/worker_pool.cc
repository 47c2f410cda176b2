#include "core/base/worker_pool.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

namespace orch {

namespace {

/// How long a thread waits for more work before it goes.
constexpr std::chrono::seconds kIdle{10};

}  // namespace

WorkerPool::WorkerPool(std::size_t width) : width_(std::max<std::size_t>(width, 1)) {}

WorkerPool::~WorkerPool() {
  stop();
}

void WorkerPool::start_thread() {
  try {
    std::thread thread([this] { drain(); });
    const std::thread::id id = thread.get_id();
    threads_.emplace(id, std::move(thread));
  } catch (const std::system_error&) {
    // The system gives no more threads: those that are there do the work, one after another.
  }
}

void WorkerPool::submit(std::function<void()> work) {
  std::vector<std::thread> ended;
  {
    const MutexLock lock(mutex_);
    if (stopped_) return;
    ended.swap(ended_);
    queue_.push_back(std::move(work));
    if (idle_ < queue_.size() && threads_.size() < width_) start_thread();
  }
  changed_.notify_one();
  for (std::thread& thread : ended)
    thread.join();
}

void WorkerPool::drain() {
  mutex_.lock();
  for (;;) {
    if (queue_.empty() && !stopped_) {
      ++idle_;
      const bool in_time =
          changed_.wait_for(mutex_, kIdle, [this] { return !queue_.empty() || stopped_; });
      --idle_;
      if (!in_time) break;
    }
    if (queue_.empty()) break;
    std::function<void()> work = std::move(queue_.front());
    queue_.pop_front();
    ++running_;
    mutex_.unlock();
    work();
    work = nullptr;
    mutex_.lock();
    --running_;
  }
  // Whoever joins needs the thread itself, which stop() may have taken already.
  if (const auto self = threads_.find(std::this_thread::get_id()); self != threads_.end()) {
    ended_.push_back(std::move(self->second));
    threads_.erase(self);
  }
  mutex_.unlock();
}

void WorkerPool::stop() {
  std::map<std::thread::id, std::thread> threads;
  std::vector<std::thread> ended;
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
    queue_.clear();
    threads.swap(threads_);
    ended.swap(ended_);
  }
  changed_.notify_all();
  for (auto& [id, thread] : threads)
    thread.join();
  for (std::thread& thread : ended)
    thread.join();
}

std::size_t WorkerPool::waiting() const {
  const MutexLock lock(mutex_);
  return queue_.size();
}

std::size_t WorkerPool::running() const {
  const MutexLock lock(mutex_);
  return running_;
}

}  // namespace orch
