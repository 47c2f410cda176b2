#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/config/config.h"
#include "core/model/observation.h"
#include "core/model/replication_rules.h"
#include "core/ports/ha.h"
#include "core/ports/server.h"
#include "ha/kv.h"
#include "ha/running.h"
#include "storage/cluster_store.h"
#include "storage/database.h"
#include "storage/instance_store.h"
#include "storage/node_store.h"

namespace orch::ha::raft {
class Group;
}

namespace orch::cmd {

/// Where long work says how far it is; silent unless stderr is a terminal.
class Progress {
 public:
  virtual ~Progress() = default;
  /// Replaces the line shown before; "" clears it.
  virtual void show(std::string_view line) = 0;
  /// A line that stays.
  virtual void say(std::string_view line) = 0;
  /// A line that everybody must see, programs included.
  virtual void note(std::string_view line) = 0;
};

/// What commands work with; built by cmd/wire for one process. Stores are made where they are
/// used: each is two references.
class Services {
 public:
  struct Parts {
    const Config& config;
    /// A configuration that may be replaced while the process runs, in place of `config`. None that
    /// was ever in it goes away before the process does.
    const std::atomic<const Config*>* live_config{nullptr};
    const Clock& clock;
    storage::Database* database{nullptr};  ///< for Needs::Backend and Needs::Servers
    Servers* servers{nullptr};             ///< for Needs::Servers
    const Leadership& leadership;
    Progress& progress;
    storage::NodeIdentity self{};     ///< this host and process
    ha::raft::Group* group{nullptr};  ///< that this process is a node of; it may be none
    /// Called before servers are deleted from the backend: what runs beside lets go of them.
    std::function<void(const std::set<InstanceKey>&)> forgetting{};
    /// Told of servers that were read and recorded, all since the given time.
    std::function<void(std::span<const Observation>, SteadyPoint)> learning{};
    /// See ha::Parts.
    std::function<bool(const std::vector<InstanceKey>&)> give_way{};
    bool colour{false};  ///< people read the answer on a terminal
  };

  explicit Services(Parts parts)
      : parts_(std::move(parts)),
        kv_(std::make_shared<ha::KvStores>(parts_.config.kv, parts_.leadership)),
        running_(std::make_shared<ha::RunningRecoveries>()) {}

  [[nodiscard]] const Config& config() const {
    return parts_.live_config == nullptr ? parts_.config : *parts_.live_config->load();
  }
  [[nodiscard]] const Clock& clock() const { return parts_.clock; }
  [[nodiscard]] storage::Database& database() const { return *parts_.database; }
  [[nodiscard]] Servers& servers() const { return *parts_.servers; }
  [[nodiscard]] const Leadership& leadership() const { return parts_.leadership; }
  [[nodiscard]] ha::KvStores& kv() const { return *kv_; }
  /// What recoveries of this process share.
  [[nodiscard]] ha::RunningRecoveries& running() const { return *running_; }
  [[nodiscard]] Progress& progress() const { return parts_.progress; }
  [[nodiscard]] const storage::NodeIdentity& self() const { return parts_.self; }
  [[nodiscard]] ha::raft::Group* group() const { return parts_.group; }
  [[nodiscard]] bool colour() const { return parts_.colour; }
  [[nodiscard]] const std::function<bool(const std::vector<InstanceKey>&)>& give_way() const {
    return parts_.give_way;
  }

  void forgetting(const std::set<InstanceKey>& keys) const {
    if (parts_.forgetting) parts_.forgetting(keys);
  }

  /// Keeps what was read since `since`, and lets what runs beside know. Errors: the backend's.
  Result<> record(std::span<const Observation> seen, SteadyPoint since) const;

  [[nodiscard]] storage::InstanceStore instances() const;
  [[nodiscard]] storage::ClusterStore clusters() const;
  [[nodiscard]] ReplicationRules replication_rules() const;
  /// Any store whose only needs are the database and the clock.
  template <typename Store>
  [[nodiscard]] Store store() const {
    return Store(database(), clock());
  }
  /// The same for one who wants to see progress, and the answer in colour or not.
  [[nodiscard]] Services for_reader(Progress& progress, bool colour) const;
  /// The same under another leadership.
  [[nodiscard]] Services under(const Leadership& leadership) const;
  /// The same on another database.
  [[nodiscard]] Services on(storage::Database& database) const;

 private:
  [[nodiscard]] Services with(const Leadership& leadership, Progress& progress, bool colour) const;

  Parts parts_;
  std::shared_ptr<ha::KvStores> kv_;
  std::shared_ptr<ha::RunningRecoveries> running_;
};

/// The alias that ClusterNameToAlias gives to a cluster name: of the first entry, in the file's
/// order, that matches (DISC-17); "" when none does.
std::string alias_by_name(const ClassificationSettings& settings, std::string_view cluster_name);

/// Writes an audit entry where the configuration says; a failure to do so is logged.
void audit(const Services& services, std::string_view type, const InstanceKey& key,
           std::string_view message);

}  // namespace orch::cmd
