#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/analysis/circumstances.h"
#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/instance_key.h"
#include "storage/database.h"

namespace orch::storage {

/// The code that a server has now.
struct AnalysedCode {
  InstanceKey key{};
  std::string code{};
};

/// How a server's code changed over time.
struct AnalysisHistory {
  InstanceKey key{};
  std::vector<std::string> changes{};  ///< "<timestamp>;<code>,", oldest first
};

/// A code that a server had from then on.
struct CodeChange {
  TimePoint at{};
  std::string code{};
};

/// Where a server's binary log ends.
struct BinlogEnd {
  InstanceKey key{};
  BinlogCoordinates at{};
};

/// What analysis remembers from one time to the next: the latest code of each server, how codes
/// changed, and since when binary logs stand still.
class AnalysisStore {
 public:
  AnalysisStore(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

  /// Keeps the codes, of which those who are well need none: NoProblem is a server's first one. One
  /// that differs from the latest goes into the change log.
  Result<> save_codes(std::span<const AnalysedCode> codes);
  /// By host and port.
  [[nodiscard]] Result<std::vector<AnalysisHistory>> list_changes() const;
  /// Of one server, oldest first.
  [[nodiscard]] Result<std::vector<CodeChange>> list_changes_of(const InstanceKey& key) const;
  /// Those whose latest code is another one.
  [[nodiscard]] Result<std::vector<InstanceKey>> list_without(std::string_view code) const;
  Result<std::int64_t> expire_changes(std::chrono::hours age);

  /// The servers whose coordinates are watched now, all of them. Who was watched at the same place
  /// before keeps the time since when; others are forgotten. So a lock is told for as long as it
  /// lasts (ANA-11), however long it takes to be sure (ANA-10), and an old stand-still is never
  /// taken for a new one.
  Result<> save_stand_still(std::span<const BinlogEnd> watched);
  [[nodiscard]] Result<std::map<InstanceKey, StandStill>> list_stand_still() const;

 private:
  Database& database_;
  const Clock& clock_;
};

}  // namespace orch::storage
