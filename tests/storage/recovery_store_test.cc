#include "storage/recovery_store.h"

#include <string>

#include <doctest/doctest.h>

#include "tests/storage/memory_backend.h"

namespace orch::storage {

namespace {

struct RecoveryFixture : MemoryBackend {
  RecoveryStore store{database(), clock, {"node-1", "token-1"}};

  static RecoveryRecord recovery(const std::string& uid, const std::string& hostname = "db-1") {
    RecoveryRecord made;
    made.uid = uid;
    made.failed = {hostname, 3306};
    made.analysis = "DeadMaster";
    made.cluster_name = hostname + ":3306";
    made.cluster_alias = "shop";
    made.affected_count = 2;
    made.affected_replicas = {{"db-2", 3306}, {"db-3", 3306}};
    return made;
  }
  bool claim(const std::string& uid, const std::string& hostname = "db-1") {
    const auto id = store.claim(recovery(uid, hostname));
    REQUIRE_MESSAGE(id.has_value(), why(id));
    return id->has_value();
  }
  bool claim_detection(const std::string& hostname, bool actionable) {
    FailureDetection detection;
    detection.failed = {hostname, 3306};
    detection.cluster_name = hostname + ":3306";
    detection.analysis = "DeadMaster";
    detection.actionable = actionable;
    return store.claim_detection(detection).value_or(false);
  }
  std::string active(const std::string& table) {
    return value("select count(*) from " + table + " where in_active_period = 1");
  }
};

}  // namespace

TEST_SUITE("storage/recovery_store") {
  TEST_CASE_FIXTURE(RecoveryFixture,
                    "a failure of another code is a detection of its own (REC-3)") {
    REQUIRE(claim_detection("db-1", true));
    FailureDetection worse;
    worse.failed = {"db-1", 3306};
    worse.analysis = "DeadMasterAndReplicas";
    worse.actionable = true;
    CHECK(store.claim_detection(worse).value_or(false));
    CHECK_FALSE(store.claim_detection(worse).value_or(true));
    CHECK(active("topology_failure_detection") == "1");
  }

  TEST_CASE_FIXTURE(RecoveryFixture, "a recovery is kept from its start to its end") {
    REQUIRE(claim_detection("db-1", true));
    REQUIRE(claim("u-1"));
    RecoveryRecord ended = recovery("u-1");
    const auto running = store.find("u-1");
    REQUIRE(running);
    REQUIRE(running->has_value());
    CHECK((*running)->active);
    CHECK_FALSE((*running)->ended.has_value());
    CHECK((*running)->last_detection_id == 1);
    CHECK((*running)->node_hostname == "node-1");
    CHECK((*running)->affected_replicas == ended.affected_replicas);

    clock.advance(std::chrono::seconds(7));
    ended.successful = true;
    ended.successor = {"db-2", 3306};
    ended.successor_alias = "second";
    ended.participants = {{"db-3", 3306}};
    ended.lost_replicas = {{"db-4", 3306}};
    ended.errors = {"one", "two"};
    REQUIRE(store.save_end(ended));
    REQUIRE(store.save_step("u-1", "first"));
    REQUIRE(store.save_step("u-1", "second"));
    const auto found = store.find("u-1");
    REQUIRE(found);
    const RecoveryRecord& read = **found;
    CHECK(*read.ended - *read.started == std::chrono::seconds(7));
    CHECK(read.successful);
    CHECK(read.successor == ended.successor);
    CHECK(read.successor_alias == "second");
    CHECK(read.participants == ended.participants);
    CHECK(read.lost_replicas == ended.lost_replicas);
    CHECK(read.errors == ended.errors);
    CHECK(read.analysis == "DeadMaster");
    const auto steps = store.list_steps("u-1");
    REQUIRE(steps);
    REQUIRE(steps->size() == 2);
    CHECK(steps->at(0).message == "first");
  }

  TEST_CASE_FIXTURE(RecoveryFixture,
                    "an instance has one active recovery, another may start when it ended") {
    CHECK(claim("u-1"));
    CHECK_FALSE(claim("u-2"));
    CHECK(claim("u-3", "db-9"));
    CHECK(store.acknowledge_instance({"db-1", 3306}, {"alice", "seen"}).value_or(-1) == 1);
    CHECK(claim("u-4"));
    const auto listed = store.list("", 0);
    REQUIRE(listed);
    REQUIRE(listed->size() == 3);
    CHECK(listed->at(0).uid == "u-4");
    CHECK(store.list("db-9:3306", 0)->size() == 1);
    CHECK(store.list("", 1, 2)->size() == 1);
    CHECK(store.list_active()->size() == 2);
  }

  TEST_CASE_FIXTURE(RecoveryFixture,
                    "acknowledging counts, keeps who said what, and does so once") {
    claim("u-1");
    claim("u-2", "db-9");
    CHECK(store.acknowledge_all({"alice", "seen"}).value_or(-1) == 2);
    CHECK(store.acknowledge_all({"bob", "again"}).value_or(-1) == 0);
    const auto found = store.find("u-1");
    REQUIRE(found);
    CHECK_FALSE((*found)->active);
    CHECK((*found)->acknowledged);
    CHECK((*found)->acknowledged_by == "alice");
    CHECK((*found)->acknowledge_comment == "seen");
    CHECK((*found)->acknowledged_at == clock.now());
    CHECK(value("select end_active_period_unixtime from topology_recovery where uid = 'u-1'") ==
          "1769854830");
  }

  TEST_CASE_FIXTURE(RecoveryFixture,
                    "two recoveries of one instance within a second can be acknowledged") {
    for (int i = 0; i < 3; ++i) {
      CHECK(claim("u-" + std::to_string(i)));
      CHECK(store.acknowledge_instance({"db-1", 3306}, {"alice", "seen"}).value_or(-1) == 1);
    }
    CHECK(active("topology_recovery") == "0");
  }

  TEST_CASE_FIXTURE(RecoveryFixture,
                    "a cluster is acknowledged by name or alias, with its detections") {
    claim("u-1");
    claim("u-2", "db-9");
    CHECK(claim_detection("db-1", true));
    CHECK_FALSE(claim_detection("db-1", true));
    CHECK(claim_detection("db-1", false));
    CHECK(claim_detection("db-9", true));
    CHECK(store.acknowledge_cluster("db-1:3306", "", {"alice", "seen"}).value_or(-1) == 1);
    CHECK(active("topology_failure_detection") == "1");
    CHECK(store.acknowledge_cluster("nowhere", "shop", {"alice", "seen"}).value_or(-1) == 1);
    CHECK(active("topology_recovery") == "0");
    const auto detections = store.list_detections(0);
    REQUIRE(detections);
    REQUIRE(detections->size() == 3);
    CHECK(detections->at(0).failed.hostname == "db-9");
    CHECK(detections->at(0).active);
    CHECK_FALSE(detections->at(2).active);
    CHECK(store.acknowledge_instance({"db-9", 3306}, {"alice", "seen"}).value_or(-1) == 0);
    CHECK(active("topology_failure_detection") == "0");
  }

  TEST_CASE_FIXTURE(RecoveryFixture, "a detection names the latest recovery that it led to") {
    CHECK(claim_detection("db-1", true));
    CHECK(claim("u-1"));
    CHECK(store.acknowledge_instance({"db-1", 3306}, {"alice", "seen"}).value_or(-1) == 1);
    CHECK(claim("u-2"));
    CHECK(claim_detection("db-9", true));
    const auto detections = store.list_detections(0);
    REQUIRE(detections);
    CHECK(detections->at(0).related_recovery_id == 0);
    CHECK(detections->at(1).related_recovery_id == (*store.find("u-2"))->id);
  }

  TEST_CASE_FIXTURE(RecoveryFixture, "a failure that lasts is a new one after a while") {
    CHECK(claim_detection("db-1", true));
    clock.advance(std::chrono::minutes(60));
    CHECK(claim_detection("db-9", true));
    REQUIRE(store.end_old_detections(std::chrono::minutes(60)));
    CHECK_FALSE(claim_detection("db-1", true));
    clock.advance(std::chrono::seconds(1));
    REQUIRE(store.end_old_detections(std::chrono::minutes(60)));
    CHECK(claim_detection("db-1", true));
    CHECK_FALSE(claim_detection("db-9", true));
    CHECK(value("select end_active_period_unixtime from topology_failure_detection "
                "where in_active_period = 0") == "1769858431");
  }

  TEST_CASE_FIXTURE(RecoveryFixture, "the global switch stays until it is turned back") {
    CHECK_FALSE(store.globally_disabled().value_or(true));
    REQUIRE(store.save_global_switch(true));
    REQUIRE(store.save_global_switch(true));
    CHECK(store.globally_disabled().value_or(false));
    REQUIRE(store.save_global_switch(false));
    CHECK_FALSE(store.globally_disabled().value_or(true));
  }

  TEST_CASE_FIXTURE(RecoveryFixture, "old recoveries, steps and detections expire") {
    claim("u-1");
    claim_detection("db-1", true);
    REQUIRE(store.save_step("u-1", "first"));
    clock.advance(std::chrono::days(8));
    CHECK(store.expire(std::chrono::days(9)).value_or(-1) == 0);
    CHECK(store.expire(std::chrono::days(7)).value_or(-1) == 3);
  }
}

}  // namespace orch::storage
