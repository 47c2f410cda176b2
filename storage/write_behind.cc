#include "storage/write_behind.h"

#include <algorithm>
#include <utility>

#include "core/base/log.h"

namespace orch::storage {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kAfterFailure{1000};

}  // namespace

WriteBehind::WriteBehind(std::function<Result<>(std::span<const Observation>)> write,
                         std::chrono::milliseconds interval, std::size_t batch,
                         std::function<void(const Batch&)> written)
    : write_(std::move(write)),
      interval_(interval),
      batch_(std::max<std::size_t>(batch, 1)),
      written_(std::move(written)) {
  thread_ = std::thread([this] { run(); });
}

WriteBehind::~WriteBehind() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
  write_some();
}

void WriteBehind::add(const Observation& seen) {
  const InstanceKey& key = seen.found() ? seen.instance.key : seen.asked;
  const MutexLock lock(mutex_);
  waiting_.insert_or_assign(key, Waiting{seen, steady_clock::now()});
}

void WriteBehind::forget(const std::set<InstanceKey>& keys) {
  const MutexLock lock(mutex_);
  for (const InstanceKey& key : keys)
    waiting_.erase(key);
}

bool WriteBehind::flush(steady_clock::time_point deadline) {
  mutex_.lock();
  // The round under way may have begun before what was added last.
  const std::uint64_t wanted = rounds_ + (writing_.empty() ? 1 : 2);
  hurry_ = true;
  changed_.notify_all();
  const bool done =
      changed_.wait_until(mutex_, deadline, [&] { return rounds_ >= wanted || stopping_; });
  mutex_.unlock();
  return done;
}

bool WriteBehind::holds(const InstanceKey& key) const {
  const MutexLock lock(mutex_);
  return waiting_.contains(key) || writing_.contains(key);
}

WriteBehind::Figures WriteBehind::figures() const {
  const MutexLock lock(mutex_);
  Figures figures = figures_;
  figures.waiting = waiting_.size();
  return figures;
}

void WriteBehind::run() {
  mutex_.lock();
  while (!stopping_) {
    changed_.wait_for(mutex_, interval_, [this] { return hurry_ || stopping_; });
    if (stopping_) break;
    hurry_ = false;
    const std::uint64_t failures = figures_.failed_writes;
    mutex_.unlock();
    write_some();
    mutex_.lock();
    ++rounds_;
    changed_.notify_all();
    if (figures_.failed_writes != failures) {
      changed_.wait_for(mutex_, kAfterFailure, [this] { return hurry_ || stopping_; });
    }
  }
  mutex_.unlock();
}

void WriteBehind::write_some() {
  for (;;) {
    std::vector<Observation> batch;
    const auto begun = steady_clock::now();
    auto oldest = begun;
    {
      const MutexLock lock(mutex_);
      while (!waiting_.empty() && batch.size() < batch_) {
        auto first = waiting_.extract(waiting_.begin());
        writing_.insert(first.key());
        oldest = std::min(oldest, first.mapped().since);
        batch.push_back(std::move(first.mapped().seen));
      }
    }
    if (batch.empty()) return;
    const Result<> written = write_(batch);
    const auto took = steady_clock::now() - begun;
    if (written && written_) written_({batch.size(), begun - oldest, took});
    const MutexLock lock(mutex_);
    writing_.clear();
    figures_.last_took = std::chrono::duration_cast<std::chrono::microseconds>(took);
    if (written) {
      figures_.written += batch.size();
      continue;
    }
    if (figures_.failed_writes++ % 10 == 0) log::error("{}", written.error().message);
    for (Observation& seen : batch) {
      const InstanceKey key = seen.found() ? seen.instance.key : seen.asked;
      // What came since is newer.
      waiting_.try_emplace(key, Waiting{std::move(seen), oldest});
    }
    return;
  }
}

}  // namespace orch::storage
