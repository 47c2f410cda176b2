// What scenarios do not show; see tests/scenarios/analysis for the codes.

#include "core/analysis/analysis.h"

#include <doctest/doctest.h>

#include "core/json/analysis_json.h"
#include "tests/support/fake_clock.h"
#include "tests/support/topology_builder.h"

namespace orch {

namespace {

using test::db;

const TimePoint kNow = FakeClock().now();

Instance seen(Instance instance) {
  instance.freshness.last_checked = instance.freshness.last_seen =
      instance.freshness.last_attempted_check = kNow;
  instance.cluster_name = "db1:3306";
  return instance;
}

Instance dead(Instance instance) {
  instance = seen(std::move(instance));
  instance.freshness.last_seen = kNow - std::chrono::seconds(30);
  return instance;
}

Instance replica(int number, int source) {
  Instance instance = seen(test::following(test::mysql(number, test::gtids("1-10")), source));
  instance.replication_depth = 1;
  return instance;
}

Instance cut_off(Instance instance) {
  instance.replication.io_running = false;
  instance.replication.io_state = ThreadState::Other;
  instance.replication.last_io_error = "Error connecting to source 'repl@db1:3306'";
  return instance;
}

std::vector<Instance> dead_master(int replicas) {
  std::vector<Instance> instances{dead(test::writable(test::mysql(1, test::gtids("1-10"))))};
  for (int i = 2; i < 2 + replicas; ++i)
    instances.push_back(cut_off(replica(i, 1)));
  return instances;
}

std::vector<Analysis> analyse_all(std::vector<Instance> instances,
                                  const Circumstances& circumstances = {}, AnalysisHints hints = {},
                                  const AnalysisRules& rules = {}) {
  return analyse(Topology(std::move(instances)), circumstances, rules, hints, kNow);
}

}  // namespace

TEST_SUITE("core/analysis/analysis") {
  TEST_CASE("a dead master that was never read is not said to differ from its replicas") {
    std::vector<Instance> instances = dead_master(2);
    instances.front().gtid = {};
    for (std::size_t i = 1; i < instances.size(); ++i)
      instances[i].gtid.mode = "ON";
    const std::vector<Analysis> found = analyse_all(instances);
    REQUIRE_FALSE(found.empty());
    REQUIRE(found.front().key == db(1));
    CHECK(found.front().structure.empty());
    instances.front().gtid.mode = "OFF";
    CHECK_FALSE(analyse_all(instances).front().structure.empty());
  }

  TEST_CASE("all replicas are named, however many there are (ANA-4)") {
    const std::vector<Analysis> found = analyse_all(dead_master(200));
    REQUIRE(found.size() >= 1);
    CHECK(found[0].code == AnalysisCode::DeadMaster);
    CHECK(found[0].replicas.size() == 200);
    CHECK(found[0].facts.replicas.confirming == 200);
  }

  TEST_CASE("the rest of a downtime is counted down to zero (ANA-2)") {
    std::vector<Instance> instances = dead_master(2);
    instances[0].downtime = {
        .active = true, .owner = "alice", .end = format_time(kNow + std::chrono::seconds(90))};
    CHECK(analyse_all(instances)[0].code != AnalysisCode::DeadMaster);
    const std::vector<Analysis> found = analyse_all(instances, {}, {.include_downtimed = true});
    CHECK(found[0].code == AnalysisCode::DeadMaster);
    CHECK(found[0].skippable_due_to_downtime);
    CHECK(found[0].downtime_remaining == std::chrono::seconds(90));
    CHECK(to_json(found[0], {})["DowntimeRemainingSeconds"] == 90);
    CHECK(to_json(found[0], {})["DowntimeEndTimestamp"] ==
          format_time(kNow + std::chrono::seconds(90)));
  }

  TEST_CASE("a server under maintenance is seen, marked, and left alone (ANA-1)") {
    AnalysisRules rules;
    rules.recovers_masters = [](auto, auto) {
      return true;
    };
    CHECK(analyse_all(dead_master(2), {}, {}, rules)[0].actionable);
    Circumstances circumstances;
    circumstances.maintenance[db(1)] = {"alice", "relocate"};
    const std::vector<Analysis> found = analyse_all(dead_master(2), circumstances, {}, rules);
    CHECK(found[0].code == AnalysisCode::DeadMaster);
    CHECK_FALSE(found[0].actionable);
    CHECK(found[0].why_not == "under maintenance by alice: relocate");
  }

  TEST_CASE("a master that somebody hears is not failed over because nobody applies (ANA-7)") {
    AnalysisRules rules;
    rules.recovers_masters = [](auto, auto) {
      return true;
    };
    std::vector<Instance> instances = dead_master(0);
    for (const int number : {2, 3}) {
      instances.push_back(replica(number, 1));
      instances.back().replication.sql_running = false;
      instances.back().replication.sql_state = ThreadState::Stopped;
    }
    const Analysis heard = analyse_all(instances, {}, {}, rules).front();
    CHECK(heard.code == AnalysisCode::DeadMaster);
    CHECK_FALSE(heard.actionable);
    CHECK(heard.why_not.starts_with("2 of its replicas still receive from it"));
    for (Instance& instance : instances) {
      if (is_replica(instance)) instance = cut_off(std::move(instance));
    }
    CHECK(analyse_all(instances, {}, {}, rules).front().actionable);
  }

  TEST_CASE("names that resolve lead replicas to their source") {
    std::vector<Instance> instances = dead_master(2);
    for (std::size_t i = 1; i < instances.size(); ++i)
      instances[i].replication.source = {"db1.internal", 3306};
    CHECK(analyse_all(instances)[0].code == AnalysisCode::DeadMasterWithoutReplicas);
    Circumstances circumstances;
    circumstances.resolved["db1"] = "db1.internal";
    CHECK(analyse_all(instances, circumstances)[0].code == AnalysisCode::DeadMaster);
  }

  TEST_CASE("masters come first, then whom the cluster is called after, then more replicas") {
    std::vector<Instance> instances = dead_master(1);
    Instance other = dead(test::writable(test::mysql(7, "")));
    other.cluster_name = "db7:3306";
    instances.push_back(other);
    Instance former = other;
    former.key = db(6);
    instances.push_back(former);
    instances.push_back(cut_off(replica(8, 7)));
    instances.push_back(cut_off(replica(9, 7)));
    const std::vector<Analysis> found = analyse_all(instances);
    std::vector<InstanceKey> order;
    for (const Analysis& analysis : found)
      order.push_back(analysis.key);
    CHECK(order == std::vector<InstanceKey>{db(7), db(1), db(6), db(2), db(8), db(9)});
  }

  TEST_CASE("healthy leaves and servers never seen are left out, unless all are wanted") {
    std::vector<Instance> instances{seen(test::mysql(1, "")), replica(2, 1)};
    Instance bare;
    bare.key = db(3);
    bare.freshness.last_checked = kNow;
    instances.push_back(bare);
    // The master is read-only.
    REQUIRE(analyse_all(instances).size() == 1);
    CHECK(codes_text(analyse_all(instances)[0]) == "NoWriteableMasterStructureWarning");
    CHECK(analyse_all(instances, {}, {.include_no_problem = true}).size() == 3);
    AnalysisRules rules;
    rules.reduce_replication_analysis_count = false;
    const std::vector<Analysis> all = analyse_all(instances, {}, {}, rules);
    REQUIRE(all.size() == 2);
    CHECK(all[1].key == db(3));
    CHECK(all[1].code == AnalysisCode::DeadMasterWithoutReplicas);
  }

  TEST_CASE("servers that are to be ignored are not analysed") {
    AnalysisRules rules;
    rules.ignored = [](std::string_view host) {
      return host == "db1";
    };
    CHECK(analyse_all(dead_master(2), {}, {}, rules)[0].key == db(2));
    const auto found = analyse_all(dead_master(2), {}, {.include_ignored = true}, rules);
    CHECK(found[0].key == db(1));
    CHECK(found[0].why_not == "RecoveryIgnoreHostnameFilters names the server");
  }

  TEST_CASE("the stored flags count, whatever the states of the threads say") {
    std::vector<Instance> instances = dead_master(0);
    Instance contrary = replica(2, 1);
    contrary.replication.io_running = contrary.replication.sql_running = false;
    instances.push_back(contrary);
    CHECK(analyse_all(instances)[0].code == AnalysisCode::DeadMaster);
    instances[1].replication.io_running = instances[1].replication.sql_running = true;
    instances[1].replication.io_state = instances[1].replication.sql_state = ThreadState::Stopped;
    CHECK(analyse_all(instances)[0].code == AnalysisCode::UnreachableMaster);
  }

  TEST_CASE(
      "a locked master stays watched, so that the lock is told as long as it lasts (ANA-11)") {
    Instance master = replica(1, 0);
    SemiSync& semi_sync = master.semi_sync;
    semi_sync.source_enabled = semi_sync.source_status = true;
    semi_sync.source_wait_for_replica_count = 1;
    CHECK(needs_coordinates_watched(master, {}));
    semi_sync.source_clients = 1;
    CHECK_FALSE(needs_coordinates_watched(master, {}));
    Circumstances circumstances;
    circumstances.semi_sync_waiting[master.key] = 1;
    CHECK(needs_coordinates_watched(master, circumstances));
    semi_sync.source_status = false;
    CHECK_FALSE(needs_coordinates_watched(master, circumstances));
  }

  TEST_CASE("JSON has the fields of the API, in their order, and our own after them") {
    Circumstances circumstances;
    circumstances.clusters["db1:3306"] = {"shop", "shop.example"};
    const std::vector<Analysis> found = analyse_all(dead_master(2), circumstances);
    const Json json = to_json(found[0], {"here", "token"});
    CHECK(json.size() == 57);
    CHECK(json.begin().key() == "AnalyzedInstanceKey");
    CHECK(json["Analysis"] == "DeadMaster");
    CHECK(json["StructureAnalysis"].is_null());
    CHECK(json["ClusterDetails"]["ClusterAlias"] == "shop");
    CHECK(json["ClusterDetails"]["ClusterDomain"] == "shop.example");
    CHECK(json["CountReplicasFailingToConnectToMaster"] == 2);
    CHECK(json["SlaveHosts"] == json["Replicas"]);
    CHECK(json["ProcessingNodeHostname"] == "here");
    const Json full = to_full_json(found[0], {"here", "token"});
    CHECK(full["Recovery"] == "dead-master");
    CHECK(full["WhyNot"] == "RecoverMasterClusterFilters does not name the cluster");
    CHECK(full["CountReplicasConfirmingFailure"] == 2);
  }
}

}  // namespace orch
