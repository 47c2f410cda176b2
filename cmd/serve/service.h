#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "cmd/command/services.h"
#include "cmd/fleet.h"
#include "cmd/serve/address_book.h"
#include "cmd/serve/entry_writer.h"
#include "cmd/serve/neighbours.h"
#include "cmd/serve/probe_log.h"
#include "cmd/serve/statement_tally.h"
#include "cmd/wire.h"
#include "core/base/mutex.h"
#include "core/base/worker_pool.h"
#include "core/engine/engine.h"
#include "ha/coordination.h"
#include "ha/raft/group.h"
#include "ha/raft/state.h"
#include "ha/recovery.h"
#include "storage/analysis_store.h"
#include "storage/database.h"
#include "storage/metered_database.h"
#include "storage/write_behind.h"

namespace orch::cmd {

/// One batch of records that the backend was given.
struct WriteSample {
  TimePoint at{};
  storage::WriteBehind::Batch batch{};
};

/// One statement that the backend was given.
struct QuerySample {
  TimePoint at{};
  storage::QueryTimes times{};
};

/// One node: it watches the fleet, recovers what fails while it leads, and keeps the backend in
/// order. What commands need it offers as Services, which are safe for many threads.
class Service {
 public:
  /// Errors: those of opening the backend and of the settings.
  /// `leads`: whether it may lead at all, and so watch anything.
  static Result<std::unique_ptr<Service>> start(Config config, const RunOptions& options,
                                                bool leads);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// For what people ask of this node, whether it leads or not.
  [[nodiscard]] Services& services() { return *asked_; }
  [[nodiscard]] const Config& config() const { return *config_.load(); }
  [[nodiscard]] Engine& engine() { return *engine_; }
  /// How this node shares the work with others.
  [[nodiscard]] ha::Coordination& coordination() { return *coordination_; }
  /// The term in which it leads; nothing when it does not.
  [[nodiscard]] std::optional<Term> leading() const {
    return coordination_->leadership().leading();
  }
  /// Whether it reads servers and judges what it sees.
  [[nodiscard]] bool watches() const { return coordination_->watching().leading().has_value(); }
  [[nodiscard]] const storage::WriteBehind& writes() const { return *writes_; }
  [[nodiscard]] const ProbeLog& probe_log() const { return *probe_log_; }
  [[nodiscard]] const Recent<QuerySample>& query_log() const { return *query_log_; }
  [[nodiscard]] StatementTally::Counts statement_counts() const { return statements_.counts(); }
  [[nodiscard]] const Recent<WriteSample>& write_log() const { return *write_log_; }
  /// Automatic recoveries since the start: analysis code, and "success", "fail" or "refused".
  [[nodiscard]] std::map<std::pair<std::string, std::string>, std::uint64_t> recovery_counts()
      const;
  /// One sample a second, the latest `count` of them, oldest first.
  [[nodiscard]] std::vector<QueueSamples> queue_log(std::size_t count) const;
  /// How long ago that one of the servers that are not known to be dead was read that was read
  /// longest ago: by this node, or, when it does not watch, by whoever wrote the backend's records.
  [[nodiscard]] std::optional<std::chrono::milliseconds> data_age() const;
  /// The nodes of a raft group that are well, as the one that leads has seen them lately.
  [[nodiscard]] std::vector<std::string> healthy_members() const;
  /// Who else works beside this node. Errors: as NeighbourReader.
  [[nodiscard]] Result<Neighbours> neighbours() { return neighbours_->read(); }
  /// Why the backend could not be written to lately.
  [[nodiscard]] std::optional<Error> backend_problem() const;

  /// Reads the configuration files again, and one more when it is named. A bad one changes nothing.
  /// Errors: InvalidInput, with what is wrong.
  Result<> reload(const std::string& extra_file);
  /// Where this node answers, for other processes on the backend to know.
  /// `advertised`: for those on other machines, too.
  void announce(const std::string& url, const std::string& advertised);
  /// Why this process must end, though nobody asked for it.
  [[nodiscard]] std::optional<std::string> broken() const;
  /// A command has changed the backend: what it says is looked at now.
  void look_again();
  /// Leads on until no recovery runs (DrainSeconds), then takes no new one and gives leadership up.
  /// `end_requests` closes the doors, and waits until then for what is being answered.
  void drain(const std::function<void(SteadyPoint)>& end_requests);

 private:
  class QuietProgress;

  Service(Config config, RunOptions options, bool leads);
  Result<> build();
  Result<> take_place();
  Result<> join_group();
  [[nodiscard]] Result<EngineSettings> engine_settings(const Config& config) const;
  void write_entries();
  [[nodiscard]] EngineDoors engine_doors();

  /// It will not answer for much longer.
  void withdraw();
  [[nodiscard]] bool recovers() const;
  void lead_on(SteadyPoint deadline);
  void keep_place();
  void keep_house();
  Result<> say_alive();
  [[nodiscard]] Result<Neighbours> read_neighbours() const;
  Result<> read_marks();
  Result<> read_age();
  Result<> follow_backend();
  void learn(std::span<const Observation> found, SteadyPoint since);
  void let_go(const std::set<InstanceKey>& keys);
  void let_go_of_forgotten();
  Result<> catch_up();
  Result<> write_codes();
  Result<> write_well();
  Result<> write_stand_still();
  void beside(std::function<void()> work);
  Result<> resume_cut_off();
  bool replace_both(const ha::Parts& parts, const ha::RecoveryOutcome& waiting, SteadyPoint since);
  void resume_one(const std::string& uid);
  void gather_latecomers();
  Result<> end_downtimes();
  Result<> mark_incomplete();
  Result<> end_old_detections();
  Result<> tidy_own();
  Result<> tidy_decisions();
  [[nodiscard]] std::chrono::milliseconds unwell_for() const;
  Result<> keep_topologies();
  void publish_masters();
  void look_up_hosts();
  [[nodiscard]] bool is_well() const;
  [[nodiscard]] bool asks_others() const;
  [[nodiscard]] Result<> others_agree(const Analysis& analysis);
  void look_after_members(bool leads);
  void give_way_if_blind(const EngineFigures& figures);
  bool give_way(std::vector<InstanceKey> unseen);
  void act(const Analysis& analysis, SteadyPoint since);
  void tell(const std::string& cluster, const std::vector<Analysis>& now);
  void break_down(const std::string& why);
  /// Says it, and while it goes on, once a minute.
  void note_problem(const Result<>& done, std::string_view what);

  const RunOptions options_;
  const bool leads_;
  std::vector<std::unique_ptr<const Config>> configs_;  ///< all there were, each once: see Services
  std::atomic<const Config*> config_{nullptr};
  SystemClock clock_;
  storage::NodeIdentity self_;
  std::unique_ptr<Recent<QuerySample>> query_log_;
  StatementTally statements_;
  std::unique_ptr<Recent<WriteSample>> write_log_;
  std::unique_ptr<storage::Database> database_;
  std::unique_ptr<storage::Database> lease_database_;  ///< a connection that nobody else holds up
  std::unique_ptr<storage::Database> snapshot_database_;  ///< with raft
  std::unique_ptr<Fleet> fleet_;
  std::unique_ptr<Progress> progress_;
  std::unique_ptr<ha::raft::State> decisions_;  ///< with raft
  std::unique_ptr<ha::raft::Group> node_;       ///< with raft
  /// The same, for the questions that it hands to this service, from its start to its end.
  std::atomic<const ha::raft::Group*> asked_node_{nullptr};
  std::unique_ptr<ha::Coordination> coordination_;
  std::unique_ptr<Services> services_;  ///< of the service itself
  std::unique_ptr<Services> own_;       ///< the same, on this node's own backend
  std::unique_ptr<Services> asked_;     ///< of requests
  std::unique_ptr<NeighbourReader> neighbours_;
  std::unique_ptr<EntryWriter> entries_;
  std::unique_ptr<ProbeLog> probe_log_;
  std::unique_ptr<storage::WriteBehind> writes_;
  std::unique_ptr<Engine> engine_;

  std::chrono::steady_clock::time_point snapshot_at_{};  ///< of the house thread

  mutable Mutex mutex_;
  std::condition_variable_any woken_;
  bool stopping_ ORCH_GUARDED_BY(mutex_){false};
  bool look_again_ ORCH_GUARDED_BY(mutex_){false};
  std::string url_ ORCH_GUARDED_BY(mutex_);
  std::optional<Error> problem_ ORCH_GUARDED_BY(mutex_);
  std::optional<std::string> broken_ ORCH_GUARDED_BY(mutex_);
  std::vector<std::string> healthy_ ORCH_GUARDED_BY(mutex_);
  std::set<InstanceKey> forgotten_ ORCH_GUARDED_BY(mutex_);     ///< by the group, and not yet here
  std::optional<TimePoint> stored_at_ ORCH_GUARDED_BY(mutex_);  ///< see data_age()
  SteadyPoint well_at_ ORCH_GUARDED_BY(mutex_){};               ///< the backend, when it last was
  std::map<std::string, std::string> told_ ORCH_GUARDED_BY(mutex_);   ///< by cluster: not again
  std::vector<storage::AnalysedCode> codes_ ORCH_GUARDED_BY(mutex_);  ///< not yet written
  std::set<std::string> resuming_ ORCH_GUARDED_BY(mutex_);            ///< uids
  struct Waiting {
    SteadyPoint since{};
    SteadyPoint next{};
  };
  /// Those that wait for a server, by uid.
  std::map<std::string, Waiting> waiting_ ORCH_GUARDED_BY(mutex_);
  bool some_stand_still_{true};  ///< in the backend; the house thread's
  std::map<std::string, std::set<InstanceKey>> troubled_ ORCH_GUARDED_BY(mutex_);  ///< by cluster
  std::map<std::pair<std::string, std::string>, std::uint64_t> recovery_counts_
      ORCH_GUARDED_BY(mutex_);
  std::deque<QueueSamples> queue_log_ ORCH_GUARDED_BY(mutex_);
  Mutex questions_mutex_;
  Engine* questioned_ ORCH_GUARDED_BY(questions_mutex_){nullptr};  ///< engine_, until it ends
  Mutex complaints_mutex_;
  std::map<std::string, SteadyPoint> complaints_
      ORCH_GUARDED_BY(complaints_mutex_);  ///< when they were last said
  AddressBook addresses_;                  ///< of the one thread that publishes
  WorkerPool publications_{1};
  WorkerPool chores_{1};
  WorkerPool resumptions_{8};
  WorkerPool entry_writing_{1};
  std::atomic<bool> writing_entries_{false};
  std::atomic<bool> gathering_{false};
  std::thread place_thread_;
  std::thread house_thread_;
};

}  // namespace orch::cmd
