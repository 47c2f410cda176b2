#pragma once

#include <functional>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/base/result.h"
#include "ha/coordination.h"
#include "storage/node_store.h"

namespace orch::cmd {

/// Who else works on the backend or in the group, as the backend says.
struct Neighbours {
  std::optional<ha::Leader> leader{};
  std::string leader_url{};            ///< with raft; "" without a leader
  std::vector<storage::Node> nodes{};  ///< those that have registered lately
};

/// Reads them for health checks, which have to be answered also when the backend hangs.
/// Thread-safe.
class NeighbourReader {
 public:
  using Read = std::function<Result<Neighbours>()>;

  explicit NeighbourReader(Read read) : read_(std::move(read)) {}

  /// As they are now. Whoever asks while that is read gets the same answer.
  /// Errors: as `read`; Unreachable when it has not ended after a second, and until it does.
  Result<Neighbours> read();

 private:
  const Read read_;
  Mutex mutex_;
  SteadyPoint begun_at_ ORCH_GUARDED_BY(mutex_){};
  std::shared_future<Result<Neighbours>> read_now_ ORCH_GUARDED_BY(mutex_){};
};

}  // namespace orch::cmd
