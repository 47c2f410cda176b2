#include "ha/raft/shared_database.h"

#include <doctest/doctest.h>

#include "storage/audit_store.h"
#include "storage/cluster_store.h"
#include "storage/downtime_store.h"
#include "storage/instance_store.h"
#include "storage/journal_store.h"
#include "storage/maintenance_store.h"
#include "storage/recovery_store.h"
#include "storage/tag_store.h"
#include "tests/ha/raft/raft_bench.h"

namespace orch::ha::raft {

namespace {

const InstanceKey kDb1{"db-1", 3306};

void check_done(const Result<>& done) {
  CHECK_MESSAGE(done.has_value(), storage::why(done));
}

RecoveryRecord dead(const InstanceKey& key, const std::string& uid) {
  RecoveryRecord record;
  record.uid = uid;
  record.failed = key;
  record.analysis = "DeadMaster";
  return record;
}

storage::RecoveryStore recoveries_of(RaftNode& node) {
  return {node.shared, node.clock, {"host", "token"}};
}

}  // namespace

TEST_CASE(
    "what the leader decides stands on all nodes, with the same generated keys (REC-14, HA-10)") {
  ThreeNodes nodes;
  // A table that has seen more than the others would give other keys by itself.
  nodes.two.run(
      "insert into topology_recovery_steps (recovery_uid, message) values ('x', 'y');"
      "delete from topology_recovery_steps");
  const auto first = recoveries_of(nodes.one).claim(dead(kDb1, "uid-1"));
  REQUIRE_MESSAGE(first.has_value(), storage::why(first));
  CHECK(*first == 1);
  check_done(recoveries_of(nodes.one).save_step("uid-1", "begun"));
  CHECK(nodes.value("select recovery_id from topology_recovery where uid = 'uid-1'") == "1");
  CHECK(nodes.value("select recovery_step_id from topology_recovery_steps") == "1");
  CHECK(nodes.value("select processing_node_hostname || processcing_node_token "
                    "from topology_recovery where uid = 'uid-1'") == "hosttoken");
  nodes.group.leader = 1;
  const auto second = recoveries_of(nodes.two).claim(dead({"db-2", 3306}, "uid-2"));
  REQUIRE_MESSAGE(second.has_value(), storage::why(second));
  CHECK(*second == 2);
  CHECK(nodes.value("select recovery_id from topology_recovery where uid = 'uid-2'") == "2");
}

TEST_CASE("of two recoveries of one server only one is claimed (REC-13, HA-28)") {
  ThreeNodes nodes;
  REQUIRE(recoveries_of(nodes.one).claim(dead(kDb1, "uid-1")).value_or(std::nullopt));
  nodes.group.leader = 2;
  const std::size_t agreed = nodes.group.log.size();
  const auto again = recoveries_of(nodes.three).claim(dead(kDb1, "uid-2"));
  REQUIRE(again.has_value());
  CHECK_FALSE(again->has_value());
  CHECK(nodes.group.log.size() == agreed);
  CHECK(nodes.value("select count(*) from topology_recovery") == "1");
}

TEST_CASE("counts of changed rows and generated keys come back as from any database") {
  ThreeNodes nodes;
  storage::TagStore tags(nodes.one.shared, nodes.one.clock);
  check_done(tags.save(kDb1, {"name", "value"}));
  CHECK(*tags.forget(kDb1, {.tag = {"other", ""}}) == false);
  CHECK(*tags.forget(kDb1, {.tag = {"name", ""}}) == true);
  storage::MaintenanceStore locks(nodes.one.shared, nodes.one.clock, {"host", "token"});
  const storage::MaintenanceRequest request{
      .key = kDb1, .owner = "me", .reason = "test", .duration = std::chrono::minutes(5)};
  const auto id = locks.claim(request);
  REQUIRE_MESSAGE(id.has_value(), storage::why(id));
  CHECK(*id == 1);
  CHECK_FALSE(locks.claim(request)->has_value());
  CHECK(nodes.value("select database_instance_maintenance_id from database_instance_maintenance") ==
        "1");
  CHECK(*locks.end(kDb1) == true);
}

TEST_CASE("what changes nothing is not agreed on, and every node may do it") {
  ThreeNodes nodes;
  storage::TagStore tags(nodes.two.shared, nodes.two.clock);
  CHECK(*tags.forget(kDb1, {.tag = {"name", ""}}) == false);
  CHECK(nodes.group.log.empty());
}

TEST_CASE("a node that does not lead refuses to decide, and says who does") {
  ThreeNodes nodes;
  const Result<> saved =
      storage::TagStore(nodes.two.shared, nodes.two.clock).save(kDb1, {"name", ""});
  REQUIRE_FALSE(saved.has_value());
  CHECK(saved.error().kind == ErrorKind::Conflict);
  CHECK(saved.error().message.find("node-0:10008") != std::string::npos);
  CHECK(nodes.value("select count(*) from database_instance_tags") == "0");
  nodes.group.leader.reset();
  const Result<> alone =
      storage::TagStore(nodes.two.shared, nodes.two.clock).save(kDb1, {"name", ""});
  CHECK(alone.error().message.find("nobody is known") != std::string::npos);
}

TEST_CASE("what the next leader must know of recoveries stands on all nodes (HA-12, HA-13)") {
  ThreeNodes nodes;
  storage::RecoveryStore recoveries = recoveries_of(nodes.one);
  RecoveryRecord ended = dead(kDb1, "uid-1");
  REQUIRE(recoveries.claim(ended).value_or(std::nullopt));
  ended.successful = true;
  check_done(recoveries.save_end(ended));
  check_done(recoveries.end_completed(kDb1));  // as the next recovery of it implies
  CHECK(nodes.value("select acknowledged from topology_recovery") == "1");
  check_done(recoveries.save_blocked(kDb1, "db-1:3306", "DeadMaster", 1));
  CHECK(nodes.value("select blocking_recovery_id from blocked_topology_recovery") == "1");

  storage::DowntimeStore downtimes(nodes.one.shared, nodes.one.clock);
  check_done(downtimes.begin({.key = kDb1, .owner = "me", .reason = "lost-in-recovery"}));
  CHECK(nodes.value("select reason from database_instance_downtime") == "lost-in-recovery");
  CHECK(*downtimes.end(kDb1) == true);
  CHECK(nodes.value("select count(*) from database_instance_downtime") == "0");

  storage::TagStore tags(nodes.one.shared, nodes.one.clock);
  check_done(tags.save(kDb1, {"name", "value"}));
  CHECK(*tags.forget(kDb1, {.tag = {"name", ""}}) == true);
  CHECK(nodes.value("select count(*) from database_instance_tags") == "0");
}

TEST_CASE("a node's own tables are written by each node for itself") {
  ThreeNodes nodes;
  check_done(storage::AuditStore(nodes.two.shared, nodes.two.clock).save({.type = "test"}));
  CHECK(nodes.two.value("select count(*) from audit") == "1");
  CHECK(nodes.one.value("select count(*) from audit") == "0");
  CHECK(nodes.group.log.empty());
}

TEST_CASE("a transaction on both kinds of tables writes its own part where it was asked for") {
  ThreeNodes nodes;
  storage::ClusterStore clusters(nodes.one.shared, nodes.one.clock, {});
  check_done(clusters.save_alias("db-1:3306", "shop"));
  check_done(clusters.save_alias_override("db-1:3306", "shop"));
  check_done(clusters.rename("db-1:3306", "db-2:3306"));
  CHECK(nodes.value("select cluster_name from cluster_alias_override") == "db-2:3306");
  CHECK(nodes.one.value("select cluster_name from cluster_alias") == "db-2:3306");
  CHECK(nodes.two.value("select count(*) from cluster_alias") == "0");
}

TEST_CASE("work that fails is undone everywhere and not agreed on") {
  ThreeNodes nodes;
  const Result<> done = nodes.one.shared.transaction([&]() -> Result<> {
    ORCH_TRY(storage::TagStore(nodes.one.shared, nodes.one.clock).save(kDb1, {"name", ""}));
    return fail(ErrorKind::Refused, "no");
  });
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().message == "no");
  CHECK(nodes.group.log.empty());
  CHECK(nodes.value("select count(*) from database_instance_tags") == "0");
}

TEST_CASE("when another command comes in between, work is done again on what is there then") {
  ThreeNodes nodes;
  storage::JournalStore journal(nodes.one.shared, nodes.one.clock);
  const storage::JournalEntry entry{.uid = "uid", .action = "step"};
  REQUIRE(*journal.begin(entry) == 1);
  // A deposed leader's last command.
  nodes.group.before = [&nodes] {
    const auto committed = nodes.group.commit(
        pack({.dialect = nodes.one.database().dialect().kind(),
              .base = 1,
              .statements = {{"update orch_recovery_journal set sequence = 2", {}}}}),
        0);
    REQUIRE(committed.has_value());
  };
  CHECK(*journal.begin(entry) == 3);
  CHECK(nodes.value("select count(*) from orch_recovery_journal") == "2");
}

TEST_CASE("a group that does not answer fails the write, and the node stays as it was") {
  ThreeNodes nodes;
  nodes.group.silent = true;
  const Result<> saved =
      storage::TagStore(nodes.one.shared, nodes.one.clock).save(kDb1, {"name", ""});
  REQUIRE_FALSE(saved.has_value());
  CHECK(saved.error().kind == ErrorKind::Unreachable);
  CHECK(nodes.value("select count(*) from database_instance_tags") == "0");
}

TEST_CASE("to watch a server and to forget it are decisions; what was read of it is not (HA-6)") {
  ThreeNodes nodes;
  storage::InstanceStore instances(nodes.one.shared, nodes.one.clock, {});
  check_done(instances.insert_if_absent(kDb1));
  CHECK(nodes.value("select count(*) from database_instance") == "1");
  check_done(instances.mark_read_only(kDb1));
  CHECK(nodes.one.value("select read_only from database_instance") == "1");
  CHECK(nodes.two.value("select read_only from database_instance") == "0");
  CHECK(*instances.forget_cluster("db-1:3306") == 1);
  CHECK(nodes.value("select count(*) from database_instance") == "0");
}

}  // namespace orch::ha::raft
