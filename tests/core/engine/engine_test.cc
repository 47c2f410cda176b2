#include "core/engine/engine.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>

#include <doctest/doctest.h>

#include "tests/support/fake_servers.h"
#include "tests/support/topology_builder.h"

namespace orch {

namespace {

using test::db;

/// Leads when it is told to.
class SwitchedLeadership final : public Leadership {
 public:
  [[nodiscard]] std::optional<Term> leading() const override {
    const MutexLock lock(mutex_);
    return term_;
  }
  void lead(std::optional<Term> term) {
    const MutexLock lock(mutex_);
    term_ = term;
  }

 private:
  mutable Mutex mutex_;
  std::optional<Term> term_{1};
};

/// Keeps the engine's session as a pipe whose other end a test may close.
class PipeSession final : public WatchedSession {
 public:
  explicit PipeSession(int socket) : socket_(socket) {}
  ~PipeSession() override { ::close(socket_); }
  [[nodiscard]] int socket() const override { return socket_; }

 private:
  int socket_;
};

/// The system's, as somebody has set it.
class MovedClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override {
    return SystemClock().now() + std::chrono::seconds(ahead_);
  }
  void set_ahead(std::chrono::seconds by) { ahead_ = by.count(); }

 private:
  std::atomic<std::int64_t> ahead_{0};
};

/// An engine over fake servers, and what it asked for.
class EngineBench {
 public:
  EngineBench() {
    servers.add(test::writable(test::mysql(1, test::gtids("1-9"))));
    servers.add(test::following(test::mysql(2, test::gtids("1-9")), 1));
    servers.add(test::following(test::mysql(3, test::gtids("1-9")), 1));
    servers.set(db(1), [](Instance& master) { master.replicas = {db(2), db(3)}; });
    settings.poll = std::chrono::seconds(1);
    settings.master_poll = std::chrono::milliseconds(100);
    settings.rules.recovers_masters = [](std::string_view, std::string_view) {
      return true;
    };
    settings.rules.instance_poll = settings.poll;
  }
  ~EngineBench() {
    hold(false);
    engine.reset();
  }

  void start() {
    EngineDoors doors;
    doors.record = [this](const Observation& seen) {
      const MutexLock lock(mutex_);
      ++looks_[seen.found() ? seen.instance.key : seen.asked];
      kept_.push_back(seen);
      changed_.notify_all();
    };
    doors.complete = [this](Observation& seen) {
      mutex_.lock();
      if (seen.instance.key == slow_) {
        ++slow_reads_;
        changed_.notify_all();
        changed_.wait(mutex_, [&] { return seen.instance.key != slow_; });
      }
      mutex_.unlock();
    };
    doors.open_link = [this](const InstanceKey& key) -> Result<std::unique_ptr<WatchedSession>> {
      std::array<int, 2> ends{};
      if (::pipe(ends.data()) != 0) return fail(ErrorKind::Broken, "no pipe");
      const MutexLock lock(mutex_);
      other_ends_[key] = ends[1];
      changed_.notify_all();
      return std::unique_ptr<WatchedSession>(std::make_unique<PipeSession>(ends[0]));
    };
    doors.let_go = [this](const InstanceKey& key) {
      const MutexLock lock(mutex_);
      ++let_go_[key];
      changed_.notify_all();
    };
    doors.may_act = [this] {
      return may_act.load();
    };
    doors.act = [this](const Analysis& analysis, SteadyPoint) {
      mutex_.lock();
      acts_.emplace_back(analysis.key, analysis.actionable ? to_string(analysis.code) : "announce");
      if (analysis.actionable) ++acting_;
      most_acting_ = std::max(most_acting_, acting_);
      changed_.notify_all();
      changed_.wait(mutex_, [this] { return !hold_; });
      if (analysis.actionable) --acting_;
      mutex_.unlock();
    };
    doors.tell = [this](const std::string&, const std::vector<Analysis>& now) {
      const MutexLock lock(mutex_);
      for (const Analysis& analysis : now) {
        if (analysis.actionable) to_recover_.insert(analysis.key);
        told_.insert(std::string(to_string(analysis.code)));
      }
      changed_.notify_all();
    };
    engine = std::make_unique<Engine>(settings, std::move(doors), servers, leadership, clock);
    engine->add({Instance{.key = db(1), .cluster_name = "db1:3306"}});
  }

  template <typename Condition>
  void wait_for(const Condition& condition) {
    mutex_.lock();
    const bool in_time = changed_.wait_for(mutex_, std::chrono::seconds(30), condition);
    mutex_.unlock();
    REQUIRE(in_time);
  }
  [[nodiscard]] bool recovers(const InstanceKey& key) const {
    return std::ranges::any_of(
        acts_, [&](const auto& act) { return act.first == key && act.second != "announce"; });
  }
  void hold(bool on) {
    const MutexLock lock(mutex_);
    hold_ = on;
    if (!on) slow_ = {};
    changed_.notify_all();
  }
  /// Reads of it have seen what they saw, and take until hold(false).
  void slow_down(const InstanceKey& key) {
    const MutexLock lock(mutex_);
    slow_ = key;
  }
  /// How often it was read, for who does not hold the mutex.
  [[nodiscard]] int looks_at(const InstanceKey& key) {
    const MutexLock lock(mutex_);
    return looks_[key];
  }
  [[nodiscard]] Observation read(const InstanceKey& key) {
    return servers.probe(key, SteadyPoint::max());
  }
  /// The server's process dies: its kernel closes the connection.
  void kill(const InstanceKey& key) {
    servers.kill(key);
    for (const int number : {2, 3}) {
      servers.set(db(number), [](Instance& replica) { replica = test::cut_off(replica); });
    }
    const MutexLock lock(mutex_);
    if (const auto end = other_ends_.extract(key); !end.empty()) ::close(end.mapped());
  }

  test::FakeServers servers;
  SwitchedLeadership leadership;
  MovedClock clock;
  EngineSettings settings;
  std::unique_ptr<Engine> engine;
  std::atomic<bool> may_act{true};

  Mutex mutex_;
  std::condition_variable_any changed_;
  std::map<InstanceKey, int> looks_;
  std::map<InstanceKey, int> let_go_;
  std::map<InstanceKey, int> other_ends_;
  std::vector<std::pair<InstanceKey, std::string>> acts_;
  std::vector<Observation> kept_;
  std::set<InstanceKey> to_recover_;
  std::set<std::string> told_;  ///< codes
  bool hold_{false};
  InstanceKey slow_{};
  int slow_reads_{0};
  int acting_{0};
  int most_acting_{0};
};

}  // namespace

TEST_SUITE("engine") {
  TEST_CASE("whoever is named by a server is watched, too") {
    EngineBench bench;
    bench.start();
    bench.wait_for([&] { return bench.looks_[db(2)] > 0 && bench.looks_[db(3)] > 0; });
    CHECK(bench.engine->keys() == std::vector<InstanceKey>{db(1), db(2), db(3)});
  }

  TEST_CASE("a master is read more often than its replicas") {
    EngineBench bench;
    bench.settings.poll = std::chrono::seconds(3600);
    bench.start();
    bench.wait_for([&] { return bench.looks_[db(1)] > 5; });
    CHECK(bench.looks_at(db(2)) == 1);
  }

  TEST_CASE("a broken connection is followed up at once, though the next poll is an hour away") {
    EngineBench bench;
    bench.settings.poll = std::chrono::seconds(3600);
    bench.settings.master_poll = std::chrono::hours(1);
    bench.start();
    bench.wait_for([&] { return bench.looks_[db(3)] > 0 && bench.other_ends_.contains(db(1)); });
    bench.kill(db(1));
    bench.wait_for([&] { return bench.recovers(db(1)); });
    CHECK(bench.engine->figures().broken_links == 1);
  }

  TEST_CASE(
      "a frozen master is seen by its replicas' missing heartbeats, though their threads run") {
    EngineBench bench;
    for (const int number : {2, 3}) {
      bench.servers.set(db(number), [](Instance& replica) {
        replica.replication.heartbeat = std::chrono::milliseconds(50);
      });
    }
    bench.start();
    bench.wait_for([&] { return bench.looks_[db(2)] > 0 && bench.looks_[db(3)] > 0; });
    bench.servers.kill(db(1));
    bench.wait_for([&] { return bench.recovers(db(1)); });
  }

  TEST_CASE("one recovery of a cluster at a time, and again when it is needed (REC-1)") {
    EngineBench bench;
    bench.start();
    bench.wait_for([&] { return bench.looks_[db(3)] > 0 && bench.looks_[db(2)] > 0; });
    bench.hold(true);
    bench.kill(db(1));
    bench.wait_for([&] { return bench.recovers(db(1)); });
    const int looks = bench.looks_at(db(1));
    bench.wait_for([&] { return bench.looks_[db(1)] > looks + 5; });
    CHECK(bench.most_acting_ == 1);
    CHECK_FALSE(bench.engine->drain(std::chrono::steady_clock::now()));
    bench.hold(false);
    CHECK(bench.engine->drain(std::chrono::steady_clock::now() + std::chrono::seconds(30)));
    CHECK(bench.most_acting_ == 1);
  }

  TEST_CASE("who does not lead looks at nobody and does nothing (HA-4, REC-6)") {
    EngineBench bench;
    bench.leadership.lead(std::nullopt);
    bench.start();
    bench.kill(db(1));
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    CHECK(bench.looks_at(db(1)) == 0);
    CHECK(bench.servers.changes().empty());
    bench.leadership.lead(2);
    bench.wait_for([&] { return bench.looks_[db(1)] > 0; });
  }

  TEST_CASE("nothing is done before everybody was read in this leadership (HA-26)") {
    EngineBench bench;
    bench.start();
    bench.wait_for([&] { return bench.looks_[db(3)] > 0 && bench.looks_[db(2)] > 0; });
    bench.leadership.lead(std::nullopt);
    bench.kill(db(1));
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    bench.mutex_.lock();
    bench.looks_.clear();
    bench.mutex_.unlock();
    bench.leadership.lead(2);
    bench.wait_for([&] { return bench.recovers(db(1)); });
    const MutexLock lock(bench.mutex_);
    for (const int number : {1, 2, 3})
      CHECK(bench.looks_[db(number)] > 0);
  }

  TEST_CASE("a clock that is set ahead does not make a master stand still for long") {
    EngineBench bench;
    bench.settings.rules.reasonable_locked_semi_sync_master = std::chrono::hours(1);
    bench.settings.rules.judge_age = false;  // or all that is known is too old for a moment
    bench.servers.set(db(1), [](Instance& master) {
      master.semi_sync.source_enabled = master.semi_sync.source_status = true;
      master.semi_sync.source_wait_for_replica_count = 1;
      master.semi_sync.source_waiting_sessions = 1;
    });
    bench.start();
    bench.wait_for([&] { return bench.told_.contains("LockedSemiSyncMasterHypothesis"); });
    bench.clock.set_ahead(std::chrono::hours(2));
    const int before = bench.looks_at(db(1));
    bench.wait_for([&] { return bench.looks_[db(1)] > before + 10; });
    const MutexLock lock(bench.mutex_);
    CHECK_FALSE(bench.told_.contains("LockedSemiSyncMaster"));
  }

  TEST_CASE("what is forgotten is looked at no more") {
    EngineBench bench;
    bench.start();
    bench.wait_for([&] { return bench.looks_[db(3)] > 0; });
    bench.servers.set(db(1), [](Instance& master) { master.replicas.clear(); });
    bench.wait_for(
        [&, before = bench.looks_at(db(1))] { return bench.looks_[db(1)] > before + 1; });
    bench.engine->forget({db(3)});
    CHECK(bench.engine->keys() == std::vector<InstanceKey>{db(1), db(2)});
  }

  TEST_CASE("whoever is forgotten stays away for three polls though others name it (16.2)") {
    EngineBench bench;
    bench.start();
    bench.wait_for([&] { return bench.looks_[db(3)] > 0; });
    const SteadyPoint forgotten = std::chrono::steady_clock::now();
    bench.engine->forget({db(3)});
    const int before = bench.looks_at(db(3));
    bench.wait_for(
        [&] { return bench.looks_[db(3)] > before + 1; });  // one may have been under way
    CHECK(std::chrono::steady_clock::now() - forgotten >= 3 * bench.settings.poll);
    bench.engine->forget({db(3)});
    bench.engine->add({Instance{.key = db(3)}});  // somebody asks for it
    CHECK(bench.engine->keys() == std::vector<InstanceKey>{db(1), db(2), db(3)});
    bench.engine->forget({db(2)});
    const Observation seen = bench.read(db(2));
    bench.engine->learn({&seen, 1}, std::chrono::steady_clock::now());
    CHECK(bench.engine->keys() == std::vector<InstanceKey>{db(1), db(2), db(3)});
  }

  TEST_CASE("nothing is kept for who is forgotten, also after a look that was under way (DISC-3)") {
    EngineBench bench;
    bench.start();
    bench.wait_for([&] { return bench.looks_[db(3)] > 0; });
    bench.slow_down(db(3));
    bench.wait_for([&] { return bench.slow_reads_ > 0; });
    bench.servers.set(db(1), [](Instance& master) { master.replicas.clear(); });
    bench.wait_for(
        [&, before = bench.looks_at(db(1))] { return bench.looks_[db(1)] > before + 1; });
    bench.engine->forget({db(3)});
    bench.wait_for([&] { return bench.let_go_[db(3)] == 1; });
    bench.hold(false);
    bench.wait_for([&] { return bench.let_go_[db(3)] == 2; });
    const MutexLock lock(bench.mutex_);
    CHECK(bench.let_go_.size() == 1);
  }

  TEST_CASE("a node that watches and must not act does nothing (HA-17)") {
    EngineBench bench;
    bench.may_act = false;
    bench.start();
    bench.wait_for([&] { return bench.looks_[db(2)] > 0 && bench.looks_[db(3)] > 0; });
    bench.kill(db(1));
    bench.wait_for([&] { return bench.to_recover_.contains(db(1)); });
    bench.wait_for(
        [&, before = bench.looks_at(db(1))] { return bench.looks_[db(1)] > before + 5; });
    bench.mutex_.lock();
    CHECK(bench.acts_.empty());
    bench.mutex_.unlock();
    CHECK(bench.servers.changes().empty());
    bench.may_act = true;
    bench.wait_for([&] { return bench.recovers(db(1)); });
  }

  TEST_CASE(
      "a dead replica is read as often as a living one, unless it is to be spared (DISC-21)") {
    EngineBench bench;
    bench.start();
    bench.wait_for([&] { return bench.looks_[db(2)] > 0 && bench.looks_[db(3)] > 0; });
    bench.servers.kill(db(3));
    const int living = bench.looks_at(db(2));
    const int dead = bench.looks_at(db(3));
    bench.wait_for([&] { return bench.looks_[db(2)] > living + 4; });
    CHECK(bench.looks_at(db(3)) >= dead + 4);
  }

  TEST_CASE("a dead master is read again and again, however long dead ones are spared (DISC-23)") {
    EngineBench bench;
    bench.settings.dead_factor = 1000;
    bench.settings.dead_max = std::chrono::hours(1);
    bench.may_act = false;  // what ends is followed by a look, too
    bench.start();
    bench.wait_for([&] { return bench.looks_[db(2)] > 0 && bench.looks_[db(3)] > 0; });
    bench.kill(db(1));
    bench.wait_for(
        [&, before = bench.looks_at(db(1))] { return bench.looks_[db(1)] > before + 9; });
  }

  TEST_CASE(
      "a master that was replaced is read again and again, too, as it may come back writable") {
    EngineBench bench;
    bench.settings.dead_factor = 1000;
    bench.settings.dead_max = std::chrono::hours(1);
    bench.start();
    bench.wait_for([&] { return bench.looks_[db(2)] > 0 && bench.looks_[db(3)] > 0; });
    Marks marks;
    marks.quarantined = {db(3)};
    bench.engine->set_marks(marks, {});
    bench.servers.kill(db(3));
    bench.wait_for(
        [&, before = bench.looks_at(db(3))] { return bench.looks_[db(3)] > before + 9; });
  }

  TEST_CASE("a look that waits counts once (DISC-22)") {
    EngineBench bench;
    bench.settings.width = 1;
    bench.slow_down(db(1));
    bench.start();
    bench.wait_for([&] { return bench.slow_reads_ > 0; });
    bench.engine->add({Instance{.key = db(2)}, Instance{.key = db(3)}});
    EngineFigures figures;
    while (figures.queued < 2)
      figures = bench.engine->figures();
    CHECK(figures.queued == 2);
    CHECK(figures.running == 1);
  }

  TEST_CASE("whoever was silent by its record keeps nobody else waiting at the start (DISC-21)") {
    EngineBench bench;
    bench.settings.width = 1;
    bench.settings.dead_width = 1;
    bench.leadership.lead(std::nullopt);
    bench.slow_down(db(2));
    bench.start();
    Instance silent{.key = db(2), .cluster_name = "db1:3306"};
    silent.freshness.last_seen = bench.clock.now() - std::chrono::hours(1);
    silent.freshness.last_checked = bench.clock.now();
    SUBCASE("of the process") {
      bench.engine->add({silent});
      bench.leadership.lead(2);
    }
    SUBCASE("of its lead") {
      bench.engine->add({Instance{.key = db(2), .cluster_name = "db1:3306"}});
      bench.leadership.lead(2);
      bench.engine->catch_up({silent});
    }
    bench.wait_for([&] { return bench.slow_reads_ > 0 && bench.looks_[db(1)] > 3; });
    CHECK(bench.engine->figures().dead_running == 1);
    bench.hold(false);
    bench.wait_for([&] { return bench.looks_[db(2)] > 0; });
  }

  TEST_CASE("a look is late when it waited for a thread") {
    EngineBench bench;
    bench.settings.width = 1;
    bench.slow_down(db(1));
    bench.start();
    bench.wait_for([&] { return bench.slow_reads_ > 0; });
    bench.engine->add({Instance{.key = db(2)}});
    std::this_thread::sleep_for(std::chrono::milliseconds(1200));
    bench.hold(false);
    bench.wait_for([&] { return bench.looks_[db(2)] > 0; });
    CHECK(bench.engine->figures().late_probes > 0);
  }

  TEST_CASE("what a command has read is known at once, though the next poll is an hour away") {
    EngineBench bench;
    bench.settings.master_poll = bench.settings.poll = std::chrono::hours(1);
    bench.start();
    bench.wait_for([&] { return bench.looks_[db(2)] > 0 && bench.looks_[db(3)] > 0; });
    const SteadyPoint since = std::chrono::steady_clock::now();
    bench.servers.set(db(2), [](Instance& master) {
      master = test::writable(test::mysql(2, test::gtids("1-9")));
      master.replicas = {db(1), db(3)};
    });
    for (const int number : {1, 3}) {
      bench.servers.set(db(number), [&](Instance& replica) {
        replica = test::following(test::mysql(number, test::gtids("1-9")), 2);
        replica.replication_depth = 1;
      });
    }
    bench.engine->learn(std::vector{bench.read(db(1)), bench.read(db(2)), bench.read(db(3))},
                        since);
    bench.wait_for([&] { return bench.other_ends_.contains(db(2)); });
    bench.servers.set(db(1), [](Instance& replica) { replica = test::cut_off(replica); });
    bench.kill(db(2));
    bench.wait_for([&] { return bench.recovers(db(2)); });
    const MutexLock lock(bench.mutex_);
    for (const auto& [key, code] : bench.acts_)
      CHECK(key == db(2));
  }

  TEST_CASE("a read that began before a command's change does not bring the old state back") {
    EngineBench bench;
    bench.start();
    bench.wait_for([&] { return bench.looks_[db(3)] > 0; });
    bench.slow_down(db(3));
    bench.wait_for([&] { return bench.slow_reads_ > 0; });
    bench.servers.set(db(3), [](Instance& replica) { replica.server.read_only = false; });
    bench.engine->learn(std::vector{bench.read(db(3))}, std::chrono::steady_clock::now());
    bench.mutex_.lock();
    bench.kept_.clear();
    bench.looks_.clear();
    bench.mutex_.unlock();
    bench.hold(false);
    bench.wait_for([&] { return bench.looks_[db(3)] > 1; });
    const MutexLock lock(bench.mutex_);
    for (const Observation& seen : bench.kept_) {
      if (seen.instance.key == db(3)) CHECK_FALSE(seen.instance.server.read_only);
    }
  }

  TEST_CASE("a long look-around does not cover up what was read meanwhile") {
    EngineBench bench;
    bench.start();
    bench.wait_for([&] { return bench.looks_[db(3)] > 0; });
    const SteadyPoint since = std::chrono::steady_clock::now();
    const Observation early = bench.read(db(3));
    bench.servers.set(db(3), [](Instance& replica) { replica.server.read_only = false; });
    bench.wait_for(
        [&, before = bench.looks_at(db(3))] { return bench.looks_[db(3)] > before + 1; });
    bench.mutex_.lock();
    bench.kept_.clear();
    bench.mutex_.unlock();
    bench.engine->learn(std::vector{early}, since);
    bench.wait_for([&, before = bench.looks_at(db(3))] { return bench.looks_[db(3)] > before; });
    const MutexLock lock(bench.mutex_);
    for (const Observation& seen : bench.kept_) {
      if (seen.instance.key == db(3)) CHECK_FALSE(seen.instance.server.read_only);
    }
  }

  TEST_CASE(
      "another node is told whether a server was reached just now, and what is not known is not") {
    EngineBench bench;
    bench.settings.master_poll = bench.settings.poll = std::chrono::hours(1);
    bench.start();
    CHECK(vote_of(bench.engine->opinion_on(db(4))) == Vote::Silent);
    const auto says = [&](Vote vote) {
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
      while (vote_of(bench.engine->opinion_on(db(3))) != vote) {
        REQUIRE(std::chrono::steady_clock::now() < deadline);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    };
    says(Vote::Alive);
    bench.servers.kill(db(3));  // nobody would look for an hour, but for the question
    says(Vote::Dead);
    bench.leadership.lead(std::nullopt);
    says(Vote::Silent);
  }

  TEST_CASE("a look is not one without an answer before it has lasted longer than such looks do") {
    EngineBench bench;
    bench.settings.master_poll = bench.settings.poll = std::chrono::hours(1);
    bench.start();
    bench.wait_for([&] { return bench.looks_[db(3)] > 0; });
    const auto vote = [&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      return vote_of(bench.engine->opinion_on(db(3)));
    };
    std::this_thread::sleep_for(std::chrono::milliseconds(100));  // no look runs any more
    const int before = bench.looks_at(db(3));
    bench.slow_down(db(3));
    CHECK(vote() == Vote::Alive);  // asked once, it looks once
    std::this_thread::sleep_for(std::chrono::milliseconds(1200));
    bench.hold(false);
    bench.wait_for([&] { return bench.looks_[db(3)] > before; });
    bench.slow_down(db(3));
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(1500);
    while (std::chrono::steady_clock::now() < until)
      CHECK(vote() != Vote::Dead);
    while (vote() != Vote::Dead) {
    }
  }

  TEST_CASE("a server that must not take writes is shown to whoever looks after it") {
    EngineBench bench;
    Marks marks;
    marks.quarantined = {db(2)};
    std::atomic<int> shown{0};
    bench.start();
    bench.engine.reset();
    EngineDoors doors;
    doors.act = [](const Analysis&, SteadyPoint) {
    };
    doors.look_after = [&](const Instance& seen) {
      if (seen.key == db(2)) ++shown;
      bench.changed_.notify_all();
    };
    bench.engine = std::make_unique<Engine>(bench.settings, std::move(doors), bench.servers,
                                            bench.leadership, bench.clock);
    bench.engine->set_marks(marks, {});
    bench.engine->add({Instance{.key = db(1), .cluster_name = "db1:3306"}});
    bench.wait_for([&] { return shown > 0; });
  }
}

}  // namespace orch
