#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/base/result.h"
#include "core/ports/ha.h"
#include "storage/lease_store.h"

namespace orch::ha {

/// Leadership among the nodes of one backend, by a lease in it. The holder stops believing in the
/// lease by its own monotonic clock before it can run out for others, however long the backend
/// takes to answer (HA-1 to HA-4). Thread-safe.
class Lease final : public Leadership {
 public:
  struct Settings {
    storage::NodeIdentity self{};
    std::chrono::milliseconds duration{5000};   ///< LeaseMilliseconds
    std::function<SteadyPoint()> steady_now{};  ///< default: steady_clock
    std::optional<bool> one_server{};           ///< of the backend; default: SQLite is one
  };

  Lease(storage::Database& database, Settings settings);

  [[nodiscard]] std::optional<Term> leading() const override;
  [[nodiscard]] bool is_elected() const override { return true; }

  /// One attempt to renew or to get it. To be called every third of its duration or more often, by
  /// one thread. Errors: the backend's; the lease is believed in as long as it lasts.
  Result<> attempt();
  /// Takes it, whoever holds it; leads once the former holder cannot believe in it any more.
  Result<> grab();
  /// Gives it up at once, and does not ask for it again until resume().
  Result<> resign();
  void resume();
  /// Nobody holds it; this node may get it again.
  Result<> vacate();

  [[nodiscard]] Result<std::optional<storage::LeaseHolder>> holder() const { return store_.find(); }
  /// The latest epoch that this node has seen, its own or another's; nothing before the first.
  [[nodiscard]] std::optional<Term> latest_epoch() const;
  [[nodiscard]] std::chrono::milliseconds period() const { return settings_.duration / 5; }

 private:
  [[nodiscard]] storage::LeaseStore::Asking asking();
  void believe(std::optional<Term> term, SteadyPoint asked);

  mutable storage::LeaseStore store_;
  const Settings settings_;
  mutable Mutex mutex_;
  std::optional<Term> term_ ORCH_GUARDED_BY(mutex_);
  SteadyPoint from_ ORCH_GUARDED_BY(mutex_){};
  SteadyPoint until_ ORCH_GUARDED_BY(mutex_){};
  Term highest_ ORCH_GUARDED_BY(mutex_){0};  ///< epoch that was ever seen
  storage::LeaseMark seen_ ORCH_GUARDED_BY(mutex_){};
  SteadyPoint seen_since_ ORCH_GUARDED_BY(mutex_){};
  bool seen_renewed_ ORCH_GUARDED_BY(mutex_){false};  ///< and not for the first time
  bool resigned_ ORCH_GUARDED_BY(mutex_){false};
};

/// For what people ask of a node: any node does it, in whose epoch ever, and claims in the backend
/// keep it apart from what others do (HA document, 5). When another begins to lead, it ends.
class AnyNode final : public Leadership {
 public:
  explicit AnyNode(const Lease& lease) : lease_(lease) {}
  [[nodiscard]] std::optional<Term> leading() const override { return lease_.latest_epoch(); }

 private:
  const Lease& lease_;
};

}  // namespace orch::ha
