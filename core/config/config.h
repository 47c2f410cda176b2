#pragma once

#include "core/config/settings.h"

namespace orch {

/// Every setting. Only core/config and cmd/wire know it; a component gets the parts it needs.
struct Config {
  GeneralSettings general{};
  HttpSettings http{};
  BackendSettings backend{};
  RaftSettings raft{};
  ConnectionSettings connection{};
  DiscoverySettings discovery{};
  ClassificationSettings classification{};
  OperationSettings operation{};
  PseudoGtidSettings pseudo_gtid{};
  RecoverySettings recovery{};
  ServiceSettings service{};
  KvSettings kv{};
  MetricsSettings metrics{};
  AgentSettings agent{};
};

}  // namespace orch
