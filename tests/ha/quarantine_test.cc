#include "ha/quarantine.h"

#include "tests/ha/recovery_fixture.h"

namespace orch::ha {

namespace {

using test::db;

/// db1 lost its place to db2, and is back.
struct Returned : RecoveryFixture {
  Returned() {
    servers.kill(db(1));
    REQUIRE(recover(process(), work(RecoveryKind::DeadMaster)));
    save_records();
    servers.revive(db(1));
    notebook.lines.clear();
  }

  void look() {
    const Parts parts = process();
    const Observation seen = servers.probe(db(1), {});
    REQUIRE(seen.found());
    Instance instance = seen.instance;
    instance.freshness.is_last_check_valid = true;
    const auto looked = enforce_quarantine(parts, {&instance, 1});
    REQUIRE_MESSAGE(looked.has_value(), storage::why(looked));
  }
  bool listed() { return storage::QuarantineStore(database(), clock).find(db(1))->has_value(); }
};

}  // namespace

TEST_SUITE("ha/quarantine") {
  TEST_CASE_FIXTURE(Returned, "an old master that takes writes again is made read-only") {
    REQUIRE(servers.writable().size() == 2);
    look();
    CHECK(servers.writable() == std::vector<InstanceKey>{db(2)});
    CHECK(notebook.holds("quarantine-fence db1:3306"));
    CHECK(notebook.holds("db1:3306 took writes although db2:3306 is the master"));
    CHECK(listed());
    servers.set(db(1), [](Instance& i) { i.server.read_only = false; });
    look();  // as often as it happens
    CHECK(servers.writable() == std::vector<InstanceKey>{db(2)});
  }

  TEST_CASE_FIXTURE(Returned, "it is left alone where no other master stands") {
    servers.kill(db(2));
    look();
    CHECK(servers.writable() == std::vector<InstanceKey>{db(1)});
    CHECK(notebook.holds("no other master stands in its place"));
    CHECK(listed());
  }

  TEST_CASE_FIXTURE(Returned, "another server under its name is not touched") {
    servers.set(db(1), [](Instance& i) { i.server.uuid = test::uuid(77); });
    look();
    CHECK(servers.writable().size() == 2);
    CHECK(notebook.holds("left alone"));
    CHECK(listed());
  }

  TEST_CASE_FIXTURE(Returned, "one that replicates read-only is off the list") {
    servers.set(db(1),
                [](Instance& i) { i = test::following(test::mysql(1, i.gtid.executed), 2); });
    look();
    CHECK_FALSE(listed());
    CHECK(notebook.holds("quarantine-release db1:3306"));
  }

  TEST_CASE_FIXTURE(Returned, "one whose successor follows it is the master again") {
    const auto follow = [&](bool writable) {
      servers.set(db(2), [&](Instance& i) {
        i = test::following(test::mysql(2, i.gtid.executed), 1);
        i.server.read_only = !writable;
      });
    };
    follow(true);
    look();
    CHECK(listed());
    follow(false);
    look();
    CHECK_FALSE(listed());
    CHECK(servers.writable() == std::vector<InstanceKey>{db(1)});
    CHECK(value("select count(*) from database_instance_downtime where hostname = 'db1' and "
                "downtime_active = 1") == "0");
  }

  TEST_CASE_FIXTURE(Returned, "one that replicates from somebody else than the new master stays") {
    // db4 follows nobody whom the new master knows.
    servers.add(test::mysql(4, test::gtids("1-100")));
    servers.set(db(1),
                [](Instance& i) { i = test::following(test::mysql(1, i.gtid.executed), 4); });
    look();
    CHECK(listed());
    // Below the new master all the same.
    servers.set(db(4),
                [](Instance& i) { i = test::following(test::mysql(4, i.gtid.executed), 2); });
    save_records();
    look();
    CHECK_FALSE(listed());
  }

  TEST_CASE_FIXTURE(Returned, "nobody takes the place that it has lost, nor is it made writable") {
    servers.set(db(1), [](Instance& i) { i.server.read_only = true; });
    servers.add(test::following(test::mysql(4, test::gtids("1-100")), 1));
    save_records();
    const std::size_t before = servers.changes().size();
    for (const RecoveryKind kind : {RecoveryKind::NonWriteableMaster, RecoveryKind::DeadMaster,
                                    RecoveryKind::GracefulTakeover}) {
      const bool dead = kind == RecoveryKind::DeadMaster;
      CAPTURE(to_string(kind));
      if (dead) servers.kill(db(1));
      RecoveryWork asked = work(kind);
      asked.cluster = "db1:3306";
      asked.automatic = dead;
      config.recovery.recover_master_cluster_filters = {"*"};
      const auto outcome = recover(process(), asked);
      CHECK(text_of(outcome).starts_with(
          "db1:3306 is in quarantine: db2:3306 took its place, and db2:3306 takes the writes"));
      CHECK(servers.changes().size() == before);
      if (dead) servers.revive(db(1));
    }
    CHECK(servers.writable() == std::vector<InstanceKey>{db(2)});
  }

  TEST_CASE_FIXTURE(Returned, "one that is the master again is recovered as any other") {
    servers.kill(db(2));
    servers.set(db(3), [](Instance& i) { i.replication.source = db(1); });
    save_records();
    const Instance dead = servers.at(db(2));
    clock.advance(std::chrono::seconds(5));
    const storage::InstanceWrite write{&dead, false};
    REQUIRE(instances().save({&write, 1}));
    servers.kill(db(1));
    RecoveryWork asked = work(RecoveryKind::DeadMaster);
    asked.cluster = "db1:3306";
    const auto outcome = recover(process(), asked);
    CHECK(text_of(outcome) == "no error");
    CHECK(servers.writable() == std::vector<InstanceKey>{db(3)});
  }

  TEST_CASE_FIXTURE(Returned, "one that replicates with transactions of its own stays on it") {
    const std::string own = test::uuid(1) + ":500-502";
    servers.set(db(1), [&](Instance& i) {
      i = test::following(test::mysql(1, i.gtid.executed + "," + own), 2);
    });
    look();
    CHECK(listed());
    CHECK(notebook.holds("it has 3 transactions (" + own + ")"));
  }

  TEST_CASE_FIXTURE(Returned, "one that only waits, read-only, stays on it") {
    servers.set(db(1), [](Instance& i) { i.server.read_only = true; });
    const std::size_t before = servers.changes().size();
    look();
    CHECK(listed());
    CHECK(servers.changes().size() == before);
  }

  TEST_CASE_FIXTURE(Returned, "that it could not be made read-only is told") {
    servers.refuse(db(1), Change{SetReadOnly{}}.index(), 1);
    look();
    CHECK(servers.writable().size() == 2);
    CHECK(notebook.holds("could not be made read-only"));
    CHECK(notebook.holds("quarantine-fence-failed"));
  }

  TEST_CASE_FIXTURE(Returned, "a server that is promoted again is off the list") {
    servers.set(db(1),
                [](Instance& i) { i = test::following(test::mysql(1, i.gtid.executed), 2); });
    RecoveryWork back = work(RecoveryKind::GracefulTakeover);
    back.failed = db(2);
    back.cluster = "db2:3306";
    back.designated = db(1);
    REQUIRE(storage::QuarantineStore(database(), clock).find(db(1))->has_value());
    const auto outcome = recover(process(), back);
    REQUIRE((outcome && !outcome->error));
    CHECK_FALSE(listed());
    CHECK(servers.writable() == std::vector<InstanceKey>{db(1)});
  }

  TEST_CASE("who a server is, is told by its UUID, and without one by its id") {
    storage::Quarantine entry;
    entry.server_uuid = "u1";
    entry.server_id = 1;
    Instance seen;
    seen.server.uuid = "u1";
    seen.server.id = 2;
    CHECK(other_server(entry, seen).empty());
    seen.server.uuid = "u2";
    CHECK_FALSE(other_server(entry, seen).empty());
    entry.server_uuid = seen.server.uuid = "";
    CHECK_FALSE(other_server(entry, seen).empty());
    entry.server_id = 0;
    CHECK(other_server(entry, seen).empty());
  }
}

}  // namespace orch::ha
