#pragma once

#include <functional>
#include <set>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/config/config.h"
#include "core/execute/executor.h"
#include "core/plan/policy.h"
#include "core/ports/ha.h"
#include "core/ports/server.h"
#include "ha/kv.h"
#include "ha/running.h"
#include "storage/cluster_store.h"
#include "storage/database.h"
#include "storage/instance_store.h"
#include "storage/node_store.h"

namespace orch::ha {

/// Where it is told what was done.
class Teller {
 public:
  virtual ~Teller() = default;
  /// An audit entry.
  virtual void audit(std::string_view type, const InstanceKey& key, std::string_view message) = 0;
  /// A line that people see, now.
  virtual void say(std::string_view line) = 0;
};

/// What recoveries work with, for a command or a service to fill in. All that it refers to
/// outlives it.
struct Parts {
  const Config& config;
  const Clock& clock;
  storage::Database& database;
  Servers& servers;
  const Leadership& leadership;
  KvStores& kv;
  RunningRecoveries& running;
  storage::NodeIdentity self{};
  storage::InstanceStore instances;
  storage::ClusterStore clusters;
  Teller& teller;
  StepObserver& watcher;
  Policy policy{};
  ExecutorSettings executor{};
  /// Keeps the records of the servers that were read.
  std::function<Result<>(const std::set<InstanceKey>& read, const Topology& fresh)> record{};
  /// Lets a node lead that reaches these servers, which this one does not reach any more; false:
  /// there is none. Nothing configured: likewise.
  std::function<bool(const std::vector<InstanceKey>& unseen)> give_way{};
};

}  // namespace orch::ha
