#include "ha/maintenance_locks.h"

#include <fmt/format.h>

#include "core/base/log.h"

namespace orch::ha {

BackendLocks::~BackendLocks() {
  {
    const std::lock_guard<std::mutex> lock(sleep_);
    done_ = true;
  }
  wake_.notify_all();
  if (renewer_.joinable()) renewer_.join();
}

void BackendLocks::renew() {
  std::unique_lock<std::mutex> lock(sleep_);
  while (!wake_.wait_for(lock, pause_, [this] { return done_; })) {
    const std::set<InstanceKey> held = held_;
    lock.unlock();
    for (const InstanceKey& key : held) {
      const Result<bool> renewed = store_.renew(key);
      if (!renewed) log::warning("lock of {}: {}", to_string(key), renewed.error().message);
    }
    lock.lock();
  }
}

Result<> BackendLocks::claim(const InstanceKey& key, const std::string& reason) {
  ORCH_ASSIGN(const std::optional<std::int64_t> lock,
              store_.claim({.key = key, .owner = owner_, .reason = reason}));
  if (lock) {
    const std::lock_guard<std::mutex> guard(sleep_);
    held_.insert(key);
    if (!renewer_.joinable()) renewer_ = std::thread([this] { renew(); });
    return {};
  }
  return fail(ErrorKind::Conflict,
              fmt::format("Cannot begin maintenance on {}: Cannot begin maintenance for instance: "
                          "{}; maintenance reason: {} ('orch maintenance' shows who holds it)",
                          to_string(key), to_string(key), reason));
}

Result<> BackendLocks::release(const InstanceKey& key) {
  {
    const std::lock_guard<std::mutex> guard(sleep_);
    held_.erase(key);
  }
  ORCH_ASSIGN([[maybe_unused]] const bool held, store_.end(key));
  return {};
}

}  // namespace orch::ha
