#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/config/settings.h"
#include "core/model/instance_key.h"
#include "storage/kv_store.h"

namespace orch::ha {

struct KvPair {
  std::string key{};
  std::string value{};
};

/// Errors: InvalidInput, the settings name stores that this version does not write to.
Result<> check_kv_stores(const KvSettings& settings);

/// The five pairs of one master, in the contract's order (key-value document, 2); none for an
/// empty alias. Looks the host name up, two seconds at most.
[[nodiscard]] std::vector<KvPair> master_pairs(const KvSettings& settings, const std::string& alias,
                                               const InstanceKey& master);

/// Writes them to the internal store.
Result<> publish(storage::KvStore store, const std::vector<KvPair>& pairs);

}  // namespace orch::ha
