#pragma once

#include <chrono>

#include "core/execute/live_connection.h"
#include "core/ports/server.h"
#include "core/probe/prober.h"

namespace orch {

/// Real servers: probed by the Prober, changed over a connection of their own for each change.
class LiveServers final : public Servers {
 public:
  /// `prober` outlives this.
  LiveServers(Prober& prober, LiveServerSettings settings);

  Observation probe(const InstanceKey& key, SteadyPoint deadline) override;
  Result<> apply(const Instance& as_probed, const Change& change, SteadyPoint deadline) override;
  Result<> fence(const Instance& as_probed, SteadyPoint deadline) override;
  Result<> check_hand_over(const Instance& as_probed, SteadyPoint deadline) override;
  Result<ReplicationCredentials> replication_credentials(const Instance& as_probed,
                                                         SteadyPoint deadline) override;
  Result<> try_write(const Instance& as_probed, const std::string& table,
                     SteadyPoint deadline) override;
  Result<Examination> examine(const InstanceKey& key, SteadyPoint deadline) override;
  Result<std::string> failed_transaction(const Instance& as_probed, SteadyPoint deadline) override;
  Result<bool> write_entry(const Instance& as_probed, const std::string& name,
                           SteadyPoint deadline) override;
  Result<std::unique_ptr<EventLogs>> open_logs(const Instance& as_probed, BinlogType type,
                                               SteadyPoint deadline) override;

 private:
  Prober& prober_;
  LiveServerSettings settings_;
};

}  // namespace orch
