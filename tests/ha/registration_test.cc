#include "ha/registration.h"

#include <fmt/format.h>

#include "core/base/process.h"
#include "tests/ha/recovery_fixture.h"

namespace orch::ha {

namespace {

using test::db;

struct Automatic : RecoveryFixture {
  Automatic() {
    servers.kill(db(1));
    config.recovery.recover_master_cluster_filters = {"*"};
    wanted = work(RecoveryKind::DeadMaster);
    wanted.automatic = true;
  }
  /// "" when it may begin.
  std::string objection() {
    const Result<> allowed = check_automatic(process(), wanted);
    return allowed ? "" : allowed.error().message;
  }
  void fail_once() {
    config.recovery.pre_failover_processes = {"false"};
    const auto outcome = recover(process(), wanted);
    REQUIRE(outcome);
    REQUIRE(outcome->error);
    config.recovery.pre_failover_processes.clear();
  }
  /// What the service writes when a server's verdict changes.
  void now_is(std::string_view code, int seconds) {
    const storage::AnalysedCode now{db(1), std::string(code)};
    REQUIRE(storage::AnalysisStore(database(), clock).save_codes({&now, 1}));
    clock.advance(std::chrono::seconds(seconds));
  }
  RecoveryWork wanted;
};

}  // namespace

TEST_SUITE("ha/registration") {
  TEST_CASE_FIXTURE(Automatic, "an automatic recovery asks filters, downtime and the switch") {
    CHECK(objection().empty());
    config.recovery.recover_master_cluster_filters = {"alias=other"};
    CHECK(objection() == "cluster shop does not match RecoverMasterClusterFilters");
    config.recovery.recover_master_cluster_filters = {"alias=shop"};
    config.recovery.recovery_ignore_hostname_filters = {"^db1$"};
    CHECK(objection() == "db1 matches RecoveryIgnoreHostnameFilters");
    config.recovery.recovery_ignore_hostname_filters.clear();
    wanted.downtimed = true;
    CHECK(objection() == "db1:3306 is downtimed");
    wanted.downtimed = false;
    REQUIRE(recoveries().save_global_switch(true));
    CHECK(objection().find("disabled globally") != std::string::npos);
    wanted.automatic = false;  // a person may
    CHECK(recover(process(), wanted));
  }

  TEST_CASE_FIXTURE(Automatic, "kinds that orchestrator lets by are filtered, too (REC-5)") {
    config.recovery.recover_master_cluster_filters.clear();
    for (const RecoveryKind kind :
         {RecoveryKind::NonWriteableMaster, RecoveryKind::LockedSemiSyncMaster,
          RecoveryKind::TooManySemiSyncReplicas, RecoveryKind::DeadCoMaster}) {
      wanted.kind = kind;
      CHECK_FALSE(objection().empty());
    }
    wanted.kind = RecoveryKind::DeadIntermediateMaster;
    CHECK(objection().find("RecoverIntermediateMasterClusterFilters") != std::string::npos);
    config.recovery.recover_intermediate_master_cluster_filters = {"*"};
    CHECK(objection().empty());
  }

  TEST_CASE_FIXTURE(Automatic, "a switch that cannot be read is off (REC-8)") {
    run("drop table global_recovery_disable");
    CHECK(objection().find("whether recoveries are disabled globally is not known") == 0);
  }

  TEST_CASE_FIXTURE(Automatic, "a failure that was recovered is not recovered again") {
    REQUIRE(recover(process(), wanted));
    clock.advance(std::chrono::seconds(3599));
    CHECK(objection().find("was recovered by recovery 1 less than 3600 s ago") !=
          std::string::npos);
    clock.advance(std::chrono::seconds(1));
    CHECK(objection().empty());
  }

  TEST_CASE_FIXTURE(Automatic,
                    "a new master that fails at once is not replaced, one that held is") {
    REQUIRE(recover(process(), wanted));
    wanted.failed = db(2);
    wanted.cluster = "db2:3306";
    wanted.replicas = {db(3)};
    CHECK(objection().find("was recovered by recovery 1 less than 30 s ago") != std::string::npos);
    CHECK(value("select blocking_recovery_id from blocked_topology_recovery "
                "where hostname = 'db2'") == "1");
    SUBCASE("and for longer each time") {
      clock.advance(std::chrono::seconds(30));
      servers.kill(db(2));
      const auto second = recover(process(), wanted);
      REQUIRE_MESSAGE((second && !second->error), text_of(second));
      wanted.failed = db(3);
      wanted.cluster = "db3:3306";
      clock.advance(std::chrono::seconds(59));
      CHECK(objection().find("was recovered by recovery 2 less than 60 s ago") !=
            std::string::npos);
      // Who died first, and is the master again by somebody's hand.
      wanted.failed = db(1);
      CHECK(objection().find("less than 3600 s ago") != std::string::npos);
      clock.advance(std::chrono::seconds(1));
      wanted.failed = db(3);
      CHECK(objection().empty());
    }
    SUBCASE("but no longer than RecoveryPeriodBlockSeconds") {
      config.recovery.recovery_period_block_seconds = std::chrono::seconds(5);
      clock.advance(std::chrono::seconds(5));
      CHECK(objection().empty());
    }
    SUBCASE("or until it is acknowledged") {
      REQUIRE(recoveries().acknowledge_all({"me", "seen"}));
      CHECK(objection().empty());
    }
    SUBCASE("unless a person wants it") {
      servers.kill(db(2));
      wanted.automatic = false;
      const auto outcome = recover(process(), wanted);
      REQUIRE((outcome && !outcome->error));
      CHECK(servers.writable() == std::vector<InstanceKey>{db(3)});
    }
    SUBCASE("another cluster is another matter") {
      wanted.failed = db(7);
      wanted.cluster = "db7:3306";
      wanted.cluster_alias = "other";
      CHECK(objection().empty());
    }
    SUBCASE("and a recovery of another kind in it too (REC-11)") {
      wanted.kind = RecoveryKind::DeadIntermediateMaster;
      wanted.failed = db(3);
      config.recovery.recover_intermediate_master_cluster_filters = {"*"};
      CHECK(objection().empty());
    }
  }

  TEST_CASE_FIXTURE(Automatic, "two masters that die by turns wait longer each time, too") {
    const auto fail_over_to = [&](int from, int to, std::chrono::seconds pause) {
      clock.advance(pause);
      servers.revive(db(to));
      for (const int number : {to, 3}) {
        servers.set(db(number), [&](Instance& i) {
          i = in_cluster(test::following(test::mysql(number, test::gtids("1-100")), from), 1);
        });
      }
      servers.kill(db(from));
      wanted.designated = db(to);
      wanted.failed = db(from);
      wanted.cluster = to_string(db(from));
      wanted.replicas = {db(to), db(3)};
      CHECK(objection().empty());
      const auto done = recover(process(), wanted);
      REQUIRE_MESSAGE((done && !done->error), text_of(done));
      wanted.failed = db(to);
      wanted.cluster = to_string(db(to));
    };
    fail_over_to(1, 2, std::chrono::seconds(0));
    CHECK(objection().find("less than 30 s ago") != std::string::npos);
    fail_over_to(2, 1, std::chrono::seconds(30));
    CHECK(objection().find("less than 60 s ago") != std::string::npos);
    fail_over_to(1, 2, std::chrono::seconds(60));
    CHECK(objection().find("less than 120 s ago") != std::string::npos);
    fail_over_to(2, 1, std::chrono::seconds(120));
    CHECK(objection().find("less than 240 s ago") != std::string::npos);
    // A person who has looked after it begins anew.
    REQUIRE(recoveries().acknowledge_all({"me", "seen"}));
    CHECK(objection().empty());
    fail_over_to(1, 2, std::chrono::seconds(0));
    CHECK(objection().find("less than 30 s ago") != std::string::npos);
  }

  TEST_CASE_FIXTURE(Automatic,
                    "other kinds, and what was planned, do not block a failover (REC-12)") {
    servers.revive(db(1));
    RecoveryWork takeover = work(RecoveryKind::GracefulTakeover);
    takeover.designated = db(2);
    const auto outcome = recover(process(), takeover);
    REQUIRE((outcome && !outcome->error));
    wanted.failed = db(2);
    wanted.cluster = "db2:3306";
    CHECK(objection().empty());
    servers.set(db(2), [](Instance& i) { i.server.read_only = true; });
    RecoveryWork writable = wanted;
    writable.kind = RecoveryKind::NonWriteableMaster;
    const auto made = recover(process(), writable);
    REQUIRE((made && !made->error));
    CHECK(servers.writable() == std::vector<InstanceKey>{db(2)});
    CHECK(objection().empty());
  }

  TEST_CASE_FIXTURE(Automatic, "a clock that is set back makes no block last for hours (HA-27)") {
    REQUIRE(recover(process(), wanted));
    wanted.failed = db(2);
    wanted.cluster = "db2:3306";
    CHECK_FALSE(objection().empty());
    clock.advance(-std::chrono::seconds(31));
    CHECK(objection().empty());
  }

  TEST_CASE_FIXTURE(Automatic, "a clock that is set back makes no pause after a failure last") {
    fail_once();
    clock.advance(-std::chrono::seconds(60));
    CHECK(objection().empty());
    fail_once();
    CHECK(objection() == "the recovery of db1:3306 failed, and is not tried again for 10 s");
  }

  TEST_CASE_FIXTURE(Automatic, "what failed is tried again, after pauses that grow") {
    fail_once();
    CHECK(objection() == "the recovery of db1:3306 failed, and is not tried again for 10 s");
    clock.advance(std::chrono::seconds(10));
    CHECK(objection().empty());
    fail_once();
    CHECK(objection() == "the recovery of db1:3306 failed, and is not tried again for 20 s");
    clock.advance(std::chrono::seconds(20));
    const auto outcome = recover(process(), wanted);
    REQUIRE((outcome && !outcome->error));
  }

  TEST_CASE_FIXTURE(Automatic, "a failure after a server was well waits for none of before") {
    now_is("NoProblem", 0);
    now_is("DeadMaster", 0);
    for (int i = 0; i < 6; ++i) {
      fail_once();
      clock.advance(std::chrono::seconds(10 << i));
    }
    fail_once();
    const std::string paused = "the recovery of db1:3306 failed, and is not tried again for 640 s";
    CHECK(objection() == paused);
    SUBCASE("when the verdict was clear") {
      now_is("NoProblem", 9);
      now_is("DeadMaster", 0);
      CHECK(objection().empty());
      fail_once();
      CHECK(objection() == "the recovery of db1:3306 failed, and is not tried again for 10 s");
    }
    SUBCASE("or before the backend has the new verdict") {
      now_is("NoProblem", 9);
      wanted.failing_since = std::chrono::steady_clock::now();
      CHECK(objection().empty());
    }
    SUBCASE("or the master answered, whatever else was the matter") {
      now_is("MasterSingleReplicaNotReplicating", 3);
      now_is("NoProblem", 3);
      now_is("UnreachableMaster", 1);
      now_is("DeadMaster", 0);
      CHECK(objection().empty());
    }
    SUBCASE("but not for a moment, or by another code of the same outage") {
      now_is("NoProblem", 4);
      now_is("UnreachableMaster", 60);
      now_is("RecordsTooOld", 60);
      now_is("DeadMasterAndSomeReplicas", 60);
      now_is("DeadMaster", 0);
      CHECK(objection() == paused);
    }
    SUBCASE("nor as it was well before the failures") {
      now_is("UnreachableMaster", 60);
      CHECK(objection() == paused);
    }
  }

  TEST_CASE_FIXTURE(Automatic, "a failed repair of something else delays no failover") {
    servers.revive(db(1));
    wanted.kind = RecoveryKind::NonWriteableMaster;
    wanted.analysis = "NoWriteableMasterStructureWarning";
    servers.set(db(1), [](Instance& i) { i.server.read_only = true; });
    fail_once();
    CHECK_FALSE(objection().empty());
    wanted.kind = RecoveryKind::DeadMaster;
    wanted.analysis = "DeadMaster";
    CHECK(objection().empty());
  }

  TEST_CASE_FIXTURE(Automatic, "the one that may be promoted is waited for, told of once") {
    wanted.kind = RecoveryKind::DeadCoMaster;
    wanted.analysis = "DeadCoMasterAndSomeReplicas";
    wanted.designated = db(2);
    wanted.designated_by = "a setting is on";
    servers.set(db(1), [](Instance& i) { i.replication.source = db(2); });
    for (const int number : {1, 2})
      servers.set(db(number), [](Instance& i) { i.is_co_master = true; });
    save_records();
    servers.kill(db(1));
    servers.kill(db(2));
    for (int i = 0; i < 3; ++i) {
      CHECK(objection().empty());
      const auto outcome = recover(process(), wanted);
      REQUIRE((outcome && outcome->error));
      CHECK(outcome->error->message.ends_with(
          "; and no other server is, as a setting is on: 'orch failover db1:3306 --to SERVER' "
          "promotes one all the same"));
      CHECK(outcome->id == (i == 0 ? 1 : 0));
    }
    const auto recorded = recoveries().list("", 0);
    REQUIRE((recorded && recorded->size() == 1));
    CHECK(recorded->front().errors.front().starts_with("db2:3306 cannot be promoted: "));
    SUBCASE("until it is there") {
      servers.revive(db(2));
      const auto outcome = recover(process(), wanted);
      REQUIRE_MESSAGE((outcome && !outcome->error), text_of(outcome));
      CHECK(servers.writable() == std::vector<InstanceKey>{db(2)});
    }
    SUBCASE("or the failure is another one") {
      now_is("DeadCoMaster", 0);
      now_is("NoProblem", 9);
      now_is("DeadCoMaster", 0);
      const auto outcome = recover(process(), wanted);
      REQUIRE((outcome && outcome->error));
      CHECK(outcome->id == 2);
    }
    SUBCASE("what a person wishes is not on record") {
      wanted.designated_by.clear();
      wanted.automatic = false;
      const auto outcome = recover(process(), wanted);
      REQUIRE((outcome && outcome->error));
      CHECK(outcome->id == 0);
      CHECK(outcome->error->message.find("--to") == std::string::npos);
    }
  }

  TEST_CASE_FIXTURE(Automatic, "a repair that is undone again and again waits longer each time") {
    servers.revive(db(1));
    wanted.kind = RecoveryKind::NonWriteableMaster;
    wanted.analysis = "NoWriteableMasterStructureWarning";
    for (const int pause : {0, 0, 10, 20, 40}) {
      CAPTURE(pause);
      if (pause > 0) {
        CHECK(objection().find(fmt::format("not again for {} s", pause)) != std::string::npos);
        clock.advance(std::chrono::seconds(pause - 1));
        CHECK_FALSE(objection().empty());
        clock.advance(std::chrono::seconds(1));
      }
      CHECK(objection().empty());
      servers.set(db(1), [](Instance& i) { i.server.read_only = true; });
      const auto outcome = recover(process(), wanted);
      REQUIRE_MESSAGE((outcome && !outcome->error), text_of(outcome));
    }
    REQUIRE(recoveries().acknowledge_all({"me", "the cron job is gone"}));
    CHECK(objection().empty());
  }

  TEST_CASE_FIXTURE(Automatic, "a failure must last as long as its confirmation takes") {
    config.recovery.failure_confirmation_seconds = std::chrono::seconds(5);
    CHECK_FALSE(recover(process(), wanted));
    clock.advance(std::chrono::seconds(4));
    CHECK_FALSE(recover(process(), wanted));
    CHECK(servers.changes().empty());
    config.recovery.failure_confirmation_seconds_by_cluster = {{"alias=shop", "4"}};
    CHECK(objection().empty());
    config.recovery.failure_confirmation_seconds_by_cluster = {{"alias=other", "4"}};
    CHECK_FALSE(objection().empty());
    wanted.failing_since = std::chrono::steady_clock::now() - std::chrono::seconds(5);
    CHECK(objection().empty());
    clock.advance(std::chrono::seconds(1));
    wanted.failing_since.reset();
    CHECK(recover(process(), wanted));
    CHECK(servers.writable() == std::vector<InstanceKey>{db(2)});
  }

  TEST_CASE_FIXTURE(Automatic, "a clock that is set neither delays nor hastens a failover") {
    const SteadyPoint now = std::chrono::steady_clock::now();
    config.recovery.failure_confirmation_seconds = std::chrono::seconds(1000);
    wanted.failing_since = now - std::chrono::seconds(1000);
    clock.advance(-std::chrono::hours(1));
    CHECK(objection().empty());
    wanted.failing_since = now;
    clock.advance(std::chrono::hours(2));
    CHECK(objection() == "the failure of db1:3306 must last 1000 s before a recovery begins");
  }

  TEST_CASE_FIXTURE(Automatic,
                    "a failure that another node saw is not waited for until its clock") {
    config.recovery.failure_confirmation_seconds = std::chrono::seconds(1000);
    CHECK_FALSE(recover(process(), wanted));
    clock.advance(-std::chrono::seconds(5));  // the clocks of two nodes differ a bit
    CHECK_FALSE(objection().empty());
    clock.advance(-std::chrono::hours(1));
    CHECK(objection().empty());
  }

  TEST_CASE_FIXTURE(RecoveryFixture, "an owner lives while its process does, or its lease lasts") {
    storage::RecoveryRun run_of;
    run_of.owner = {.node = {"here", "other"}, .process = this_process(), .term = 1};
    run_of.alive_at = clock.now();
    const Parts parts = process();
    CHECK(owner_lives(parts, run_of));
    run_of.owner.process = this_process() + "0";  // it began at another time
    CHECK_FALSE(owner_lives(parts, run_of));
    run_of.owner.process = "another machine's";
    const SteadyPoint seen = std::chrono::steady_clock::now();
    CHECK(owner_lives(parts, run_of, seen));
    CHECK_FALSE(owner_lives(parts, run_of, seen + kLease));
    run_of.uid = "silent for long when it is looked at first";
    clock.advance(kLease);
    CHECK_FALSE(owner_lives(parts, run_of, seen));
    run_of.owner.node = parts.self;
    {
      const RunningRecoveries::Mark mark(parts.running, run_of.uid);
      CHECK(mark.is_first());
      CHECK_FALSE(RunningRecoveries::Mark(parts.running, run_of.uid).is_first());
      CHECK(owner_lives(parts, run_of));
    }
    run_of.alive_at = clock.now();
    CHECK_FALSE(owner_lives(parts, run_of));  // it was cut off here
    clock.advance(kLease);
    run_of.uid = "of an earlier leader";
    run_of.owner = {.node = {"here", "other"}, .process = this_process(), .term = 0};
    CHECK_FALSE(owner_lives(parts, run_of));
  }

  TEST_CASE_FIXTURE(RecoveryFixture,
                    "a clock that is set neither ends an owner's recovery nor keeps a dead one's") {
    storage::RecoveryRun run_of;
    run_of.owner = {.node = {"there", "other"}, .process = "another machine's", .term = 1};
    run_of.alive_at = clock.now();
    const Parts parts = process();
    SteadyPoint now = std::chrono::steady_clock::now();
    CHECK(owner_lives(parts, run_of, now));
    for (const auto step : {std::chrono::hours(1), std::chrono::hours(-2)}) {
      clock.advance(step);
      CHECK(owner_lives(parts, run_of, now + kHeartbeat / 2));
      for (int i = 0; i < 10; ++i) {
        now += kHeartbeat;
        *run_of.alive_at += kHeartbeat;
        CHECK(owner_lives(parts, run_of, now));
      }
      CHECK_FALSE(owner_lives(parts, run_of, now + kLease));
      *run_of.alive_at += kHeartbeat;
      CHECK(owner_lives(parts, run_of, now));
    }
    // One of the future, where nobody looked before.
    run_of.uid = "another";
    *run_of.alive_at += std::chrono::hours(24);
    CHECK(owner_lives(parts, run_of, now));
    CHECK_FALSE(owner_lives(parts, run_of, now + kLease));
  }

  TEST_CASE_FIXTURE(Automatic,
                    "recoveries of other programs block while their node lives (HA-29)") {
    run("insert into topology_recovery (uid, hostname, port, in_active_period, "
        "start_active_period, end_active_period_unixtime, analysis, cluster_name, cluster_alias, "
        "count_affected_slaves, slave_hosts, participating_instances, lost_slaves, all_errors, "
        "acknowledge_comment, last_detection_id, processing_node_hostname, processcing_node_token) "
        "values ('9:z', 'db1', 3306, 1, '2026-01-31 10:20:30', 0, 'DeadMaster', 'db1:3306', "
        "'shop', 0, '', '', '', '', '', 0, 'there', 'token')");
    REQUIRE(storage::NodeStore(database(), clock).save({.identity = {"there", "token"}}));
    const auto blocked = recover(process(), wanted);
    REQUIRE(blocked);
    CHECK(blocked->error->kind == ErrorKind::Conflict);
    CHECK(servers.changes().empty());
    clock.advance(std::chrono::seconds(60));
    const auto outcome = recover(process(), wanted);
    REQUIRE((outcome && !outcome->error));
    CHECK(value("select acknowledge_comment from topology_recovery where uid = '9:z'") ==
          "detected crashed recovery");
  }
}

}  // namespace orch::ha
