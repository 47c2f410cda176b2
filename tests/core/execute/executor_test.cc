#include "core/execute/executor.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "core/plan/refactor/relocate.h"
#include "core/plan/refactor/switches.h"
#include "core/plan/refactor/take_source.h"
#include "tests/support/fake_servers.h"
#include "tests/support/topology_builder.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

struct Bench {
  FakeServers servers{};
  FakeLocks locks{};
  StepObserver observer{};
  std::chrono::milliseconds waited{0};
  std::function<void()> on_pause{};

  Bench() {
    servers.add(writable(mysql(1, gtids("1-100"))));
    servers.add(following(mysql(2, gtids("1-100")), 1));
    servers.add(following(mysql(3, gtids("1-100")), 1));
    servers.add(following(mysql(4, gtids("1-100")), 2));
  }

  ExecutorSettings settings() {
    ExecutorSettings made;
    made.width = 1;
    made.pace.now = [this] {
      return SteadyPoint(waited);
    };
    made.pace.pause = [this](std::chrono::milliseconds time) {
      waited += time;
      if (on_pause) on_pause();
      return true;
    };
    return made;
  }

  Outcome run(const Planner& planner, int leadership_answers = -1) {
    const FakeLeadership leadership(leadership_answers);
    Executor executor(servers, leadership, locks, observer, settings());
    return executor.run(planner, servers.records(), RunScope{servers.keys(), "test", true});
  }
};

/// As MySQL with a part of a transaction, the rest of which never comes: its applier stops after a
/// minute.
class CutOffServers final : public ForwardingServers {
 public:
  CutOffServers(Servers& inner, Bench& bench) : ForwardingServers(inner), bench_(bench) {}

  Result<> apply(const Instance& as_probed, const Change& change, SteadyPoint deadline) override {
    const auto* stop = std::get_if<StopReplication>(&change);
    if (stop != nullptr && stop->threads != ReplicationThreads::Receiver) {
      const std::chrono::seconds takes(61);
      if (deadline < SteadyPoint(bench_.waited) + takes) {
        return fail(ErrorKind::Unreachable, "no answer in time");
      }
      bench_.waited += takes;
    }
    return ForwardingServers::apply(as_probed, change, deadline);
  }

 private:
  Bench& bench_;
};

/// Notes who is probed, and until when.
class NotingServers : public ForwardingServers {
 public:
  using ForwardingServers::ForwardingServers;

  Observation probe(const InstanceKey& key, SteadyPoint deadline) override {
    {
      const MutexLock lock(mutex_);
      probes_.emplace_back(key, deadline);
    }
    return ForwardingServers::probe(key, deadline);
  }
  [[nodiscard]] std::vector<SteadyPoint> probes_of(const InstanceKey& key) {
    const MutexLock lock(mutex_);
    std::vector<SteadyPoint> deadlines;
    for (const auto& [asked, deadline] : probes_) {
      if (asked == key) deadlines.push_back(deadline);
    }
    return deadlines;
  }

 private:
  Mutex mutex_;
  std::vector<std::pair<InstanceKey, SteadyPoint>> probes_;
};

/// A receiver that runs is seen connecting so many times.
class SlowToConnect final : public NotingServers {
 public:
  SlowToConnect(FakeServers& servers, int times) : NotingServers(servers), times_(times) {}

  Observation probe(const InstanceKey& key, SteadyPoint deadline) override {
    Observation seen = NotingServers::probe(key, deadline);
    ThreadState& receiver = seen.instance.replication.io_state;
    if (receiver == ThreadState::Running && times_-- > 0) receiver = ThreadState::Other;
    return seen;
  }

 private:
  int times_;
};

/// Can be read only while there is time.
class Punctual final : public NotingServers {
 public:
  explicit Punctual(Bench& bench) : NotingServers(bench.servers), bench_(bench) {}

  Observation probe(const InstanceKey& key, SteadyPoint deadline) override {
    if (SteadyPoint(bench_.waited) < deadline) return NotingServers::probe(key, deadline);
    Observation seen;
    seen.asked = key;
    seen.error = Error{ErrorKind::Unreachable, "no answer in time"};
    return seen;
  }

 private:
  Bench& bench_;
};

std::string message(const Outcome& outcome) {
  return outcome.error ? outcome.error->message : "no error";
}

}  // namespace

TEST_SUITE("core/execute/executor") {
  TEST_CASE("a transaction that was cut off holds a MySQL applier up, and fails no move") {
    Bench bench;
    CutOffServers servers(bench.servers, bench);
    const FakeLeadership leadership;
    Executor executor(servers, leadership, bench.locks, bench.observer, bench.settings());
    const Outcome outcome = executor.run(relocate(db(4), db(1), Policy{}), bench.servers.records(),
                                         RunScope{bench.servers.keys(), "test", true});
    REQUIRE_MESSAGE(!outcome.error, outcome.error->message);
    CHECK(bench.servers.at(db(4)).replication.source == db(1));
  }

  TEST_CASE("relocate moves a replica by GTID and starts it again") {
    Bench bench;
    const Outcome outcome = bench.run(relocate(db(3), db(2), {}));
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.account.moved == std::vector<InstanceKey>{db(3)});
    CHECK(bench.servers.at(db(3)).replication.source == db(2));
    CHECK(replica_running(bench.servers.at(db(3))));
  }

  TEST_CASE("a replica that was stopped on purpose stays stopped after its move (REF-2)") {
    Bench bench;
    bench.servers.set(db(3), [](Instance& i) {
      i.replication.io_state = i.replication.sql_state = ThreadState::Stopped;
    });
    REQUIRE_FALSE(bench.run(move_gtid(db(3), db(2), {})).error);
    CHECK(bench.servers.at(db(3)).replication.source == db(2));
    CHECK(replication_threads_stopped(bench.servers.at(db(3))));
  }

  TEST_CASE("a locked server is not touched (REF-2)") {
    Bench bench;
    bench.locks.taken_by_others.insert(db(3));
    const Outcome outcome = bench.run(relocate(db(3), db(2), {}));
    CHECK(message(outcome).find("Cannot begin maintenance") != std::string::npos);
    CHECK(bench.servers.changes().empty());
  }

  TEST_CASE("nothing is moved below what another operation moves: together they made a circle") {
    Bench bench;
    bench.locks.taken_by_others = {db(3)};
    CHECK(message(bench.run(relocate(db(2), db(3), {})))
              .find("another operation is at work on db3:3306") != std::string::npos);
    CHECK(bench.servers.at(db(2)).replication.source == db(1));
    CHECK(runs(bench.servers.at(db(2)).replication.io_state));
    bench.locks.taken_by_others = {db(2)};  // above the destination
    CHECK(message(bench.run(relocate(db(3), db(4), {}))).find("at work on db2:3306") !=
          std::string::npos);
    CHECK(bench.servers.at(db(3)).replication.source == db(1));
  }

  TEST_CASE("who works on a destination for a moment only is waited for") {
    Bench bench;
    bench.locks.taken_by_others = {db(1)};
    bench.on_pause = [&] {
      bench.locks.taken_by_others.clear();
    };
    CHECK_FALSE(bench.run(relocate(db(4), db(1), {})).error);
    CHECK(bench.servers.at(db(4)).replication.source == db(1));
  }

  TEST_CASE("those above a destination are looked at once for all that go there") {
    Bench bench;
    for (const int number : {5, 6, 7})
      bench.servers.add(following(mysql(number, gtids("1-100")), 2));
    CHECK_FALSE(bench.run(relocate_replicas(db(2), db(3), {}, {})).error);
    CHECK(bench.locks.asked == 2);  // db3 and db1
  }

  TEST_CASE("nothing is moved below what has come to be below it since it was read") {
    Bench bench;
    const Planner planner = relocate(db(2), db(3), {});
    const Planner late = [&](const Progress& so_far, const Topology& fresh) {
      Decision next = planner(so_far, fresh);
      const Run* run = std::get_if<Run>(&next);
      const bool points = run != nullptr && std::ranges::any_of(run->steps, [](const Step& step) {
                            return is_change<PointTo>(step.action);
                          });
      if (points) {
        bench.servers.set(db(3), [](Instance& it) { it.replication.source = db(4); });
      }
      return next;
    };
    CHECK(message(bench.run(late)).find("db3:3306 has come to be below db2:3306") !=
          std::string::npos);
    CHECK(bench.servers.at(db(2)).replication.source == db(1));
  }

  TEST_CASE("a failed move gives the replica its threads back") {
    Bench bench;
    bench.servers.refuse(db(3), Change{PointTo{}}.index(), 1);
    const Outcome outcome = bench.run(relocate(db(3), db(2), {}));
    CHECK(message(outcome) == "db3:3306: the server said no");
    CHECK(replica_running(bench.servers.at(db(3))));
    CHECK(outcome.left.empty());
  }

  TEST_CASE("a replica that its new source does not let replicate goes back") {
    Bench bench;
    bench.servers.purge_all(db(2));
    bench.servers.set(db(4), [](Instance& i) { i.replication.source = db(1); });
    CHECK(message(bench.run(relocate(db(3), db(2), {}))).find("error 1236") != std::string::npos);
    CHECK(bench.servers.at(db(3)).replication.source == db(1));
    CHECK(replica_running(bench.servers.at(db(3))));
    const auto all = [](const Instance&) {
      return true;
    };
    CHECK(bench.run(relocate_replicas(db(1), db(2), all, {})).error);
    for (const int number : {3, 4}) {
      CHECK(bench.servers.at(db(number)).replication.source == db(1));
      CHECK(replica_running(bench.servers.at(db(number))));
    }
    // One that cannot go back is left where it was brought.
    bench.servers.kill(db(1));
    CHECK(bench.run(relocate(db(3), db(2), {})).error);
    CHECK(bench.servers.at(db(3)).replication.source == db(2));
  }

  TEST_CASE(
      "a replica is told of its source by the written name, and a refused one stops the move") {
    Bench bench;
    const FakeLeadership leadership;
    ExecutorSettings settings = bench.settings();
    std::vector<InstanceKey> asked;
    bool known = true;
    settings.written_name = [&](const InstanceKey& source, SteadyPoint) -> Result<std::string> {
      asked.push_back(source);
      if (!known) return fail(ErrorKind::Refused, "mismatch");
      return std::string("vip");
    };
    const auto move = [&](const Planner& planner) {
      Executor executor(bench.servers, leadership, bench.locks, bench.observer, settings);
      return executor.run(planner, bench.servers.records(),
                          RunScope{bench.servers.keys(), "test", true});
    };
    CHECK_FALSE(move(relocate(db(3), db(2), {})).error);
    CHECK(asked == std::vector{db(2)});
    known = false;
    CHECK(message(move(relocate(db(3), db(1), {}))).find("mismatch") != std::string::npos);
    CHECK(bench.servers.at(db(3)).replication.source == db(2));
    CHECK(replica_running(bench.servers.at(db(3))));
    // Nobody is asked about one that is detached.
    asked.clear();
    CHECK_FALSE(move(detach(db(3), {})).error);
    CHECK(asked.empty());
  }

  TEST_CASE("a destination that lacks what the replica has is refused (REF-11)") {
    Bench bench;
    bench.servers.freeze_applier(db(2));
    bench.servers.set(db(2), [](Instance& i) { i.gtid.executed = gtids("1-90"); });
    const Outcome outcome = bench.run(move_gtid(db(3), db(2), {}));
    CHECK(message(outcome).find("10 transactions") != std::string::npos);
    CHECK(bench.servers.at(db(3)).replication.source == db(1));
    CHECK(replica_running(bench.servers.at(db(3))));
  }

  TEST_CASE("MariaDB: a destination that lacks a domain of the replica's is refused (REF-20)") {
    Bench bench;
    bench.servers.add(writable(mariadb(1, "0-1-100,1-1-5")));
    bench.servers.add(following(mariadb(2, "0-1-100"), 1));
    bench.servers.add(following(mariadb(3, "0-1-100,1-1-5"), 1));
    bench.servers.freeze_applier(db(2));
    CHECK(message(bench.run(move_gtid(db(3), db(2), {}))).find("1-1-5") != std::string::npos);
    CHECK(bench.servers.at(db(3)).replication.source == db(1));
    CHECK(replica_running(bench.servers.at(db(3))));
  }

  TEST_CASE(
      "MariaDB: one whose own transactions count, and its source lacks them, is not stopped") {
    for (const bool source_has_them : {false, true}) {
      Bench bench;
      for (const int number : {1, 2, 3}) {
        Instance server = mariadb(number, number == 3 ? "0-1-90,0-3-91" : "0-1-90");
        if (number > 1) server = following(std::move(server), 1);
        bench.servers.add(std::move(server));
      }
      bench.servers.set(db(3), [](Instance& i) {
        i.gtid.mariadb_current = true;
        i.gtid.mariadb_slave_pos = "0-1-90";
        i.gtid.mariadb_binlog_state = "0-1-90,0-3-91";
        i.gtid.mariadb_current_pos = "0-3-91";
      });
      if (source_has_them) {
        for (const int number : {1, 2})
          bench.servers.set(db(number), [](Instance& i) { i.gtid.mariadb_slave_pos = "0-3-91"; });
      }
      const std::string said = message(bench.run(relocate(db(3), db(2), {})));
      if (source_has_them) {
        CHECK(said == "no error");
        CHECK(bench.servers.at(db(3)).gtid.mariadb_current);
      } else {
        CHECK(said.find("of its own that its source lacks (0-3-91)") != std::string::npos);
        CHECK(bench.servers.changes().empty());
      }
    }
  }

  TEST_CASE("a server that dies in the middle of its move is an error (REF-3)") {
    struct Killer final : StepObserver {
      explicit Killer(FakeServers& them) : servers(them) {}
      void step_ended(const Step& step, const Error*, std::chrono::milliseconds) override {
        if (change_in<StopReplication>(step.action) != nullptr) servers.kill(step.server);
      }
      FakeServers& servers;
    };
    const Planner planners[] = {relocate(db(3), db(2), {}), take_source(db(4), {}),
                                stop_replication_nicely(db(3), {}), restart_replication(db(3), {})};
    for (const Planner& planner : planners) {
      Bench bench;
      Killer killer(bench.servers);
      const FakeLeadership leadership;
      Executor executor(bench.servers, leadership, bench.locks, killer, bench.settings());
      const Outcome outcome = executor.run(planner, bench.servers.records(),
                                           RunScope{bench.servers.keys(), "test", true});
      CHECK(outcome.error);
      CHECK(bench.locks.held.empty());
    }
  }

  TEST_CASE("every wait has a limit (REF-4)") {
    Bench bench;
    bench.servers.freeze_applier(db(2));
    bench.servers.set(db(2), [](Instance& i) { i.gtid.executed = gtids("1-90"); });
    (void)bench.run(move_gtid(db(3), db(2), {}));
    CHECK(bench.waited <= std::chrono::seconds(60));
  }

  TEST_CASE("a wait in vain tells what it waited for, not that its last look had no time") {
    Bench bench;
    Punctual punctual(bench);
    const FakeLeadership leadership;
    Executor executor(punctual, leadership, bench.locks, bench.observer, bench.settings());
    const Planner planner = [](const Progress& so_far, const Topology&) -> Decision {
      if (!so_far.steps.empty()) return GiveUp{so_far.steps.back().error.value_or(Error{}), {}};
      return Run{{Step{.server = db(2), .action = WaitFor{IsStopped{}}}}, {}};
    };
    const Outcome outcome = executor.run(planner, bench.servers.records(),
                                         RunScope{bench.servers.keys(), "test", false});
    CHECK(message(outcome) ==
          "db2:3306: waited 10s in vain: " + standing(IsStopped{}, bench.servers.at(db(2))).reason);
    bench.servers.kill(db(2));
    bench.waited = {};
    CHECK_FALSE(message(executor.run(planner, bench.servers.records(),
                                     RunScope{bench.servers.keys(), "test", false}))
                    .ends_with(standing(IsStopped{}, bench.servers.at(db(2))).reason));
  }

  TEST_CASE("relocations that cannot be are refused with the contract's texts") {
    Bench bench;
    CHECK(message(bench.run(relocate(db(2), db(4), {}))) ==
          "relocate: db4:3306 is a descendant of db2:3306");
    CHECK(message(bench.run(relocate(db(9), db(4), {}))) == "Error reading db9:3306");
    CHECK(message(bench.run(relocate(db(1), db(4), {}))) == "instance is not a replica: db1:3306");
    bench.servers.set(db(3), [](Instance& i) { i.gtid.uses_oracle = false; });
    CHECK(message(bench.run(relocate(db(3), db(4), {}))) ==
          "Relocating db3:3306 below db4:3306 turns to be too complex; please do it manually");
    CHECK(message(bench.run(move_gtid(db(3), db(2), {}))) ==
          "Instances db3:3306, db2:3306 not GTID compatible or not using GTID");
    bench.servers.set(db(3), [](Instance& i) { i.replication.channels = 2; });
    CHECK(message(bench.run(relocate(db(3), db(2), {}))).find("2 sources") != std::string::npos);
  }

  TEST_CASE("purged transactions that the replica lacks forbid a GTID move") {
    Bench bench;
    bench.servers.set(db(2), [](Instance& i) { i.gtid.purged = gtids("1-5", 7); });
    CHECK(message(bench.run(move_gtid(db(3), db(2), {}))) ==
          "Instance db2:3306 has purged GTID entries not found on db3:3306: " + gtids("1-5", 7));
  }

  TEST_CASE("take-siblings, relocate-replicas and take-master end where they should") {
    Bench bench;
    REQUIRE_FALSE(bench.run(take_siblings(db(2), {})).error);
    CHECK(bench.servers.at(db(3)).replication.source == db(2));
    const Outcome up = bench.run(relocate_replicas(db(2), db(1), {}, {}));
    REQUIRE_FALSE(up.error);
    CHECK(up.account.moved == std::vector<InstanceKey>{db(3), db(4)});
    REQUIRE_FALSE(bench.run(relocate(db(4), db(2), {})).error);
    const Outcome taken = bench.run(take_source(db(4), {}));
    REQUIRE_MESSAGE(!taken.error, message(taken));
    CHECK(bench.servers.at(db(4)).replication.source == db(1));
    CHECK(bench.servers.at(db(2)).replication.source == db(4));
    CHECK(replica_running(bench.servers.at(db(2))));
    CHECK(replica_running(bench.servers.at(db(4))));
  }

  TEST_CASE("take-master changes no server that somebody else has locked, and says so (REF-13)") {
    for (const int taken : {2, 4}) {
      Bench bench;
      bench.locks.taken_by_others.insert(db(taken));
      const Outcome outcome = bench.run(take_source(db(4), {}));
      CHECK_MESSAGE(message(outcome).find("Cannot begin maintenance") != std::string::npos,
                    message(outcome));
      CHECK(bench.servers.at(db(4)).replication.source == db(2));
      CHECK(bench.servers.at(db(2)).replication.source == db(1));
      for (const int number : {2, 4})
        CHECK(replica_running(bench.servers.at(db(number))));
    }
  }

  TEST_CASE("of replicas that move together those that fail hide no other (REF-15)") {
    Bench bench;
    bench.servers.add(following(mysql(5, gtids("1-100")), 1));
    bench.servers.refuse(db(5), Change{PointTo{}}.index(), 5);
    const Outcome outcome = bench.run(relocate_replicas(db(1), db(2), {}, {}));
    CHECK(message(outcome) == "no error");
    CHECK(outcome.account.moved == std::vector<InstanceKey>{db(3)});
    REQUIRE(outcome.account.lost.size() == 1);
    CHECK(outcome.account.lost.front().key == db(5));
  }

  TEST_CASE("a replica is started though its source is dead, semi-sync or not (REC-38)") {
    Bench bench;
    bench.servers.set(db(3), [](Instance& i) {
      i.semi_sync.priority = 1;
      i.replication.io_state = i.replication.sql_state = ThreadState::Stopped;
    });
    bench.servers.kill(db(1));
    (void)bench.run(start_replication(db(3), {}));
    CHECK(bench.servers.at(db(3)).semi_sync.replica_enabled);
    CHECK(bench.servers.at(db(3)).replication.sql_state == ThreadState::Running);
  }

  TEST_CASE("what a replica holds is not thrown away for a source that has just died") {
    Bench bench;
    bench.servers.set(db(3), [](Instance& i) {
      i.gtid.executed = gtids("1-90");
      i.replication.sql_delay = std::chrono::hours(1);
    });
    const Topology records = bench.servers.records();
    bench.servers.kill(db(1));
    const FakeLeadership leadership;
    Executor executor(bench.servers, leadership, bench.locks, bench.observer, bench.settings());
    const Outcome outcome =
        executor.run(detach(db(3), {}), records, {.probe = {db(3)}, .sources = true});
    CHECK(message(outcome).find("would lose what it has received") != std::string::npos);
    CHECK(bench.servers.changes().empty());
  }

  TEST_CASE("detach and reattach are each other's inverse") {
    Bench bench;
    REQUIRE_FALSE(bench.run(detach(db(3), {})).error);
    CHECK(bench.servers.at(db(3)).replication.source == detached(db(1)));
    CHECK(message(bench.run(detach(db(3), {}))) == "instance already detached: db3:3306");
    REQUIRE_FALSE(bench.run(reattach(db(3), {})).error);
    CHECK(bench.servers.at(db(3)).replication.source == db(1));
    CHECK(message(bench.run(reattach(db(3), {}))) ==
          "instance does not seem to be detached: db3:3306");
  }

  TEST_CASE("switches do what they say, and refuse what is no replica") {
    Bench bench;
    REQUIRE_FALSE(bench.run(stop_replication(db(3), {})).error);
    CHECK(replication_threads_stopped(bench.servers.at(db(3))));
    REQUIRE_FALSE(bench.run(start_replication(db(3), {})).error);
    CHECK(replica_running(bench.servers.at(db(3))));
    REQUIRE_FALSE(bench.run(reset_replication(db(3), {})).error);
    CHECK_FALSE(is_replica(bench.servers.at(db(3))));
    REQUIRE_FALSE(bench.run(set_read_only(db(3), false, {})).error);
    CHECK_FALSE(bench.servers.at(db(3)).server.read_only);
    CHECK(message(bench.run(start_replication(db(1), {}))) ==
          "instance is not a replica: db1:3306");
  }

  TEST_CASE("a node that leads no more changes nothing more") {
    Bench bench;
    const Outcome never = bench.run(relocate(db(3), db(2), {}), 0);
    CHECK(message(never) == "this node does not lead");
    const Outcome outcome = bench.run(relocate(db(3), db(2), {}), 2);
    CHECK(message(outcome) == "this node does not lead any more");
    CHECK(bench.servers.changes().size() == 1);
    CHECK(bench.locks.held.empty());
    REQUIRE(outcome.left.size() == 1);
    CHECK(outcome.left.front() == "db3:3306 is left with replication stopped");
  }

  TEST_CASE("one that hangs costs a short second look and its fence, and no third look") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    servers.add(following(mysql(2, gtids("1-100")), 1));
    servers.kill(db(1));
    NotingServers noting(servers);
    const FakeLeadership leadership;
    FakeLocks locks;
    StepObserver observer;
    ExecutorSettings settings;
    settings.pace.now = [] {
      return SteadyPoint{};
    };
    settings.second_look_limit = std::chrono::milliseconds(300);
    const Planner planner = [](const Progress& so_far, const Topology& fresh) -> Decision {
      CHECK_FALSE(answers(*fresh.find(db(1))));
      if (!so_far.steps.empty()) return Done{};
      // A look with a limit takes no longer, also at one that answered.
      return Run{
          {Step{.server = db(1), .action = Fence{}},
           Step{.server = db(2), .action = Reprobe{}, .limit = std::chrono::milliseconds(500)}},
          {}};
    };
    RunScope scope{servers.keys(), "test", false};
    scope.suspect = db(1);
    Executor executor(noting, leadership, locks, observer, settings);
    const Outcome outcome = executor.run(planner, servers.records(), scope);
    CHECK_FALSE(outcome.error);
    CHECK(noting.probes_of(db(1)) ==
          std::vector<SteadyPoint>{SteadyPoint(std::chrono::milliseconds(300))});
    REQUIRE(noting.probes_of(db(2)).size() == 2);
    CHECK(noting.probes_of(db(2)).back() == SteadyPoint(std::chrono::milliseconds(500)));
  }

  TEST_CASE("a receiver that was just started gets a moment to connect before it is told of") {
    const auto told_after = [](int times) {
      Bench bench;
      SlowToConnect slow(bench.servers, times);
      const FakeLeadership leadership;
      Executor executor(slow, leadership, bench.locks, bench.observer, bench.settings());
      // Reattaching waits for nothing: the source may be dead.
      REQUIRE_FALSE(bench.run(detach(db(3), {})).error);
      const Outcome outcome = executor.run(reattach(db(3), {}), bench.servers.records(),
                                           RunScope{{db(3)}, "test", true});
      REQUIRE_FALSE(outcome.error);
      CHECK(outcome.topology.find(db(3))->replication.io_state == ThreadState::Other);
      const Topology settled = executor.settled(outcome);
      CHECK(bench.waited <= std::chrono::milliseconds(1500));
      return settled.find(db(3))->replication.io_state;
    };
    CHECK(told_after(4) == ThreadState::Running);
    CHECK(told_after(1000) == ThreadState::Other);
  }

  TEST_CASE("one that was made read-only and falls silent is said to have been") {
    const auto told_of = [](const std::function<void(FakeServers&)>& fail_it) {
      FakeServers servers;
      servers.add(writable(mysql(1, gtids("1-100"))));
      const Planner planner = [&](const Progress& so_far, const Topology&) -> Decision {
        if (so_far.steps.size() == 1) fail_it(servers);
        if (so_far.steps.size() == 2) return GiveUp{Error{ErrorKind::Refused, "no"}, {}};
        const Action action =
            so_far.steps.empty() ? Action{Change{SetReadOnly{true}}} : Action{Reprobe{}};
        return Run{{Step{.server = db(1), .action = action}}, {}};
      };
      const FakeLeadership leadership;
      FakeLocks locks;
      StepObserver observer;
      Executor executor(servers, leadership, locks, observer, {});
      return executor.run(planner, servers.records(), {servers.keys(), "test", false}).left;
    };
    CHECK(told_of([](FakeServers& servers) { servers.kill(db(1)); }) ==
          std::vector<std::string>{"db1:3306 does not answer: it was made read-only before that, "
                                   "and stays so until somebody makes it writable"});
    CHECK(told_of([](FakeServers&) {}) == std::vector<std::string>{"db1:3306 is left read-only"});
  }
}
