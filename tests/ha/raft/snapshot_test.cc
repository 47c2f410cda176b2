#include "ha/raft/snapshot.h"

#include <doctest/doctest.h>

#include "storage/instance_store.h"
#include "storage/recovery_store.h"
#include "storage/tag_store.h"
#include "tests/ha/raft/raft_bench.h"

namespace orch::ha::raft {

namespace {

const InstanceKey kServer{"db-1", 3306};
const InstanceKey kOther{"db-2", 3306};

RecoveryRecord begun(const std::string& uid) {
  RecoveryRecord record;
  record.uid = uid;
  record.failed = kServer;
  record.analysis = "DeadMaster";
  record.cluster_name = "db-1:3306";
  return record;
}

/// The state of the first node, which the second has nothing of.
struct TwoStates {
  FakeGroup group;
  RaftNode full{group, 0};
  FakeGroup others;
  RaftNode empty{others, 0};

  std::string taken() {
    const Result<std::string> snapshot = full.state.snapshot([] {});
    REQUIRE_MESSAGE(snapshot.has_value(), storage::why(snapshot));
    return *snapshot;
  }
  Result<> give(std::string_view snapshot) { return empty.state.restore(snapshot); }
};

void must(const Result<>& done) {
  REQUIRE_MESSAGE(done.has_value(), storage::why(done));
}

}  // namespace

TEST_CASE("a snapshot makes another node the same: NULL stays NULL, text stays what it is (HA-8)") {
  TwoStates nodes;
  storage::RecoveryStore store(nodes.full.shared, nodes.full.clock, {"one", "token"});
  REQUIRE(store.claim(begun("uid-1")).has_value());
  must(storage::TagStore(nodes.full.shared, nodes.full.clock)
           .save(kServer, {"name", std::string("it's ? \n \"so\"")}));
  must(nodes.give(nodes.taken()));
  for (const std::string_view sql :
       {"select recovery_id from topology_recovery", "select end_recovery from topology_recovery",
        "select uid from topology_recovery", "select is_successful from topology_recovery",
        "select start_active_period from topology_recovery",
        "select tag_value from database_instance_tags", "select applied_index from orch_raft_state",
        "select changed_index from orch_raft_state"}) {
    CAPTURE(sql);
    CHECK(nodes.empty.value(sql) == nodes.full.value(sql));
  }
  CHECK(nodes.empty.value("select end_recovery from topology_recovery") == "NULL");
}

TEST_CASE("what was deleted is gone after a snapshot, and what a node alone had, too (HA-9)") {
  TwoStates nodes;
  nodes.empty.run(
      "insert into database_instance_tags (hostname, port, tag_name, tag_value) values ('db-9', "
      "3306, 'old', '')");
  must(storage::TagStore(nodes.full.shared, nodes.full.clock).save(kServer, {"new", ""}));
  must(nodes.give(nodes.taken()));
  CHECK(nodes.empty.value("select count(*) from database_instance_tags") == "1");
  CHECK(nodes.empty.value("select tag_name from database_instance_tags") == "new");
}

TEST_CASE("servers are watched and forgotten as the snapshot says; known records stay") {
  TwoStates nodes;
  storage::InstanceStore full(nodes.full.shared, nodes.full.clock, {});
  must(full.insert_if_absent(kServer));
  must(full.insert_if_absent(kOther));
  storage::InstanceStore own(nodes.empty.database(), nodes.empty.clock, {});
  must(own.insert_if_absent(kServer));
  must(own.insert_if_absent({"db-3", 3306}));
  nodes.empty.run("update database_instance set version = '10.11.6' where hostname = 'db-1'");
  must(nodes.give(nodes.taken()));
  CHECK(*own.list_keys() == std::vector<InstanceKey>{kServer, kOther});
  CHECK(nodes.empty.value("select version from database_instance where hostname = 'db-1'") ==
        "10.11.6");
}

TEST_CASE("a snapshot that this node is past already changes nothing") {
  TwoStates nodes;
  storage::TagStore tags(nodes.full.shared, nodes.full.clock);
  must(tags.save(kServer, {"first", ""}));
  const std::string before = nodes.taken();
  must(tags.save(kServer, {"second", ""}));
  must(nodes.full.state.restore(before));
  CHECK(nodes.full.value("select count(*) from database_instance_tags") == "2");
}

TEST_CASE("a snapshot that is damaged anywhere is refused, and nothing is changed") {
  TwoStates nodes;
  must(storage::TagStore(nodes.full.shared, nodes.full.clock).save(kServer, {"new", "value"}));
  nodes.empty.run("insert into global_recovery_disable values (1)");
  const std::string whole = nodes.taken();
  std::size_t step = 1 + whole.size() / 97;
  for (std::size_t place = 0; place < whole.size(); place += step) {
    std::string bent = whole;
    bent[place] = static_cast<char>(bent[place] ^ 0x10);
    CAPTURE(place);
    CHECK_FALSE(nodes.give(bent).has_value());
    CHECK_FALSE(nodes.give(std::string_view(whole).substr(0, place)).has_value());
  }
  CHECK_FALSE(nodes.give(whole + "x").has_value());
  CHECK(nodes.empty.value("select count(*) from global_recovery_disable") == "1");
  must(nodes.give(whole));
  CHECK(nodes.empty.value("select count(*) from global_recovery_disable") == "0");
}

TEST_CASE("a node that got a snapshot goes on with the entries after it") {
  TwoStates nodes;
  storage::TagStore tags(nodes.full.shared, nodes.full.clock);
  must(tags.save(kServer, {"first", ""}));
  must(nodes.give(nodes.taken()));
  must(tags.save(kServer, {"second", ""}));
  const Result<std::string> answer = nodes.empty.state.apply(2, nodes.group.log.back());
  REQUIRE(answer.has_value());
  CHECK(*answer == kDone);
  CHECK(nodes.empty.value("select count(*) from database_instance_tags") == "2");
}

}  // namespace orch::ha::raft
