#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/instance_key.h"
#include "core/model/promotion_rule.h"
#include "storage/database.h"

namespace orch::storage {

struct Candidate {
  InstanceKey key{};
  PromotionRule rule{PromotionRule::Neutral};
  TimePoint suggested{};  ///< given by the store
};

/// Promotion rules by instance.
class CandidateStore {
 public:
  CandidateStore(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

  Result<> save(const Candidate& candidate);
  /// Those suggested within `age`, by host and port.
  [[nodiscard]] Result<std::vector<Candidate>> list(std::chrono::minutes age) const;
  Result<std::int64_t> expire(std::chrono::minutes age);

 private:
  Database& database_;
  const Clock& clock_;
};

}  // namespace orch::storage
