// The kinds of recovery that recovery_test.cc does not cut off, each at every change: before it,
// and after it.

#include "ha/attempt.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "core/base/text.h"
#include "tests/ha/recovery_fixture.h"

namespace orch::ha {

namespace {

using test::db;

struct Kind {
  std::string name{};
  RecoveryKind kind{};
  InstanceKey failed{};
  void (*spoil)(RecoveryFixture& world){};
  bool (*is_well)(const test::FakeServers& servers){};
  std::string lost{};  ///< the one host, besides the failed one, that is in downtime afterwards
};

bool follows(const test::FakeServers& servers, int replica, int source) {
  const Instance now = servers.at(db(replica));
  return now.replication.source == db(source) && replica_running(now);
}

void add_orphans(RecoveryFixture& world) {
  using namespace orch::test;  // NOLINT(google-build-using-namespace)
  for (const int number : {4, 5}) {
    world.servers.add(
        RecoveryFixture::in_cluster(following(mysql(number, gtids("1-90")), 2, gtids("1-95")), 2));
  }
  world.save_records();
  world.servers.kill(db(2));
}

void pair_up(RecoveryFixture& world) {
  world.servers.set(db(1), [](Instance& i) {
    const bool read_only = i.server.read_only;
    i = test::following(std::move(i), 2);
    i.server.read_only = read_only;
    i.is_co_master = true;
  });
  world.servers.set(db(2), [](Instance& i) { i.is_co_master = true; });
  world.save_records();
  world.servers.kill(db(1));
}

/// db4 has transactions of its own, db5 is delayed.
void leave_behind(RecoveryFixture& world) {
  using namespace orch::test;  // NOLINT(google-build-using-namespace)
  const std::string own = gtids("1-90") + "," + gtids("1-2", 4);
  world.servers.add(RecoveryFixture::in_cluster(following(mysql(4, own), 1), 1));
  Instance delayed = RecoveryFixture::in_cluster(following(mysql(5, gtids("1-90")), 1), 1);
  delayed.replication.sql_delay = std::chrono::hours(1);
  world.servers.add(delayed);
  world.save_records();
  world.policy.postpone_replica_recovery_on_lag = std::chrono::minutes(5);
  world.servers.kill(db(1));
}

void leave_as_it_is(RecoveryFixture& world) {
  leave_behind(world);
  world.policy.detach_lost_replicas = false;
}

void leave_promotion(RecoveryFixture& world) {
  leave_behind(world);
  world.policy.apply_promotion = false;
  world.policy.detach_promoted = true;
}

bool is_detached_from(const test::FakeServers& servers, int replica, int source) {
  return servers.at(db(replica)).replication.source == detached(db(source));
}

void lock_semi_sync(RecoveryFixture& world) {
  world.servers.set(db(1), [](Instance& i) {
    i.semi_sync.source_enabled = i.semi_sync.source_status = true;
    i.semi_sync.source_wait_for_replica_count = 1;
    i.semi_sync.source_clients = 0;
  });
  for (const int number : {2, 3}) {
    world.servers.set(db(number), [number](Instance& i) {
      i.semi_sync.available = true;
      i.semi_sync.priority = static_cast<unsigned>(number);
      i.semi_sync.replica_enabled = false;
    });
  }
  world.save_records();
}

void enable_too_many(RecoveryFixture& world) {
  lock_semi_sync(world);
  for (const int number : {2, 3})
    world.servers.set(db(number), [](Instance& i) { i.semi_sync.replica_enabled = true; });
  world.servers.set(db(1), [](Instance& i) { i.semi_sync.source_clients = 2; });
  world.save_records();
}

bool acknowledges(const test::FakeServers& servers, int number) {
  return servers.at(db(number)).semi_sync.replica_enabled;
}

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all = {
      {"dead intermediate master", RecoveryKind::DeadIntermediateMaster, db(2), add_orphans,
       [](const test::FakeServers& servers) {
         return follows(servers, 4, 3) && follows(servers, 5, 3) &&
                servers.writable() == std::vector<InstanceKey>{db(1)};
       }},
      {"dead master, one is left behind and one is late", RecoveryKind::DeadMaster, db(1),
       leave_behind,
       [](const test::FakeServers& servers) {
         return follows(servers, 3, 2) && follows(servers, 5, 2) &&
                is_detached_from(servers, 4, 1) && runs(servers.at(db(4)).replication.sql_state) &&
                servers.writable() == std::vector<InstanceKey>{db(2)};
       },
       "db4"},
      {"dead master, one is left behind as it is", RecoveryKind::DeadMaster, db(1), leave_as_it_is,
       [](const test::FakeServers& servers) {
         const Replication left = servers.at(db(4)).replication;
         return follows(servers, 3, 2) && follows(servers, 5, 2) && left.source == db(1) &&
                !runs(left.io_state) && runs(left.sql_state) &&
                servers.writable() == std::vector<InstanceKey>{db(2)};
       },
       "db4"},
      {"dead master, the promotion is not applied", RecoveryKind::DeadMaster, db(1),
       leave_promotion,
       [](const test::FakeServers& servers) {
         return follows(servers, 3, 2) && follows(servers, 5, 2) &&
                is_detached_from(servers, 2, 1) && is_detached_from(servers, 4, 1) &&
                servers.writable().empty();
       },
       "db4"},
      {"dead co-master", RecoveryKind::DeadCoMaster, db(1), pair_up,
       [](const test::FakeServers& servers) {
         return follows(servers, 3, 2) && servers.writable() == std::vector<InstanceKey>{db(2)};
       }},
      {"master that is read-only", RecoveryKind::NonWriteableMaster, db(1),
       [](RecoveryFixture& world) {
         world.servers.set(db(1), [](Instance& i) { i.server.read_only = true; });
       },
       [](const test::FakeServers& servers) {
         return servers.writable() == std::vector<InstanceKey>{db(1)};
       }},
      {"master that waits for an acknowledgement", RecoveryKind::LockedSemiSyncMaster, db(1),
       lock_semi_sync,
       [](const test::FakeServers& servers) {
         return acknowledges(servers, 3) && !acknowledges(servers, 2) && follows(servers, 2, 1) &&
                follows(servers, 3, 1);
       }},
      {"too many that acknowledge", RecoveryKind::TooManySemiSyncReplicas, db(1), enable_too_many,
       [](const test::FakeServers& servers) {
         return acknowledges(servers, 3) && !acknowledges(servers, 2) && follows(servers, 2, 1) &&
                follows(servers, 3, 1);
       }},
  };
  return all;
}

RecoveryWork work_of(const Kind& kind) {
  RecoveryWork work = RecoveryFixture::work(kind.kind);
  work.failed = kind.failed;
  if (kind.kind == RecoveryKind::DeadCoMaster) work.designated = db(2);
  return work;
}

/// Cut off at that change; false: it ended before.
bool cut_off(RecoveryFixture& world, const Kind& kind, int change, bool after) {
  const Parts parts = world.process();
  world.mortal->die_at(change, after);
  try {
    const auto outcome = recover(parts, work_of(kind));
    REQUIRE(outcome);
    REQUIRE_MESSAGE(!outcome->error, outcome->error->message);
    return false;
  } catch (const Killed&) {
    return true;
  }
}

/// Stops and starts of a receiver that count: an acknowledgement is switched on by them.
bool was_restarted_since_switched(const test::FakeServers& servers, int number) {
  const std::vector<std::string> changes = servers.changes();
  const std::string server = to_string(db(number)) + " ";
  const auto last = [&](const std::string& what) {
    const auto found = std::find_if(changes.rbegin(), changes.rend(), [&](const std::string& c) {
      return c.starts_with(server) && c.find(what) != std::string::npos;
    });
    return changes.rend() - found;
  };
  return last("start the receiver") > last("semi-sync");
}

/// A takeover by db2, cut off when that takes writes; it falls silent.
std::unique_ptr<RecoveryFixture> cut_off_takeover(
    RecoveryKind kind = RecoveryKind::GracefulTakeover) {
  for (int change = 1; change < 20; ++change) {
    auto world = std::make_unique<RecoveryFixture>();
    world->servers.set(db(3), [](Instance& i) {
      i = RecoveryFixture::in_cluster(test::following(test::mysql(3, test::gtids("1-100")), 1), 1);
    });
    world->save_records();
    RecoveryWork wanted = RecoveryFixture::work(kind);
    wanted.designated = db(2);
    const Parts parts = world->process();
    world->mortal->die_at(change, true);
    CHECK_THROWS_AS((void)recover(parts, wanted), Killed);
    if (world->servers.writable() != std::vector<InstanceKey>{db(2)}) continue;
    world->bury_owner();
    world->servers.kill(db(2));
    return world;
  }
  return nullptr;
}

}  // namespace

TEST_SUITE("ha/attempt") {
  TEST_CASE("whatever kind is cut off at whatever step, the next process finishes it") {
    for (const Kind& kind : kinds()) {
      CAPTURE(kind.name);
      for (const bool after : {false, true}) {
        CAPTURE(after);
        for (int change = 1; change < 100; ++change) {
          CAPTURE(change);
          RecoveryFixture world;
          kind.spoil(world);
          const bool cut = cut_off(world, kind, change, after);
          if (cut) {
            world.bury_owner();
            const auto outcome = resume(world.process(), "1");
            REQUIRE(outcome);
            CHECK_MESSAGE(!outcome->error, outcome->error->message);
          }
          CHECK(kind.is_well(world.servers));
          if (!kind.lost.empty()) {
            CHECK(world.value("select hostname from database_instance_downtime where hostname <> "
                              "'db1'") == kind.lost);
            CHECK((*world.recoveries().find(1))->lost_replicas == std::vector<InstanceKey>{db(4)});
          }
          if (kind.kind == RecoveryKind::LockedSemiSyncMaster) {
            CHECK(was_restarted_since_switched(world.servers, 3));
          }
          CHECK(world.journal().list_unfinished()->empty());
          CHECK(world.value("select count(*) from database_instance_maintenance "
                            "where maintenance_active = 1") == "0");
          if (!cut) break;
        }
      }
    }
  }

  TEST_CASE("a living master waits for replicas again when its failover was cut off and fails") {
    Kind kind;
    kind.kind = RecoveryKind::DeadMaster;
    kind.failed = db(1);
    for (const bool after : {false, true}) {
      CAPTURE(after);
      RecoveryFixture world;
      world.servers.set(db(1), [](Instance& i) { i.semi_sync.source_enabled = true; });
      world.save_records();
      REQUIRE(cut_off(world, kind, 1, after));
      CHECK(world.servers.at(db(1)).semi_sync.source_enabled != after);
      world.policy.ignored_for_promotion = [](const Instance&) {
        return true;
      };
      world.bury_owner();
      const auto outcome = resume(world.process(), "1");
      REQUIRE((outcome && outcome->error));
      CHECK(world.servers.writable() == std::vector<InstanceKey>{db(1)});
      CHECK(world.servers.at(db(1)).semi_sync.source_enabled);
    }
  }

  TEST_CASE("a hook that ends in & vouches for nothing before it has succeeded") {
    for (const bool succeeds : {false, true}) {
      RecoveryFixture world;
      world.servers.kill(db(1));
      world.policy.fencing = Fencing::Required;
      world.policy.has_fence_hooks = true;
      world.config.recovery.fence_processes = {succeeds ? "true &" : "false &"};
      RecoveryWork work = RecoveryFixture::work(RecoveryKind::DeadMaster);
      work.hooks = false;  // of recover-lite: those that vouch run all the same
      const auto outcome = recover(world.process(), work);
      REQUIRE(outcome);
      CHECK(!outcome->error == succeeds);
      CHECK(world.servers.writable().empty() != succeeds);
    }
  }

  TEST_CASE_FIXTURE(RecoveryFixture,
                    "one replica that is gone, too, is no reason to let others lead") {
    servers.kill(db(1));
    servers.add(in_cluster(test::following(test::mysql(4, test::gtids("1-90")), 1), 1));
    save_records();
    servers.kill(db(4));
    servers.refuse(db(2), Change{SetReadOnly{}}.index(), 100);
    servers.refuse(db(3), Change{SetReadOnly{}}.index(), 100);
    Parts parts = process();
    bool asked = false;
    parts.give_way = [&](const std::vector<InstanceKey>&) {
      return asked = true;
    };
    REQUIRE(recover(parts, work(RecoveryKind::DeadMaster))->error);
    CHECK_FALSE(asked);
    CHECK(journal().list_unfinished()->empty());
  }

  TEST_CASE("a refusal is left to nobody, whoever sees the servers") {
    struct Blinding : StepObserver {
      explicit Blinding(RecoveryFixture& fixture) : world(fixture) {}
      void step_ended(const Step& step, const Error*, std::chrono::milliseconds) override {
        if (!std::holds_alternative<RunFenceHooks>(step.action)) return;
        for (const InstanceKey& key : {db(2), db(3)})
          world.servers.kill(key);
      }
      RecoveryFixture& world;
    };
    RecoveryFixture world;
    world.servers.kill(db(1));
    world.policy.fencing = Fencing::Required;
    world.policy.has_fence_hooks = true;
    world.config.recovery.fence_processes = {"false"};
    Blinding blinding(world);
    Parts parts = world.process(blinding);
    bool asked = false;
    parts.give_way = [&](const std::vector<InstanceKey>&) {
      return asked = true;
    };
    const auto outcome = recover(parts, RecoveryFixture::work(RecoveryKind::DeadMaster));
    REQUIRE((outcome && outcome->error));
    CHECK(outcome->error->message.find("FencingPolicy is required") != std::string::npos);
    CHECK_FALSE(asked);
    CHECK(world.journal().list_unfinished()->empty());
  }

  TEST_CASE("a master that falls silent is told to have been made read-only before (REC-33)") {
    for (const int change : {1, 2}) {
      for (const bool promotes : {true, false}) {
        CAPTURE(change);
        CAPTURE(promotes);
        RecoveryFixture world;
        const Parts parts = world.process();
        world.mortal->die_at(change, change == 1);
        CHECK_THROWS_AS((void)recover(parts, RecoveryFixture::work(RecoveryKind::DeadMaster)),
                        Killed);
        REQUIRE(world.servers.at(db(1)).server.read_only);
        world.servers.kill(db(1));
        world.bury_owner();
        world.policy.ignored_for_promotion = [&](const Instance&) {
          return !promotes;
        };
        const auto outcome = resume(world.process(), "1");
        REQUIRE(outcome);
        CHECK(!outcome->error == promotes);
        const std::string text =
            promotes ? join(outcome->outcome.account.notes, "; ") : outcome->error->message;
        CAPTURE(text);
        const auto says = [&](const char* part) {
          return text.find(part) != std::string::npos;
        };
        if (promotes) {
          // Of the first nobody wrote down how it ended.
          CHECK(says("db1:3306 was made read-only before it stopped answering") == (change == 2));
          CHECK(says("does not answer, so that it could not be made read-only") == (change == 1));
        } else {
          CHECK(says(change == 2 ? "db1:3306 does not answer, and was made read-only before"
                                 : "db1:3306 does not answer, and may have been made read-only"));
        }
      }
    }
  }

  TEST_CASE("as soon as a new master takes writes, it is on record and the old one in quarantine") {
    for (const bool silent : {false, true}) {
      CAPTURE(silent);
      std::unique_ptr<RecoveryFixture> cut_off;
      // While the others are moved below it.
      for (int change = 1; !cut_off || cut_off->servers.at(db(3)).replication.source != db(2);
           ++change) {
        REQUIRE(change < 20);
        cut_off = std::make_unique<RecoveryFixture>();
        cut_off->servers.kill(db(1));
        const Parts parts = cut_off->process();
        cut_off->mortal->die_at(change, false);
        CHECK_THROWS_AS((void)recover(parts, RecoveryFixture::work(RecoveryKind::DeadMaster)),
                        Killed);
      }
      RecoveryFixture& world = *cut_off;
      const auto entry = storage::QuarantineStore(world.database(), world.clock).find(db(1));
      REQUIRE((entry && *entry));
      CHECK((*entry)->successor == db(2));
      const auto record = world.instances().find(db(2));
      REQUIRE((record && *record));
      CHECK_FALSE((*record)->server.read_only);
      CHECK_FALSE(is_replica(**record));
      world.bury_owner();
      if (silent) world.servers.kill(db(2));
      const auto outcome = resume(world.process(), "1");
      CHECK(text_of(outcome).starts_with(
          silent ? "db2:3306 was told to take writes and does not answer any more" : "no error"));
      const bool names =
          text_of(outcome).find("; db3:3306 is left with replication stopped") != std::string::npos;
      CHECK(names == silent);
      CHECK(world.servers.at(db(3)).server.read_only);
    }
  }

  TEST_CASE("a takeover whose new master is silent waits for it, and nobody else takes writes") {
    for (const RecoveryKind kind : {RecoveryKind::GracefulTakeover, RecoveryKind::DeadMaster}) {
      CAPTURE(to_string(kind));
      const auto world = cut_off_takeover(kind);
      REQUIRE(world);
      for (int time = 0; time < 2; ++time) {
        const auto outcome = resume(world->process(), "1");
        CHECK(text_of(outcome).find("db2:3306 was told to take writes") == 0);
        CHECK(text_of(outcome).find("; db1:3306 is left read-only") != std::string::npos);
        CHECK(world->journal().list_unfinished()->size() == 1);
        // What the run that was cut off had stopped goes on, below the old master.
        CHECK(replica_running(world->servers.at(db(3))));
        world->bury_owner();
        RecoveryWork repair = RecoveryFixture::work(RecoveryKind::NonWriteableMaster);
        repair.automatic = true;
        world->config.recovery.recover_master_cluster_filters = {"*"};
        CHECK(text_of(recover(world->process(), repair)) != "no error");
        CHECK(world->servers.at(db(1)).server.read_only);
        world->bury_owner();
      }
      world->servers.revive(db(2));
      CHECK(text_of(resume(world->process(), "1")) == "no error");
      CHECK(world->servers.writable() == std::vector<InstanceKey>{db(2)});
      CHECK(world->servers.at(db(3)).replication.source == db(2));
      CHECK(world->journal().list_unfinished()->empty());
    }
  }

  TEST_CASE("a failover puts another server in the place of both, and keeps the silent one out") {
    for (const RecoveryKind kind : {RecoveryKind::GracefulTakeover, RecoveryKind::DeadMaster}) {
      CAPTURE(to_string(kind));
      const auto world = cut_off_takeover(kind);
      REQUIRE(world);
      CHECK(text_of(recover(world->process(), RecoveryFixture::work(RecoveryKind::DeadMaster))) ==
            "no error");
      CHECK(world->servers.at(db(3)).replication.source.hostname.empty());
      CHECK_FALSE(world->servers.at(db(3)).server.read_only);
      CHECK(world->journal().list_unfinished()->empty());
      const storage::QuarantineStore store(world->database(), world->clock);
      CHECK(store.find(db(1))->has_value());
      CHECK(store.find(db(2))->has_value());
    }
  }

  TEST_CASE("what waits is not ended while nobody could take the place of both") {
    const auto world = cut_off_takeover();
    REQUIRE(world);
    world->policy.ignored_for_promotion = [](const Instance&) {
      return true;
    };
    const RecoveryWork wanted = RecoveryFixture::work(RecoveryKind::DeadMaster);
    CHECK(
        text_of(recover(world->process(), wanted)).starts_with("db2:3306 was told to take writes"));
    CHECK(world->journal().list_unfinished()->size() == 1);
    world->bury_owner();
    world->policy.ignored_for_promotion = nullptr;
    world->servers.revive(db(2));
    CHECK(text_of(resume(world->process(), "1")) == "no error");
    CHECK(world->servers.writable() == std::vector<InstanceKey>{db(2)});
  }

  TEST_CASE("a recovery whose end cannot be written can be resumed") {
    struct Breaking : StepObserver {
      explicit Breaking(RecoveryFixture& fixture) : world(fixture) {}
      void step_started(const Step& step) override {
        if (std::holds_alternative<Fence>(step.action)) rename("", "_away");
      }
      void rename(const std::string& from, const std::string& to) const {
        for (const std::string table : {"orch_recovery_journal", "topology_recovery"})
          world.run("alter table " + table + from + " rename to " + table + to);
      }
      RecoveryFixture& world;
    };
    RecoveryFixture world;
    Breaking breaking(world);
    const auto outcome =
        recover(world.process(breaking), RecoveryFixture::work(RecoveryKind::DeadMaster));
    REQUIRE((outcome && outcome->error));
    CHECK(outcome->resumable);
    breaking.rename("_away", "");
    CHECK(world.journal().list_unfinished()->size() == 1);
    world.bury_owner();
    CHECK(text_of(resume(world.process(), "1")) == "it was cut off when it had failed");
    CHECK(world.servers.writable() == std::vector<InstanceKey>{db(1)});
    CHECK(world.journal().list_unfinished()->empty());
    CHECK((*world.recoveries().find(1))->ended.has_value());
  }

  TEST_CASE_FIXTURE(RecoveryFixture,
                    "one that was done stays so when its new master falls silent") {
    servers.kill(db(1));
    auto outcome = recover(process(), work(RecoveryKind::DeadMaster));
    REQUIRE_MESSAGE((outcome && !outcome->error), text_of(outcome));
    // As if it had been cut off before its last hooks.
    run("update orch_recovery_run set stage = 'settling'");
    const std::filesystem::path told = std::filesystem::temp_directory_path() / outcome->uid;
    config.recovery.post_failover_processes = {"echo {successorHost} > " + told.string()};
    servers.kill(db(2));
    bury_owner();
    outcome = resume(process(), "1");
    CHECK(text_of(outcome) == "no error");
    std::string host;
    std::ifstream(told) >> host;
    std::filesystem::remove(told);
    CHECK(host == "db2");
    CHECK((*recoveries().find(1))->successful);
  }

  TEST_CASE("that another recovery has begun meanwhile is told once") {
    RecoveryFixture world;
    world.servers.kill(db(1));
    world.policy.ignored_for_promotion = [&](const Instance&) {
      storage::RecoveryRun other;
      other.uid = "other";
      other.kind = to_string(RecoveryKind::DeadMaster);
      other.failed = db(1);
      other.stage = "healing";
      other.owner.node = {"there", "t"};
      REQUIRE(world.journal().save_run(other));
      return false;
    };
    const auto outcome = recover(world.process(), RecoveryFixture::work(RecoveryKind::DeadMaster));
    REQUIRE((outcome && outcome->error));
    CHECK(outcome->error->message == "recovery other of db1:3306 has begun and not ended");
    CHECK(outcome->notes.empty());
  }
}

}  // namespace orch::ha
