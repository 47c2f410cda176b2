#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/instance_key.h"
#include "storage/database.h"
#include "storage/node_store.h"

namespace orch::storage {

/// How long an operation's lock lasts if it is not renewed, and how soon one is nobody's that was
/// not renewed by a process that no longer says that it lives.
constexpr std::chrono::seconds kOperationLock{600};
constexpr std::chrono::seconds kUnrenewed{60};

struct MaintenanceRequest {
  InstanceKey key{};
  std::string owner{};
  std::string reason{};
  std::chrono::seconds duration{kOperationLock};
  bool by_person{false};  ///< else the lock dies with its process
};

struct Maintenance {
  std::int64_t id{0};
  InstanceKey key{};
  std::optional<TimePoint> begin{};
  std::optional<TimePoint> end{};
  std::string owner{};
  std::string reason{};
  bool by_person{false};
};

/// Exclusive locks on instances, for operations and people. At most one per instance.
class MaintenanceStore {
 public:
  MaintenanceStore(Database& database, const Clock& clock, NodeIdentity self)
      : database_(database), clock_(clock), self_(std::move(self)) {}

  /// Takes the lock: its id, or nothing when somebody holds it. A lock that has run out is none,
  /// nor is one of a process of this host that is gone.
  Result<std::optional<std::int64_t>> claim(const MaintenanceRequest& request);
  /// This process's lock for an operation lasts as long again as a new one; false when it is gone.
  Result<bool> renew(const InstanceKey& key);
  /// False when there was no lock.
  Result<bool> end(const InstanceKey& key);
  Result<bool> end(std::int64_t id);
  /// Ends the locks that a process took which is gone; how many. Those by people stay.
  Result<std::int64_t> end_all_of(const NodeIdentity& node);
  [[nodiscard]] Result<bool> in_maintenance(const InstanceKey& key) const;
  /// Active ones, by id.
  [[nodiscard]] Result<std::vector<Maintenance>> list() const;
  /// Ends what has run out or lost its process, and drops what ended a week ago.
  Result<std::int64_t> expire();

 private:
  Result<> end_of_dead_process(const InstanceKey& key);

  Database& database_;
  const Clock& clock_;
  NodeIdentity self_;
};

}  // namespace orch::storage
