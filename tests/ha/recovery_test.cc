#include "ha/recovery.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <future>

#include "storage/downtime_store.h"
#include "storage/kv_store.h"
#include "storage/quarantine_store.h"
#include "tests/ha/recovery_fixture.h"
#include "tests/support/fake_consul.h"

namespace orch::ha {

namespace {

using test::db;

struct Dead : RecoveryFixture {
  Dead() { servers.kill(db(1)); }
};

/// Exactly one takes writes, the others follow it, and nothing is left behind.
void check_healed(RecoveryFixture& world, const InstanceKey& old_master, bool old_one_lives) {
  const std::vector<InstanceKey> writable = world.servers.writable();
  REQUIRE(writable.size() == 1);
  CHECK(writable.front() != old_master);
  for (const InstanceKey& key : {db(1), db(2), db(3)}) {
    if (key == writable.front() || (key == old_master && !old_one_lives)) continue;
    const Instance server = world.servers.at(key);
    CHECK(server.replication.source == writable.front());
    CHECK(replica_running(server));
  }
  CHECK(world.journal().list_unfinished()->empty());
  CHECK(world.value("select count(*) from database_instance_maintenance "
                    "where maintenance_active = 1") == "0");
  CHECK(world.value("select count(*) from topology_recovery where end_recovery is null") == "0");
}

class HookLog {
 public:
  explicit HookLog(RecoveryFixture& world) {
    const auto path = std::filesystem::temp_directory_path() /
                      ("orch_recovery_test." + std::to_string(::getpid()));
    std::filesystem::remove(path);
    world.log_file = path.string();
    file_ = world.log_file;
    RecoverySettings& settings = world.config.recovery;
    settings.processes_shell_command = "sh";  // starts sooner than bash
    settings.on_failure_detection_processes = {world.logging("detection")};
    settings.pre_graceful_takeover_processes = {world.logging("pre-graceful")};
    settings.pre_failover_processes = {world.logging("pre-1"), world.logging("pre-2")};
    settings.post_master_failover_processes = {world.logging("post-master")};
    settings.post_failover_processes = {world.logging("post-1"), world.logging("post-2")};
    settings.post_unsuccessful_failover_processes = {world.logging("unsuccessful")};
    settings.post_graceful_takeover_processes = {world.logging("post-graceful")};
  }
  ~HookLog() { std::filesystem::remove(file_); }
  HookLog(const HookLog&) = delete;
  HookLog& operator=(const HookLog&) = delete;

  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> all;
    std::ifstream stream(file_);
    for (std::string line; std::getline(stream, line);)
      all.push_back(line);
    return all;
  }

 private:
  std::string file_;
};

}  // namespace

TEST_SUITE("ha/recovery") {
  TEST_CASE_FIXTURE(Dead, "a dead master is replaced, and everything is kept") {
    const auto outcome = recover(process(), work(RecoveryKind::DeadMaster));
    REQUIRE_MESSAGE((outcome && !outcome->error), text_of(outcome));
    CHECK(outcome->notes.empty());
    check_healed(*this, db(1), false);
    const auto record = recoveries().find(outcome->id);
    REQUIRE((record && *record));
    CHECK((*record)->successful);
    CHECK((*record)->active);
    CHECK((*record)->ended.has_value());
    CHECK((*record)->successor == db(2));
    CHECK((*record)->participants.size() == 3);  // db1: a fence in vain
    CHECK(value("select cluster_name from database_instance where hostname = 'db3'") == "db2:3306");
    CHECK(value("select cluster_name from database_instance where hostname = 'db1'") == "db1:3306");
    CHECK(*clusters().alias_of("db2:3306") == "shop");
    CHECK(*storage::KvStore(database(), clock).find("mysql/master/shop") == "db2:3306");
    CHECK(*storage::KvStore(database(), clock).find("mysql/master/shop/port") == "3306");
    CHECK(value("select reason from database_instance_downtime where hostname = 'db1'") ==
          "lost-in-recovery");
    const auto listed = storage::QuarantineStore(database(), clock).find(db(1));
    REQUIRE((listed && *listed));
    CHECK((*listed)->server_uuid == test::uuid(1));
    CHECK((*listed)->successor == db(2));
    CHECK(notebook.holds("recover-dead-master db1:3306"));
    CHECK_FALSE(recoveries().list_steps(outcome->uid)->empty());
    const auto steps = journal().list(outcome->uid);
    REQUIRE(steps);
    CHECK(std::all_of(steps->begin(), steps->end(), [](const storage::JournalEntry& entry) {
      const bool fence_of_the_dead = entry.server == db(1);
      return (entry.state == storage::JournalState::Done) != fence_of_the_dead;
    }));
    CHECK(std::count_if(steps->begin(), steps->end(), [](const storage::JournalEntry& entry) {
            return entry.point_of_no_return;
          }) == 1);
  }

  TEST_CASE_FIXTURE(RecoveryFixture, "who does not follow the new master is not in its cluster") {
    using namespace orch::test;  // NOLINT(google-build-using-namespace)
    const auto cluster_of = [&](const std::string& host) {
      return value("select cluster_name from database_instance where hostname = '" + host + "'");
    };
    servers.add(in_cluster(following(mysql(4, gtids("1-100")), 1), 1));
    save_records();
    servers.kill(db(4));
    bool lives = true;
    SUBCASE("the old one lives") {}
    SUBCASE("the old one is dead, too") {
      servers.kill(db(1));
      lives = false;
    }
    SUBCASE("the old one is dead, and was one of two that followed each other") {
      servers.set(db(1), [](Instance& i) { i.replication.source = db(2); });
      for (const int number : {1, 2})
        servers.set(db(number), [](Instance& i) { i.is_co_master = true; });
      save_records();
      servers.kill(db(1));
      lives = false;
    }
    const bool pair = servers.at(db(1)).is_co_master;
    const auto outcome =
        recover(process(), work(pair ? RecoveryKind::DeadCoMaster : RecoveryKind::DeadMaster));
    REQUIRE_MESSAGE((outcome && !outcome->error), text_of(outcome));
    CHECK(value("select is_co_master from database_instance where hostname = 'db1'") == "0");
    CHECK(servers.at(db(1)).server.read_only == lives);
    CHECK(cluster_of("db2") == "db2:3306");
    CHECK(cluster_of("db3") == "db2:3306");
    CHECK(cluster_of("db1") == "db1:3306");
    CHECK(cluster_of("db4") == "db1:3306");
  }

  TEST_CASE_FIXTURE(Dead, "a key-value store that hangs delays no replica's move (kv.md, 3.1)") {
    // Consul answers only once db3 has been moved below the new master.
    struct Watcher final : StepObserver {
      void step_ended(const Step& step, const Error* error, std::chrono::milliseconds) override {
        const bool moves = change_in<PointTo>(step.action) != nullptr;
        if (moves && step.server == db(3) && error == nullptr) moved.set_value();
      }
      std::promise<void> moved;
    } observer;
    const std::shared_future<void> moved(observer.moved.get_future());
    FakeConsul consul;
    consul.before([&](const std::string&) {
      moved.wait_for(KvStores::kRecoveryLimit * 2);
      return std::string();
    });
    config.kv.consul_address = consul.address();
    const auto outcome = recover(process(observer), work(RecoveryKind::DeadMaster));
    REQUIRE_MESSAGE((outcome && !outcome->error), text_of(outcome));
    CHECK(outcome->notes.empty());
    CHECK(consul.values()["dc1/mysql/master/shop"] == "db2:3306");
    CHECK(consul.values().size() == 5);
  }

  TEST_CASE_FIXTURE(Dead, "a key-value store that refuses is noted, and the recovery succeeds") {
    FakeConsul consul;
    consul.before([](const std::string&) { return http_answer(500, "no leader"); });
    config.kv.consul_address = consul.address();
    const auto outcome = recover(process(), work(RecoveryKind::DeadMaster));
    REQUIRE_MESSAGE((outcome && !outcome->error), text_of(outcome));
    REQUIRE(outcome->notes.size() == 1);
    CHECK(outcome->notes[0].find("no leader") != std::string::npos);
    CHECK(*storage::KvStore(database(), clock).find("mysql/master/shop") == "db2:3306");
  }

  TEST_CASE_FIXTURE(Dead, "hooks run in the contract's order, with what is known by then") {
    const HookLog log(*this);
    REQUIRE(recover(process(), work(RecoveryKind::DeadMaster)));
    CHECK(log.lines() ==
          std::vector<std::string>{"detection db1 {successorHost}", "pre-1 db1 {successorHost}",
                                   "pre-2 db1 {successorHost}", "post-master db1 db2",
                                   "post-1 db1 db2", "post-2 db1 db2"});
  }

  TEST_CASE_FIXTURE(RecoveryFixture, "a takeover's hooks run in the contract's order") {
    const HookLog log(*this);
    RecoveryWork takeover = work(RecoveryKind::GracefulTakeover);
    takeover.designated = db(2);
    const auto outcome = recover(process(), takeover);
    REQUIRE_MESSAGE((outcome && !outcome->error), text_of(outcome));
    check_healed(*this, db(1), true);
    CHECK(log.lines() ==
          std::vector<std::string>{"pre-graceful db1 db2", "detection db1 {successorHost}",
                                   "pre-1 db1 {successorHost}", "pre-2 db1 {successorHost}",
                                   "post-master db1 db2", "post-1 db1 db2", "post-2 db1 db2",
                                   "post-graceful db1 db2"});
    CHECK_FALSE(*storage::QuarantineStore(database(), clock).find(db(1)));
    const auto record = recoveries().find(outcome->id);
    CHECK_FALSE((*record)->active);  // what was planned blocks no failover
  }

  TEST_CASE_FIXTURE(RecoveryFixture, "whom a hook has kept from taking over is no successor") {
    const HookLog log(*this);
    config.recovery.pre_graceful_takeover_processes = {"exit 1"};
    REQUIRE(recover(process(), work(RecoveryKind::GracefulTakeover))->error);
    CHECK(log.lines() == std::vector<std::string>{"unsuccessful db1 {successorHost}"});
  }

  TEST_CASE_FIXTURE(Dead, "without hooks none runs") {
    const HookLog log(*this);
    RecoveryWork quiet = work(RecoveryKind::DeadMaster);
    quiet.hooks = false;
    REQUIRE(recover(process(), quiet));
    check_healed(*this, db(1), false);
    CHECK(log.lines().empty());
  }

  TEST_CASE_FIXTURE(Dead, "whoever was promoted is in no downtime, hooks or not (REC-10)") {
    REQUIRE(
        storage::DowntimeStore(database(), clock)
            .begin(
                {.key = db(2), .owner = "me", .reason = "r", .duration = std::chrono::hours(1)}));
    RecoveryWork quiet = work(RecoveryKind::DeadMaster);
    quiet.hooks = false;
    quiet.designated = db(2);
    const auto outcome = recover(process(), quiet);
    REQUIRE_MESSAGE((outcome && !outcome->error), text_of(outcome));
    CHECK(servers.writable() == std::vector<InstanceKey>{db(2)});
    CHECK(value("select count(*) from database_instance_downtime where hostname = 'db2'") == "0");
  }

  TEST_CASE_FIXTURE(RecoveryFixture, "the old master of a takeover is in no downtime (REC-40)") {
    const auto outcome = recover(process(), work(RecoveryKind::GracefulTakeover));
    REQUIRE_MESSAGE((outcome && !outcome->error), text_of(outcome));
    check_healed(*this, db(1), true);
    CHECK(value("select count(*) from database_instance_downtime") == "0");
  }

  TEST_CASE_FIXTURE(Dead, "a move that fails after the promotion is on record (REC-19, REC-50)") {
    servers.refuse(db(3), Change{PointTo{}}.index(), 5);
    const auto outcome = recover(process(), work(RecoveryKind::DeadMaster));
    REQUIRE_MESSAGE((outcome && !outcome->error), text_of(outcome));
    const auto record = recoveries().find(outcome->id);
    REQUIRE((record && *record));
    CHECK((*record)->successful);
    CHECK((*record)->lost_replicas == std::vector<InstanceKey>{db(3)});
    CHECK(value("select reason from database_instance_downtime where hostname = 'db3'") ==
          "lost-in-recovery");
    const auto told = recoveries().list_steps(outcome->uid);
    REQUIRE(told);
    const auto tells = [&](const std::string& part) {
      return std::any_of(told->begin(), told->end(), [&](const auto& step) {
        return step.message.find(part) != std::string::npos;
      });
    };
    CHECK(tells("left behind: db3:3306: "));
    CHECK(tells("db3:3306 is not detached from db1:3306: "));
  }

  TEST_CASE_FIXTURE(Dead,
                    "a pre-hook that says no stops the recovery and frees the cluster (REC-4)") {
    const HookLog log(*this);
    config.recovery.pre_failover_processes[0].command += "; echo not today; exit 7";
    const auto outcome = recover(process(), work(RecoveryKind::DeadMaster));
    REQUIRE(outcome);
    CHECK(text_of(outcome) == "PreFailoverProcesses 1 of 2 failed: exit status 7: not today");
    CHECK(servers.changes().empty());
    CHECK(log.lines().back() == "unsuccessful db1 {successorHost}");
    const auto record = recoveries().find(outcome->id);
    CHECK_FALSE((*record)->successful);
    CHECK_FALSE((*record)->active);
    CHECK((*record)->ended.has_value());
    CHECK((*record)->errors.size() == 1);
    CHECK(value("select count(*) from database_instance_downtime") == "0");  // REC-22
    CHECK(storage::QuarantineStore(database(), clock).list()->empty());
    config.recovery.pre_failover_processes.clear();
    REQUIRE(recover(process(), work(RecoveryKind::DeadMaster)));
    check_healed(*this, db(1), false);
  }

  TEST_CASE_FIXTURE(Dead, "a detection hook that says no is asked again the next time (REC-9)") {
    config.recovery.on_failure_detection_processes = {"exit 1"};
    CHECK_FALSE(recover(process(), work(RecoveryKind::DeadMaster)));
    CHECK_FALSE(recover(process(), work(RecoveryKind::DeadMaster)));
    CHECK(servers.changes().empty());
    config.recovery.on_failure_detection_processes = {"exit 0"};
    REQUIRE(recover(process(), work(RecoveryKind::DeadMaster)));
    check_healed(*this, db(1), false);
  }

  TEST_CASE_FIXTURE(Dead, "a failover that nobody can take is on record, and blocks nothing") {
    const HookLog log(*this);
    servers.kill(db(2));
    servers.kill(db(3));
    const auto outcome = recover(process(), work(RecoveryKind::DeadMaster));
    REQUIRE((outcome && outcome->error));
    CHECK(log.lines() == std::vector<std::string>{"detection db1 {successorHost}",
                                                  "unsuccessful db1 {successorHost}"});
    CHECK_FALSE((*recoveries().find(outcome->id))->active);
    servers.revive(db(2));
    servers.revive(db(3));
    REQUIRE(recover(process(), work(RecoveryKind::DeadMaster)));
    check_healed(*this, db(1), false);
  }

  TEST_CASE_FIXTURE(Dead, "the master of another cluster is no successor") {
    Instance stranger = in_cluster(test::writable(test::mysql(9, test::gtids("1-5", 9))), 0);
    stranger.cluster_name = "db9:3306";
    servers.add(stranger);
    save_records();
    RecoveryWork wish = work(RecoveryKind::DeadMaster);
    wish.designated = db(9);
    const auto outcome = recover(process(), wish);
    REQUIRE((outcome && outcome->error));
    CHECK(servers.changes().empty());
    CHECK(recoveries().list("", 0)->empty());
  }

  TEST_CASE_FIXTURE(RecoveryFixture, "a takeover that is refused leaves no trace") {
    const HookLog log(*this);
    RecoveryWork takeover = work(RecoveryKind::GracefulTakeover);
    takeover.designated = db(9);
    const auto outcome = recover(process(), takeover);
    REQUIRE((outcome && outcome->error));
    CHECK(log.lines().empty());
    CHECK(outcome->id == 0);
    CHECK(recoveries().list("", 0)->empty());
    CHECK(servers.changes().empty());
  }

  TEST_CASE_FIXTURE(RecoveryFixture, "a takeover that fails is undone, and says so (REC-33)") {
    servers.refuse(db(2), Change{SetReadOnly{}}.index(), 5);
    RecoveryWork takeover = work(RecoveryKind::GracefulTakeover);
    takeover.designated = db(2);
    const auto outcome = recover(process(), takeover);
    REQUIRE((outcome && outcome->error));
    CHECK(servers.writable() == std::vector<InstanceKey>{db(1)});
    CHECK(std::find(outcome->notes.begin(), outcome->notes.end(),
                    "undone: db1:3306 takes writes as before") != outcome->notes.end());
    CHECK_FALSE((*recoveries().find(outcome->id))->successful);
  }

  TEST_CASE_FIXTURE(Dead, "another process's recovery is not interfered with while that lives") {
    Parts first = process();
    mortal->die_at(1, true);
    CHECK_THROWS_AS((void)recover(first, work(RecoveryKind::DeadMaster)), Killed);
    const auto again = recover(process(), work(RecoveryKind::DeadMaster));
    REQUIRE_FALSE(again);
    CHECK(again.error().kind == ErrorKind::Conflict);
    CHECK(again.error().message.find("lives") != std::string::npos);
    const std::string uid = journal().list_unfinished()->front().uid;
    CHECK(resume(process(), uid).error().kind == ErrorKind::Conflict);
    bury_owner();
    CHECK(resume(process(), "1"));
    CHECK(resume(process(), uid).error().kind == ErrorKind::Refused);
    CHECK(resume(process(), "77").error().kind == ErrorKind::NotFound);
    check_healed(*this, db(1), false);
  }

  TEST_CASE("a node that loses sight of the servers leaves the recovery to one that sees them") {
    struct Blinding : StepObserver {
      explicit Blinding(RecoveryFixture& fixture) : world(fixture) {}
      void step_ended(const Step& step, const Error*, std::chrono::milliseconds) override {
        if (!step.point_of_no_return) return;
        for (const InstanceKey& key : {db(2), db(3)})
          world.servers.kill(key);
      }
      RecoveryFixture& world;
    };
    for (const bool others_see : {true, false}) {
      CAPTURE(others_see);
      RecoveryFixture world;
      world.servers.kill(db(1));
      const HookLog log(world);
      Blinding blinding(world);
      Parts parts = world.process(blinding);
      std::vector<InstanceKey> asked;
      parts.give_way = [&](const std::vector<InstanceKey>& unseen) {
        asked = unseen;
        return others_see;
      };
      const auto left = recover(parts, RecoveryFixture::work(RecoveryKind::DeadMaster));
      REQUIRE((left && left->error));
      CHECK(asked == std::vector<InstanceKey>{db(2), db(3)});
      CHECK(left->left_to_next == others_see);
      CHECK(world.journal().list_unfinished()->size() == (others_see ? 1 : 0));
      if (!others_see) {
        CHECK(log.lines().back() == "unsuccessful db1 {successorHost}");
        continue;
      }
      for (const InstanceKey& key : {db(2), db(3)})
        world.servers.revive(key);
      world.bury_owner();
      const auto outcome = resume(world.process(), "1");
      REQUIRE_MESSAGE((outcome && !outcome->error), text_of(outcome));
      check_healed(world, db(1), false);
      CHECK(log.lines().size() == 6);  // none twice, and none about a failure
    }
  }
}

// Failovers and takeovers, cut off at every change: before it, and after it. (The other kinds:
// attempt_test.cc.)
namespace {

struct Plan {
  std::string name{};
  RecoveryKind kind{};
  bool master_lives{false};
  bool mariadb{false};
};

std::unique_ptr<RecoveryFixture> world_of(const Plan& plan) {
  auto world = std::make_unique<RecoveryFixture>(plan.mariadb);
  if (!plan.master_lives) world->servers.kill(db(1));
  return world;
}

RecoveryWork work_of(const Plan& plan) {
  return RecoveryFixture::work(plan.kind);
}

/// Cut off at that change; false: it ended before.
bool cut_off(RecoveryFixture& world, const Plan& plan, int change, bool after) {
  Parts parts = world.process();
  world.mortal->die_at(change, after);
  try {
    const auto outcome = recover(parts, work_of(plan));
    REQUIRE_MESSAGE((outcome && !outcome->error), text_of(outcome));
    return false;
  } catch (const Killed&) {
    return true;
  }
}

}  // namespace

TEST_SUITE("ha/recovery interrupted") {
  TEST_CASE("whatever step a recovery is cut off at, the next process finishes it, once (HA-11)") {
    const Plan plans[] = {
        {"failover of a dead master", RecoveryKind::DeadMaster, false, false},
        {"failover of a living master", RecoveryKind::DeadMaster, true, false},
        {"takeover", RecoveryKind::GracefulTakeover, true, false},
        {"failover, MariaDB", RecoveryKind::DeadMaster, false, true},
        {"takeover, MariaDB", RecoveryKind::GracefulTakeover, true, true},
    };
    for (const Plan& plan : plans) {
      CAPTURE(plan.name);
      for (const bool after : {false, true}) {
        CAPTURE(after);
        int change = 1;
        for (; change < 100; ++change) {
          CAPTURE(change);
          const auto world = world_of(plan);
          const HookLog log(*world);
          if (!cut_off(*world, plan, change, after)) break;
          world->bury_owner();
          const auto outcome = resume(world->process(), "1");
          REQUIRE_MESSAGE((outcome && !outcome->error), text_of(outcome));
          CHECK(outcome->resumed);
          check_healed(*world, db(1), plan.kind == RecoveryKind::GracefulTakeover);
          CHECK((*world->recoveries().find(1))->successful);
          std::vector<std::string> lines = log.lines();
          std::sort(lines.begin(), lines.end());
          CHECK(std::adjacent_find(lines.begin(), lines.end()) == lines.end());  // none ran twice
          CHECK(lines.size() == (plan.kind == RecoveryKind::GracefulTakeover ? 8 : 6));
          const std::size_t done = world->servers.changes().size();
          CHECK(resume(world->process(), "1").error().kind == ErrorKind::Refused);
          CHECK(world->servers.changes().size() == done);
        }
        CHECK(change > 3);
      }
    }
  }

  TEST_CASE("the next run on the cluster goes on with what was cut off") {
    const Plan plan{"", RecoveryKind::DeadMaster, false, false};
    const auto world = world_of(plan);
    REQUIRE(cut_off(*world, plan, 2, true));
    world->bury_owner();
    const auto outcome = recover(world->process(), work_of(plan));
    REQUIRE_MESSAGE((outcome && !outcome->error), text_of(outcome));
    CHECK(outcome->resumed);
    CHECK(world->notebook.holds("had been cut off: it was finished first"));
    check_healed(*world, db(1), false);
    CHECK(world->recoveries().list("", 0)->size() == 1);
  }

  TEST_CASE("what was cut off is no answer to a run that names another replica") {
    const Plan plan{"", RecoveryKind::DeadMaster, false, false};
    for (const int wanted : {2, 3}) {
      const auto world = world_of(plan);
      REQUIRE(cut_off(*world, plan, 2, true));
      world->bury_owner();
      RecoveryWork other = work_of(plan);
      other.designated = db(wanted);
      const auto outcome = recover(world->process(), other);
      CHECK(world->servers.writable() == std::vector<InstanceKey>{db(2)});
      REQUIRE(outcome.has_value() == (wanted == 2));
      if (outcome) continue;
      CHECK(outcome.error().kind == ErrorKind::Conflict);
      CHECK(outcome.error().message.find("db2:3306 is the master now") != std::string::npos);
    }
  }

  TEST_CASE("what was cut off is the answer to a run for the cluster that has its new master") {
    const Plan plan{"", RecoveryKind::DeadMaster, false, false};
    const auto world = world_of(plan);
    REQUIRE(cut_off(*world, plan, 2, true));
    world->bury_owner();
    RecoveryWork again = work_of(plan);
    again.failed = db(2);
    const auto outcome = recover(world->process(), again);
    REQUIRE(outcome);
    CHECK(outcome->outcome.account.promoted == db(2));
    CHECK(world->servers.writable() == std::vector<InstanceKey>{db(2)});
  }

  TEST_CASE("what was cut off before it changed anything is ended, and a new run begins") {
    const Plan plan{"", RecoveryKind::DeadMaster, true, false};
    const auto world = world_of(plan);
    REQUIRE(cut_off(*world, plan, 1, false));
    world->run("delete from orch_recovery_journal where hostname <> ''");
    world->run("update orch_recovery_run set stage = 'registered'");
    world->bury_owner();
    const auto closed = resume(world->process(), "1");
    REQUIRE(closed);
    CHECK(text_of(closed) == "it was cut off before it changed any server");
    CHECK(world->servers.changes().empty());
    CHECK(world->servers.writable() == std::vector<InstanceKey>{db(1)});
    CHECK_FALSE((*world->recoveries().find(1))->active);
    REQUIRE(recover(world->process(), work_of(plan)));
    CHECK(world->servers.writable() == std::vector<InstanceKey>{db(2)});
  }

  TEST_CASE("hooks that had ended for what was cut off do not run again while the failure lasts") {
    const Plan plan{"", RecoveryKind::DeadMaster, false, false};
    const auto world = world_of(plan);
    const HookLog log(*world);
    REQUIRE(cut_off(*world, plan, 1, false));
    CHECK(log.lines().size() == 3);
    world->run("delete from orch_recovery_journal where hostname <> ''");
    world->run("update orch_recovery_run set stage = 'registered'");
    world->run(
        "update orch_recovery_journal set state = 'intent', ended_at = null where action like "
        "'%2 of 2'");
    world->bury_owner();
    REQUIRE(resume(world->process(), "1"));
    REQUIRE(recover(world->process(), work_of(plan)));
    CHECK(world->servers.writable() == std::vector<InstanceKey>{db(2)});
    std::vector<std::string> lines = log.lines();
    std::erase_if(lines, [](const std::string& line) { return line.starts_with("unsuccessful"); });
    CHECK(lines ==
          std::vector<std::string>{"detection db1 {successorHost}", "pre-1 db1 {successorHost}",
                                   "pre-2 db1 {successorHost}", "pre-2 db1 {successorHost}",
                                   "post-master db1 db2", "post-1 db1 db2", "post-2 db1 db2"});
  }

  TEST_CASE("a takeover that was cut off and cannot be finished is undone") {
    const Plan plan{"", RecoveryKind::GracefulTakeover, true, false};
    const auto world = world_of(plan);
    REQUIRE(cut_off(*world, plan, 1, true));
    REQUIRE(world->servers.at(db(1)).server.read_only);
    world->servers.kill(db(2));
    world->servers.kill(db(3));
    world->bury_owner();
    const auto outcome = resume(world->process(), "1");
    REQUIRE((outcome && outcome->error));
    CHECK(world->servers.writable() == std::vector<InstanceKey>{db(1)});
    CHECK(std::find(outcome->notes.begin(), outcome->notes.end(),
                    "undone: db1:3306 takes writes as before") != outcome->notes.end());
  }

  TEST_CASE("what was cut off while it settled a failure is not begun anew") {
    const Plan plan{"", RecoveryKind::DeadMaster, false, false};
    const auto world = world_of(plan);
    REQUIRE(cut_off(*world, plan, 1, false));
    world->run("update orch_recovery_run set stage = 'failing'");
    world->bury_owner();
    REQUIRE(resume(world->process(), "1")->error);
    CHECK(world->servers.changes().empty());
    CHECK(world->journal().list_unfinished()->empty());
  }
}

}  // namespace orch::ha
