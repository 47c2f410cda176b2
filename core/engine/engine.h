#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "core/analysis/analysis.h"
#include "core/base/mutex.h"
#include "core/base/pattern.h"
#include "core/base/worker_pool.h"
#include "core/engine/links.h"
#include "core/engine/opinion.h"
#include "core/engine/picture.h"
#include "core/ports/ha.h"
#include "core/ports/server.h"

namespace orch {

struct EngineSettings {
  std::chrono::seconds poll{5};                 ///< InstancePollSeconds
  std::chrono::milliseconds master_poll{1000};  ///< MasterPollMilliseconds; at most `poll`
  std::chrono::milliseconds probe_limit{12'000};
  /// DeadInstancePollSeconds...: the n-th failure in a row is followed by poll * factor^(n-1).
  double dead_factor{1};
  std::chrono::seconds dead_max{300};
  std::size_t width{300};      ///< DiscoveryMaxConcurrency
  std::size_t dead_width{32};  ///< probes at once of servers that did not answer last time
  HostFilter ignore_hosts{};
  HostFilter ignore_replicas{};
  HostFilter ignore_sources{};
  AnalysisRules rules{};
  std::vector<std::pair<Pattern, std::string>> cluster_name_to_alias{};
  /// See SettleRules; may be empty.
  std::function<bool(const std::string& cluster_name)> pseudo_gtid_injected{};
  bool watch_masters{true};
};

/// What the engine asks of its surroundings; called by threads of the engine.
struct EngineDoors {
  /// A server was looked at: keep it. Must not block, nor call the engine.
  std::function<void(const Observation&)> record{};
  /// A look at a server that needs more than the probe. May be empty.
  std::function<void(Observation&)> complete{};
  /// Opens a session to be watched.
  Links::Open open_link{};
  /// The server is not looked at any more by that name: what is kept to talk to it may go. May be
  /// empty.
  std::function<void(const InstanceKey&)> let_go{};
  /// Whether anything is to be done about what is wrong, by this process, now. Empty: it is. Must
  /// not block.
  std::function<bool()> may_act{};
  /// Does what the analysis calls for. Returns when it is done; one call at a time for a cluster.
  std::function<void(const Analysis&, SteadyPoint since)> act{};
  /// A server that must not take writes was seen. May be empty.
  std::function<void(const Instance&)> look_after{};
  /// What is wrong with a cluster has changed; `now` may be empty.
  std::function<void(const std::string& cluster, const std::vector<Analysis>& now)> tell{};
};

/// Figures about the work, since the start.
struct EngineFigures {
  std::uint64_t probes{0};
  std::uint64_t failed_probes{0};
  std::uint64_t late_probes{0};  ///< begun more than a second after they were due
  std::uint64_t broken_links{0};
  std::size_t servers{0};
  std::size_t dead_servers{0};
  std::size_t links{0};
  std::size_t queued{0};  ///< probes that wait for a thread
  std::size_t running{0};
  std::size_t dead_queued{0};  ///< of these, those of servers that did not answer last time
  std::size_t dead_running{0};
  std::size_t recoveries{0};  ///< under way
};

/// Watches all servers, all the time, as long as this process leads: reads them in turn, masters
/// more often and at once when a watched connection breaks; analyses a cluster as soon as something
/// about it changed; calls for the recovery that is needed. Nothing is done before every member of
/// the cluster was looked at since this process began to lead (HA-26). Thread-safe.
class Engine {
 public:
  Engine(EngineSettings settings, EngineDoors doors, Servers& servers, const Leadership& leadership,
         const Clock& clock);
  /// Waits for probes that run, not for recoveries: see drain().
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// From now on these hold, but for the widths and whether masters are watched.
  void reconfigure(EngineSettings settings);
  /// Watches these servers, too; they are read at once, those that were silent when whoever wrote
  /// the record last looked apart from the others.
  void add(std::vector<Instance> records);
  /// As add(); of those that are watched already and were not read since this process began to
  /// lead, the records hold: another led meanwhile.
  void catch_up(std::vector<Instance> records);
  /// Whoever is named by others stays away for three polls, unless somebody asks for it.
  void forget(const std::set<InstanceKey>& keys);
  /// What people say, and what the backend knows about clusters.
  void set_marks(Marks marks, Circumstances circumstances);
  /// What is known now; and the server is read at once, for when the question is put again.
  [[nodiscard]] Opinion opinion_on(const InstanceKey& key);
  /// Servers that were not reached when they were last read, at most so many; those that were lost
  /// last come first.
  [[nodiscard]] std::vector<InstanceKey> unreached(std::size_t most) const;
  /// A command or a recovery has read these servers, all since `since`: it is known from now on,
  /// and kept. Reads of the engine that began before count for nothing; what they have brought
  /// since `since` stays.
  void learn(std::span<const Observation> found, SteadyPoint since);

  /// No new recovery is begun. True when none runs any more, before the deadline.
  [[nodiscard]] bool drain(SteadyPoint deadline);

  [[nodiscard]] std::vector<InstanceKey> keys() const;
  [[nodiscard]] EngineFigures figures() const;
  /// How long ago the living server was read that was read longest ago.
  [[nodiscard]] std::chrono::milliseconds data_age() const;
  /// What is wrong now, cluster by cluster.
  [[nodiscard]] std::vector<Analysis> analyses() const;
  /// The clusters in which somebody leaves rows out.
  [[nodiscard]] std::vector<Topology> leaving_out() const;

 private:
  struct Schedule {
    SteadyPoint due{};
    bool running{false};
    bool again{false};  ///< asked for while it was running
    unsigned failures{0};
    bool was_silent{false};                     ///< by its record; it was not read here yet
    SteadyPoint begun{};                        ///< when it began to run
    SteadyPoint seen_at{};                      ///< when the latest probe ended
    SteadyPoint::duration took{};               ///< the latest one that found it
    SteadyPoint learnt_at{};                    ///< see learn()
    bool hurried{false};                        ///< the next read is out of turn
    std::chrono::milliseconds pause{0};         ///< before the next read out of turn
    std::optional<InstanceKey> candidate_of{};  ///< a guess: kept only if it follows that server
  };
  /// Where a binary log ends, and since when: a clock that is set makes nothing stand still, or
  /// move.
  struct BinlogRest {
    BinlogCoordinates at{};
    SteadyPoint since{};
    [[nodiscard]] StandStill by_clock(TimePoint now) const {
      return {at, now - std::chrono::duration_cast<std::chrono::microseconds>(
                            std::chrono::steady_clock::now() - since)};
    }
  };
  struct Verdict {
    std::vector<Analysis> analyses{};
    /// Steady, as the wall clock may be set while a failure lasts.
    std::map<std::pair<InstanceKey, AnalysisCode>, SteadyPoint> since{};
    std::set<std::pair<InstanceKey, AnalysisCode>> announced{};
  };

  [[nodiscard]] std::shared_ptr<const EngineSettings> settings() const {
    const MutexLock lock(mutex_);
    return settings_;
  }
  void run_schedule();
  void run_analysis();
  void probe(const InstanceKey& key, SteadyPoint due);
  void take(const InstanceKey& key, const Observation& seen, TimePoint begun);
  void let_go_unless_watched(const InstanceKey& key);
  void learn_one(const Observation& seen, SteadyPoint since) ORCH_REQUIRES(mutex_);
  void meet(const Observation& seen) ORCH_REQUIRES(mutex_);
  void meet_one(const InstanceKey& key, const std::optional<InstanceKey>& candidate_of)
      ORCH_REQUIRES(mutex_);
  void plan(const InstanceKey& key, Schedule& schedule, SteadyPoint due) ORCH_REQUIRES(mutex_);
  void hurry(const InstanceKey& key) ORCH_REQUIRES(mutex_);
  void hurry_at_once(const InstanceKey& key) ORCH_REQUIRES(mutex_);
  [[nodiscard]] std::chrono::milliseconds interval_of(const InstanceKey& key,
                                                      const Schedule& schedule) const
      ORCH_REQUIRES(mutex_);
  void on_break(const InstanceKey& key);
  [[nodiscard]] bool is_news(const Observation& seen) const ORCH_REQUIRES(mutex_);
  void analyse_within(const std::string& cluster, std::chrono::milliseconds pause)
      ORCH_REQUIRES(mutex_);
  void judge(const std::string& cluster);
  void be_impatient(SteadyPoint now) ORCH_REQUIRES(mutex_);
  void sharpen(const Analysis& analysis) ORCH_REQUIRES(mutex_);
  void act_on(const Analysis& analysis, Verdict& verdict, const Topology& cluster)
      ORCH_REQUIRES(mutex_);
  void recovered(const std::string& cluster, const std::set<InstanceKey>& members);
  [[nodiscard]] bool was_read_since_leading(const Topology& cluster) const ORCH_REQUIRES(mutex_);
  void watch_leadership() ORCH_REQUIRES(mutex_);
  void find_oldest_look() ORCH_REQUIRES(mutex_);
  void add_records(std::vector<Instance> records, bool replace) ORCH_REQUIRES(mutex_);
  void start_probe(const InstanceKey& key, SteadyPoint due) ORCH_REQUIRES(mutex_);

  const EngineDoors doors_;
  Servers& servers_;
  const Leadership& leadership_;
  const Clock& clock_;

  mutable Mutex mutex_;
  std::shared_ptr<const EngineSettings> settings_ ORCH_GUARDED_BY(mutex_);
  std::condition_variable_any schedule_changed_;
  std::condition_variable_any clusters_changed_;
  std::condition_variable_any recovery_ended_;
  Picture picture_ ORCH_GUARDED_BY(mutex_);
  Circumstances circumstances_ ORCH_GUARDED_BY(mutex_);
  std::map<InstanceKey, Schedule> schedules_ ORCH_GUARDED_BY(mutex_);
  std::set<std::pair<SteadyPoint, InstanceKey>> due_ ORCH_GUARDED_BY(mutex_);
  std::deque<std::pair<SteadyPoint, InstanceKey>> asked_sources_
      ORCH_GUARDED_BY(mutex_);  ///< whose answer is awaited, and since when
  std::map<std::string, SteadyPoint> dirty_ ORCH_GUARDED_BY(mutex_);  ///< to be analysed, and when
  std::map<std::string, Verdict> verdicts_ ORCH_GUARDED_BY(mutex_);
  std::map<InstanceKey, BinlogRest> stand_still_ ORCH_GUARDED_BY(mutex_);
  std::map<InstanceKey, SteadyPoint> rejected_
      ORCH_GUARDED_BY(mutex_);  ///< guesses that were wrong
  std::map<InstanceKey, SteadyPoint> forgotten_ ORCH_GUARDED_BY(mutex_);   ///< and until when
  std::map<std::string, std::string> recovering_ ORCH_GUARDED_BY(mutex_);  ///< what, by cluster
  std::map<std::string, SteadyPoint> rest_until_ ORCH_GUARDED_BY(mutex_);  ///< after a recovery
  std::optional<Term> term_ ORCH_GUARDED_BY(mutex_);
  SteadyPoint leading_since_ ORCH_GUARDED_BY(mutex_){};
  SteadyPoint oldest_look_ ORCH_GUARDED_BY(mutex_){};  ///< at a living server; kept up in turn
  EngineFigures figures_ ORCH_GUARDED_BY(mutex_);
  bool stopping_ ORCH_GUARDED_BY(mutex_){false};
  bool draining_ ORCH_GUARDED_BY(mutex_){false};

  WorkerPool probes_;
  WorkerPool dead_probes_;
  WorkerPool urgent_probes_;
  WorkerPool recoveries_;
  std::unique_ptr<Links> links_;
  std::thread scheduler_;
  std::thread analyst_;
};

}  // namespace orch
