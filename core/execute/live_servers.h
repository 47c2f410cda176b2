#pragma once

#include <chrono>
#include <memory>

#include "core/base/mutex.h"
#include "core/execute/live_connection.h"
#include "core/ports/server.h"
#include "core/probe/prober.h"

namespace orch {

/// Real servers: probed by the Prober, changed over a connection of their own for each change.
class LiveServers final : public Servers {
 public:
  /// `prober` outlives this.
  LiveServers(Prober& prober, LiveServerSettings settings);

  /// From now on these hold; what is under way ends as it began.
  void reconfigure(LiveServerSettings settings);
  [[nodiscard]] std::shared_ptr<const LiveServerSettings> settings() const;

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
  [[nodiscard]] Result<Connection> connect(const InstanceKey& key, SteadyPoint deadline) const {
    return connect_to(key, *settings(), deadline);
  }

  Prober& prober_;
  mutable Mutex mutex_;
  std::shared_ptr<const LiveServerSettings> settings_ ORCH_GUARDED_BY(mutex_);
};

}  // namespace orch
