#pragma once

#include <map>
#include <set>
#include <string>

#include "core/model/instance.h"

namespace orch {

/// What people, or orch before, say about servers and clusters, and no server itself knows.
struct Marks {
  std::map<InstanceKey, Downtime> downtimes{};  ///< that have not ended
  std::map<InstanceKey, PromotionRule> promotion_rules{};
  std::map<InstanceKey, std::string> incomplete{};       ///< what their tags say: see left_out.h
  std::map<std::string, std::string> alias_overrides{};  ///< by cluster name
  std::set<InstanceKey> quarantined{};                   ///< must not take writes
};

}  // namespace orch
