#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "core/base/mutex.h"

namespace orch::cmd {

/// Counts what is asked of the backend, by the names that orchestrator has for it ("audit.write",
/// "resolve.read_resolved"). Thread-safe.
class StatementTally {
 public:
  using Counts = std::map<std::string, std::uint64_t, std::less<>>;

  StatementTally();
  void add(std::string_view sql, bool failed);
  /// All names there are, those that never happened too.
  [[nodiscard]] Counts counts() const;

 private:
  mutable Mutex mutex_;
  Counts counts_ ORCH_GUARDED_BY(mutex_);
};

}  // namespace orch::cmd
