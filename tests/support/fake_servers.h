#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "core/model/topology.h"
#include "core/ports/ha.h"
#include "core/ports/maintenance.h"
#include "core/ports/server.h"
#include "tests/support/scripted_logs.h"

namespace orch::test {

/// Servers that replicate in thought: receivers and appliers do their work whenever somebody
/// probes. They refuse what real servers refuse, and lose what real servers lose.
class FakeServers final : public Servers {
 public:
  void add(Instance instance);
  void kill(const InstanceKey& key);
  void revive(const InstanceKey& key);
  /// It takes connections and says nothing, until it was asked so often; 0: for ever.
  void hang(const InstanceKey& key, int probes = 0);
  /// The next `times` changes of that kind on that server do not reach it: the connection fails. Or
  /// it is `done`, and the answer is lost.
  void lose(const InstanceKey& key, std::size_t change_index, int times, bool done = false);
  /// Its applier does nothing any more, though it says that it runs.
  void freeze_applier(const InstanceKey& key);
  void set(const InstanceKey& key, const std::function<void(Instance&)>& change);
  /// Lets nobody in: probes fail, and it says so itself.
  void shut_out(const InstanceKey& key);
  /// Turns our account away.
  void deny(const InstanceKey& key);
  /// Somebody whom read_only does not bind writes to it, when another server becomes writable.
  void write_on_promotion(const InstanceKey& key, const std::string& executed);
  /// Takes a write just before each change of any server, unless it is read-only, and its replicas
  /// have it at once.
  void keep_writing(const InstanceKey& key);
  /// Has purged what its replicas ask for.
  void purge_all(const InstanceKey& key);
  /// Tells no replication user.
  void keep_credentials(const InstanceKey& key);
  /// The next `times` changes of that kind on that server are refused.
  void refuse(const InstanceKey& key, std::size_t change_index, int times);

  [[nodiscard]] Instance at(const InstanceKey& key) const;
  /// All servers, as recorded when all was well.
  [[nodiscard]] Topology records() const;
  [[nodiscard]] std::set<InstanceKey> keys() const;
  /// "db2:3306 make writable", in order, successful ones only.
  [[nodiscard]] std::vector<std::string> changes() const;
  /// Living servers that take writes.
  [[nodiscard]] std::vector<InstanceKey> writable() const;

  Observation probe(const InstanceKey& key, SteadyPoint deadline) override;
  Result<> apply(const Instance& as_probed, const Change& change, SteadyPoint deadline) override;
  Result<> fence(const Instance& as_probed, SteadyPoint deadline) override;
  Result<> check_hand_over(const Instance& as_probed, SteadyPoint deadline) override;
  Result<ReplicationCredentials> replication_credentials(const Instance& as_probed,
                                                         SteadyPoint deadline) override;
  /// What set_examination() said, else nothing is known of it.
  Result<Examination> examine(const InstanceKey& key, SteadyPoint deadline) override;
  void set_examination(const InstanceKey& key, Examination seen);

  /// What a replica without GTID received ends inside of the transaction that begins there: neither
  /// is it applied, nor anything behind it.
  std::map<InstanceKey, BinlogCoordinates> ends_inside{};

  /// The error at which the applier of `server` stops once it has received something from `source`;
  /// "" = none.
  std::function<std::string(const InstanceKey& server, const InstanceKey& source)> stops_at{};

  /// Those whose threads do not stop any more once their applier has met an error.
  std::set<InstanceKey> cannot_stop_broken{};

  Result<std::unique_ptr<EventLogs>> open_logs(const Instance& as_probed, BinlogType type,
                                               SteadyPoint deadline) override;

  /// Binary logs, for Pseudo-GTID.
  std::map<InstanceKey, ScriptedLogs> logs{};
  /// May not change read_only, as check_hand_over() finds out.
  std::set<InstanceKey> no_right{};
  /// Has no transaction in part, whatever its coordinates say.
  std::set<InstanceKey> no_partial{};
  /// Takes so many looks to roll back what it has in part, and must not be stopped before.
  std::map<InstanceKey, int> rolling_back{};
  std::set<InstanceKey> stopped_too_soon{};
  /// Those whose appliers will stop when they come to the place that they were started for.
  std::set<InstanceKey> started_until{};

 private:
  void replicate();
  void write_once();
  [[nodiscard]] Topology living() const;

  mutable Mutex mutex_;
  std::map<InstanceKey, Instance> servers_;
  std::set<InstanceKey> dead_;
  std::set<InstanceKey> frozen_;
  std::set<InstanceKey> shut_;
  std::set<InstanceKey> denying_;
  std::set<InstanceKey> purged_;
  std::set<InstanceKey> ending_;
  std::map<InstanceKey, std::string> written_late_;
  std::set<InstanceKey> writing_;
  int writes_{1000};
  std::set<InstanceKey> silent_about_credentials_;
  std::map<std::pair<InstanceKey, std::size_t>, int> refusals_;
  std::map<InstanceKey, int> hanging_;
  /// Took a place in their relay logs, and have applied nothing since.
  std::set<InstanceKey> not_begun_;
  std::map<std::pair<InstanceKey, std::size_t>, std::pair<int, bool>> losses_;
  std::vector<std::string> changes_;
  std::map<InstanceKey, Examination> examinations_;
};

/// Leads for so many changes, then no more.
class FakeLeadership final : public Leadership {
 public:
  explicit FakeLeadership(int answers = -1) : answers_(answers) {}
  [[nodiscard]] std::optional<Term> leading() const override;

 private:
  mutable Mutex mutex_;
  mutable int answers_ ORCH_GUARDED_BY(mutex_);
};

class FakeLocks final : public MaintenanceLocks {
 public:
  Result<> claim(const InstanceKey& key, const std::string& reason) override;
  Result<> release(const InstanceKey& key) override;
  Result<bool> is_worked_on(const InstanceKey& key) override;
  std::set<InstanceKey> held{};
  std::set<InstanceKey> taken_by_others{};
  int asked{0};  ///< how often is_worked_on() was
};

}  // namespace orch::test
