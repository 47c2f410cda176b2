#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "core/base/mutex.h"
#include "core/base/result.h"
#include "core/config/settings.h"
#include "core/model/instance_key.h"
#include "core/ports/ha.h"
#include "ha/consul.h"
#include "storage/hostname_store.h"
#include "storage/kv_store.h"

namespace orch::ha {

/// The five pairs of one master, in the contract's order (key-value document, 2); none for an
/// empty alias. A host whose addresses nobody has kept is looked up, two seconds at most; without
/// a backend that answers there are but three.
[[nodiscard]] KvPairs master_pairs(const KvSettings& settings, const storage::HostnameStore& hosts,
                                   const std::string& alias, const InstanceKey& master);

/// The stores that say who the masters are: the internal one, ZooKeeper, Consul. One for a process,
/// as it keeps in mind what is written. Before each write it is asked whether this process still
/// leads, in the same term. Thread-safe.
class KvStores {
 public:
  /// How long a recovery may wait for the stores before its hooks run.
  static constexpr std::chrono::seconds kRecoveryLimit{5};
  /// For all clusters at once.
  static constexpr std::chrono::seconds kBatchLimit{60};

  /// The leadership outlives this; the settings hold from now on, whatever is reloaded.
  KvStores(const KvSettings& settings, const Leadership& leadership);

  /// Writes the pairs of a master that a recovery has just promoted to all stores, in order. A
  /// store that fails does not keep the next from being written; each has so long. Errors:
  /// Conflict, this process does not lead; the first store's.
  Result<> publish(storage::KvStore internal, const KvPairs& pairs,
                   std::chrono::seconds limit = kRecoveryLimit);
  /// The same for masters as the records have them, which `read` tells: `all` of the pairs, or
  /// those that the internal store has otherwise, or another store did not take before or has
  /// otherwise since it did not answer. The data centers are given all. Stops, with an error, when
  /// a recovery publishes meanwhile: it knows better.
  Result<> submit(storage::KvStore internal, const std::function<Result<KvPairs>()>& read,
                  bool all);

 private:
  Result<> write(storage::KvStore internal, const KvPairs& pairs, const Permit& permit,
                 std::chrono::seconds limit);
  Result<> write_outside(const KvPairs& pairs, const Permit& permit, std::chrono::seconds limit);
  Result<> distribute(const KvPairs& pairs, const Permit& permit, std::chrono::seconds limit);
  [[nodiscard]] Permit leads_as_now() const;
  Result<bool> is_right(const storage::KvStore& internal, const KvPair& pair, SteadyPoint deadline);

  struct Note {
    std::string value{};
    std::chrono::steady_clock::time_point at{};
  };

  const KvSettings settings_;
  const Leadership& leadership_;
  std::optional<Consul> consul_{};
  std::atomic<std::uint64_t> recoveries_{0};  ///< that published
  Mutex mutex_;
  std::map<std::string, Note> right_ ORCH_GUARDED_BY(mutex_);  ///< seen so in the internal store
  std::set<std::string> unwritten_ ORCH_GUARDED_BY(mutex_);    ///< keys that a store did not take
};

}  // namespace orch::ha
