#include "ha/latecomers.h"

#include "ha/registration.h"
#include "storage/downtime_store.h"
#include "tests/ha/recovery_fixture.h"

namespace orch::ha {

namespace {

using test::db;

/// db1 is dead and db3 hangs: db2 takes its place.
struct Late : RecoveryFixture {
  explicit Late(bool mariadb = false) : RecoveryFixture(mariadb) {
    config.recovery.recover_master_cluster_filters = {"*"};
    servers.kill(db(1));
    servers.hang(db(3));
    const auto outcome = recover(process(), work(RecoveryKind::DeadMaster));
    REQUIRE_MESSAGE((outcome && !outcome->error), text_of(outcome));
    REQUIRE(outcome->outcome.account.lost.size() == 1);
  }

  void gather() {
    const auto done = gather_latecomers(process());
    REQUIRE_MESSAGE(done, done.error().message);
  }
  [[nodiscard]] bool follows_new() const {
    const Instance now = servers.at(db(3));
    return now.replication.source == db(2) && replica_running(now);
  }
  [[nodiscard]] std::string downtimes() {
    return value(
        "select group_concat(hostname) from (select hostname from "
        "database_instance_downtime order by hostname)");
  }
  /// Those that live are read again.
  void keep_seen() {
    std::vector<Instance> seen;
    for (const int number : {2, 3}) {
      seen.push_back(servers.at(db(number)));
      seen.back().freshness.is_last_check_valid = true;
    }
    REQUIRE(keep(Topology(std::move(seen))));
  }
};

}  // namespace

TEST_SUITE("ha/latecomers") {
  TEST_CASE("a replica that answers after the failover follows the new master, and is told of") {
    for (const bool mariadb : {false, true}) {
      CAPTURE(mariadb);
      Late world(mariadb);
      world.gather();
      CHECK_FALSE(world.follows_new());
      CHECK(world.downtimes() == "db1,db3");
      world.servers.revive(db(3));
      world.gather();
      CHECK(world.follows_new());
      CHECK(world.notebook.holds("db3:3306 answers again, and follows db2:3306 now"));
      const auto story =
          recovery_store(world.process()).list_steps((*world.recoveries().find(1))->uid);
      REQUIRE(story);
      CHECK(story->back().message == "db3:3306 answers again, and follows db2:3306 now");
    }
  }

  TEST_CASE("one whose move was cut off is moved, or started, by the next who looks") {
    for (const bool is_pointed : {false, true}) {
      CAPTURE(is_pointed);
      Late world;
      world.servers.revive(db(3));
      world.gather();
      world.servers.set(db(3), [&](Instance& i) {
        i.replication.source = db(is_pointed ? 2 : 1);
        i.replication.io_state = i.replication.sql_state = ThreadState::Stopped;
        i.replication.io_running = i.replication.sql_running = false;
      });
      world.keep_seen();
      REQUIRE(world.database().execute(
          "delete from topology_recovery_steps where message like '%answers again%'"));
      world.gather();
      CHECK(world.follows_new());
    }
  }

  TEST_CASE("one that has what the new master lacks is left where it is, and tried once") {
    Late world;
    world.servers.revive(db(3));
    world.servers.set(db(3), [](Instance& i) { i.gtid.executed += "," + test::gtids("1-2", 3); });
    world.gather();
    CHECK_FALSE(world.follows_new());
    CHECK(replica_running(world.servers.at(db(3))) == false);
    CHECK(runs(world.servers.at(db(3)).replication.sql_state));
    CHECK(world.notebook.holds("db3:3306 answers again, and is not moved"));
    const std::size_t changes = world.servers.changes().size();
    world.gather();
    CHECK(world.servers.changes().size() == changes);
  }

  TEST_CASE("one that takes writes does so no more when it follows the new master") {
    Late world;
    world.servers.revive(db(3));
    world.servers.set(db(3), [](Instance& i) { i.server.read_only = false; });
    world.gather();
    CHECK(world.follows_new());
    CHECK(world.servers.at(db(3)).server.read_only);
  }

  TEST_CASE("the downtime of one that was lost ends soon after it replicates, and no other") {
    Late world;
    REQUIRE(storage::DowntimeStore(world.database(), world.clock)
                .begin({.key = db(2),
                        .owner = "me",
                        .reason = "work",
                        .duration = std::chrono::hours(1)}));
    world.servers.revive(db(3));
    world.gather();
    for (const bool is_over : {false, true}) {
      REQUIRE(end_downtimes_of_lost(world.process()));
      CHECK(world.downtimes() == (is_over ? "db1,db2" : "db1,db2,db3"));
      world.clock.advance(std::chrono::seconds(61));
      world.keep_seen();
    }
  }

  TEST_CASE("nobody is moved whom operators have in hand, or later than that") {
    const std::vector<std::function<void(Late&)>> reasons = {
        [](Late& world) { world.config.recovery.recover_master_cluster_filters.clear(); },
        [](Late& world) { REQUIRE(world.recoveries().save_global_switch(true)); },
        [](Late& world) {
          REQUIRE(world.recoveries().acknowledge_all({"me", "seen"}));
        },
        [](Late& world) { world.clock.advance(std::chrono::minutes(11)); },
        [](Late& world) {
          world.servers.set(db(3), [](Instance& i) { i.replication.source = db(9); });
          world.save_records();
        },
        [](Late& world) {
          REQUIRE(storage::QuarantineStore(world.database(), world.clock)
                      .release(db(1), "me", "it is dealt with"));
        }};
    for (std::size_t i = 0; i < reasons.size(); ++i) {
      CAPTURE(i);
      Late world;
      world.servers.revive(db(3));
      reasons[i](world);
      const std::size_t changes = world.servers.changes().size();
      world.gather();
      CHECK(world.servers.changes().size() == changes);
    }
  }
}

}  // namespace orch::ha
