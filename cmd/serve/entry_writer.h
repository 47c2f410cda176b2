#pragma once

#include <chrono>
#include <map>
#include <set>
#include <string>

#include "cmd/command/services.h"
#include "core/base/mutex.h"

namespace orch::cmd {

/// AutoPseudoGTID: writes the entries by which servers without GTID are aligned, as long as this
/// node leads. Thread-safe but for write_all(), which is for one thread.
class EntryWriter {
 public:
  explicit EntryWriter(Services& services) : services_(services) {}

  /// One entry to each master that is to have one, and notes the clusters that got theirs.
  Result<> write_all();
  /// Whether the cluster got entries of late, from whichever node.
  [[nodiscard]] bool has(const std::string& cluster) const;
  /// Reads what other nodes have noted, and forgets what is old.
  Result<> refresh();

 private:
  Services& services_;
  std::map<InstanceKey, std::chrono::steady_clock::time_point> denied_until_{};
  std::map<std::string, std::chrono::steady_clock::time_point> noted_{};
  mutable Mutex mutex_{};
  std::set<std::string> clusters_ ORCH_GUARDED_BY(mutex_){};
};

}  // namespace orch::cmd
