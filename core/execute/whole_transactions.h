#pragma once

#include <map>
#include <optional>

#include "core/base/mutex.h"
#include "core/ports/server.h"

namespace orch {

/// Reads servers, and leaves out of what a replica without GTID has received the transaction whose
/// rest never came: by coordinates it would count, and be waited for in vain. A relay log is looked
/// at once for each place where a receiver stopped. Thread-safe.
class WholeTransactions {
 public:
  explicit WholeTransactions(Servers& servers) : servers_(servers) {}

  /// As Servers::probe(), with Replication::partial.
  Observation probe(const InstanceKey& key, SteadyPoint deadline);

 private:
  struct Known {
    InstanceKey source{};
    BinlogCoordinates read{};
    BinlogCoordinates exec{};
    std::optional<BinlogCoordinates> whole{};  ///< nothing: it could not be told
  };
  void leave_out_partial(Instance& instance, SteadyPoint deadline);

  Servers& servers_;
  Mutex mutex_{};
  std::map<InstanceKey, Known> known_ ORCH_GUARDED_BY(mutex_){};
};

}  // namespace orch
