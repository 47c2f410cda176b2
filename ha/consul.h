#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/base/result.h"
#include "core/config/settings.h"
#include "core/net/http_client.h"

namespace orch::ha {

struct KvPair {
  std::string key{};
  std::string value{};
};
using KvPairs = std::vector<KvPair>;

/// Asked before each write: whether this process may still write.
using Permit = std::function<Result<>()>;

/// The pairs in groups of at most `most`, in their order; those of one cluster, which have the
/// first part of the path after `prefix` in common, stay together.
std::vector<KvPairs> grouped_by_cluster(const KvPairs& pairs, const std::string& prefix,
                                        std::size_t most);

/// A Consul agent, over HTTP (key-value document, 4 to 6). Thread-safe.
class Consul {
 public:
  /// The settings name one.
  explicit Consul(KvSettings settings) : settings_(std::move(settings)) {}

  /// Writes to the agent's own data center: in order, one by one or by transactions. Stops at the
  /// first that fails.
  Result<> save(const KvPairs& pairs, const Permit& permit, SteadyPoint deadline);
  /// Whether the agent's own data center may have the pair otherwise by a write that was not
  /// answered: Consul may have applied it late. It is looked at, and who cannot be asked may.
  [[nodiscard]] bool may_differ(const KvPair& pair, SteadyPoint deadline) const;
  /// Writes to every data center what is not known to be there. While another call is under way it
  /// does nothing. Errors: the first of any data center; what can be written is.
  Result<> distribute(const KvPairs& pairs, const Permit& permit, SteadyPoint deadline);

 private:
  /// How many pairs were left alone and written.
  struct Counts {
    std::atomic<int> known{0};
    std::atomic<int> there{0};
    std::atomic<int> written{0};
    std::atomic<int> failed{0};
  };

  [[nodiscard]] bool by_transactions() const;
  [[nodiscard]] std::vector<KvPairs> groups_of(const KvPairs& pairs) const;
  Result<HttpReply> ask(const std::string& method, const std::string& target, std::string body,
                        SteadyPoint deadline) const;
  Result<HttpReply> write(const std::string& center, const KvPairs& pairs,
                          const std::string& target, std::string body, SteadyPoint deadline);
  Result<> put(const std::string& center, const KvPair& pair, SteadyPoint deadline);
  /// Whether Consul has that value there.
  Result<bool> holds(const std::string& center, const KvPair& pair, SteadyPoint deadline) const;
  Result<> put_all(const std::string& center, const KvPairs& pairs, SteadyPoint deadline);
  /// Those that Consul has otherwise or not at all.
  Result<KvPairs> missing_of(const std::string& center, const KvPairs& pairs,
                             SteadyPoint deadline) const;
  Result<std::vector<std::string>> centers(SteadyPoint deadline) const;
  Result<> distribute_to(const std::string& center, const KvPairs& pairs, const Permit& permit,
                         SteadyPoint deadline, Counts& counts);
  Result<> distribute_group(const std::string& center, const KvPairs& pairs, const Permit& permit,
                            SteadyPoint deadline, Counts& counts);
  [[nodiscard]] bool knows(const std::string& center, const KvPair& pair) const;
  [[nodiscard]] bool doubts(const std::string& center, const KvPair& pair) const
      ORCH_REQUIRES(mutex_);
  void learn(const std::string& center, const KvPairs& pairs);

  const KvSettings settings_;
  std::atomic<bool> distributing_{false};
  mutable Mutex mutex_;
  /// Data center and key -> what it was last seen to have.
  std::map<std::pair<std::string, std::string>, std::string> known_ ORCH_GUARDED_BY(mutex_);
  /// Likewise -> until when it may change by a write that was not answered.
  std::map<std::pair<std::string, std::string>, SteadyPoint> doubted_ ORCH_GUARDED_BY(mutex_);
};

}  // namespace orch::ha
