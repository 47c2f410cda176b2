#pragma once

#include <condition_variable>
#include <cstdint>
#include <set>
#include <string>
#include <thread>

#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/ports/maintenance.h"
#include "storage/maintenance_store.h"

namespace orch::ha {

/// Whether a lock that a person took (begin-maintenance) stops the holder of these locks.
enum class PersonsLock : std::uint8_t {
  Stops,
  /// Only an operation under way does: somebody asks for a change of just that server, by name, and
  /// it is for such work that people lock servers.
  Passed,
};

/// What somebody is told who wants a server that is locked. Without `lock`, nobody knows by whom.
[[nodiscard]] Error refused_lock(const InstanceKey& key, const std::string& reason,
                                 const storage::Maintenance* lock);

/// The backend's maintenance table as the executor's lock manager. Locks are renewed as long as
/// they are held.
class BackendLocks final : public MaintenanceLocks {
 public:
  /// Database and clock outlive this.
  BackendLocks(storage::Database& database, const Clock& clock, storage::NodeIdentity self,
               std::string owner, PersonsLock persons = PersonsLock::Stops,
               std::chrono::milliseconds pause = std::chrono::seconds(20))
      : store_(database, clock, std::move(self)),
        owner_(std::move(owner)),
        persons_(persons),
        pause_(pause) {}
  ~BackendLocks() override;
  BackendLocks(const BackendLocks&) = delete;
  BackendLocks& operator=(const BackendLocks&) = delete;

  Result<> claim(const InstanceKey& key, const std::string& reason) override;
  Result<> release(const InstanceKey& key) override;
  Result<bool> is_worked_on(const InstanceKey& key) override;

 private:
  void renew();

  storage::MaintenanceStore store_;
  std::string owner_;
  PersonsLock persons_;
  std::chrono::milliseconds pause_;
  Mutex mutex_;
  std::condition_variable_any woken_;
  std::set<InstanceKey> held_ ORCH_GUARDED_BY(mutex_);
  bool done_ ORCH_GUARDED_BY(mutex_){false};
  std::thread renewer_ ORCH_GUARDED_BY(mutex_);
};

}  // namespace orch::ha
