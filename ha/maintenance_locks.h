#pragma once

#include <string>

#include "core/base/clock.h"
#include "core/ports/maintenance.h"
#include "storage/maintenance_store.h"

namespace orch::ha {

/// The backend's maintenance table as the executor's lock manager.
class BackendLocks final : public MaintenanceLocks {
 public:
  /// Database and clock outlive this.
  BackendLocks(storage::Database& database, const Clock& clock, storage::NodeIdentity self,
               std::string owner)
      : store_(database, clock, std::move(self)), owner_(std::move(owner)) {}

  Result<> claim(const InstanceKey& key, const std::string& reason) override;
  Result<> release(const InstanceKey& key) override;

 private:
  storage::MaintenanceStore store_;
  std::string owner_;
};

}  // namespace orch::ha
