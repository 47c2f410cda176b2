#pragma once

#include <string>

#include "core/base/result.h"
#include "core/model/instance_key.h"

namespace orch {

/// Marks servers as being worked on, so that two operations keep off each other. Implemented
/// over the backend's maintenance table. Thread-safe.
class MaintenanceLocks {
 public:
  virtual ~MaintenanceLocks() = default;
  /// Errors: Conflict, somebody else works on it; or what the store says.
  virtual Result<> claim(const InstanceKey& key, const std::string& reason) = 0;
  virtual Result<> release(const InstanceKey& key) = 0;
  /// Whether another operation does; not a person who locked it.
  virtual Result<bool> is_worked_on(const InstanceKey& key) = 0;
};

}  // namespace orch
