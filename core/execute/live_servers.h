#pragma once

#include <chrono>

#include "core/config/settings.h"
#include "core/ports/server.h"
#include "core/probe/prober.h"

namespace orch {

struct LiveServerSettings {
  ConnectionSettings connection{};
  std::chrono::seconds mysql_connect_timeout{2};
};

/// Real servers: probed by the Prober, changed over a connection of their own for each change.
class LiveServers final : public Servers {
 public:
  /// `prober` outlives this.
  LiveServers(Prober& prober, LiveServerSettings settings);

  Observation probe(const InstanceKey& key, SteadyPoint deadline) override;
  Result<> apply(const Instance& as_probed, const Change& change, SteadyPoint deadline) override;
  Result<ReplicationCredentials> replication_credentials(const Instance& as_probed,
                                                         SteadyPoint deadline) override;
  Result<Examination> examine(const InstanceKey& key, SteadyPoint deadline) override;

 private:
  Prober& prober_;
  LiveServerSettings settings_;
};

}  // namespace orch
