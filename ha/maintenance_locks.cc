#include "ha/maintenance_locks.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/log.h"

namespace orch::ha {

Error refused_lock(const InstanceKey& key, const std::string& reason,
                   const storage::Maintenance* lock) {
  const std::string holder =
      lock == nullptr ? "somebody" : fmt::format("{}: {}", lock->owner, lock->reason);
  return {ErrorKind::Conflict,
          fmt::format("Cannot begin maintenance on {}: Cannot begin maintenance for instance: {}; "
                      "maintenance reason: {} (held by {}; 'orch end-maintenance' ends it)",
                      to_string(key), to_string(key), reason, holder)};
}

BackendLocks::~BackendLocks() {
  std::thread renewer;
  {
    const MutexLock lock(mutex_);
    done_ = true;
    renewer.swap(renewer_);
  }
  woken_.notify_all();
  if (renewer.joinable()) renewer.join();
}

void BackendLocks::renew() {
  mutex_.lock();
  while (!woken_.wait_for(mutex_, pause_, [this] { return done_; })) {
    const std::set<InstanceKey> held = held_;
    mutex_.unlock();
    for (const InstanceKey& key : held) {
      const Result<bool> renewed = store_.renew(key);
      if (!renewed) log::warning("lock of {}: {}", to_string(key), renewed.error().message);
    }
    mutex_.lock();
  }
  mutex_.unlock();
}

Result<> BackendLocks::claim(const InstanceKey& key, const std::string& reason) {
  ORCH_ASSIGN(const std::optional<std::int64_t> lock,
              store_.claim({.key = key, .owner = owner_, .reason = reason}));
  if (lock) {
    const MutexLock guard(mutex_);
    held_.insert(key);
    if (!renewer_.joinable()) renewer_ = std::thread([this] { renew(); });
    return {};
  }
  ORCH_ASSIGN(const std::vector<storage::Maintenance> all, store_.list());
  const auto held = std::ranges::find(all, key, &storage::Maintenance::key);
  if (held != all.end() && held->by_person && persons_ == PersonsLock::Passed) return {};
  return fail(refused_lock(key, reason, held == all.end() ? nullptr : &*held));
}

Result<> BackendLocks::release(const InstanceKey& key) {
  {
    const MutexLock guard(mutex_);
    if (held_.erase(key) == 0) return {};  // a person's
  }
  ORCH_ASSIGN([[maybe_unused]] const bool held, store_.end(key));
  return {};
}

Result<bool> BackendLocks::is_worked_on(const InstanceKey& key) {
  {
    const MutexLock guard(mutex_);
    if (held_.contains(key)) return false;
  }
  ORCH_ASSIGN(const std::vector<storage::Maintenance> all, store_.list());
  return std::ranges::any_of(
      all, [&](const storage::Maintenance& one) { return one.key == key && !one.by_person; });
}

}  // namespace orch::ha
