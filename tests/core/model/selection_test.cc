#include "core/model/selection.h"

#include <doctest/doctest.h>

namespace orch {

namespace {

using std::chrono::seconds;

const InstanceFilter kNone{};

/// A healthy replica of `source`, that has executed up to 100.
Instance replica(const std::string& host, const std::string& source = "m") {
  static std::uint32_t next_id = 1;
  Instance i;
  i.key = {host, 3306};
  i.cluster_name = "m:3306";
  i.replication_depth = 1;
  i.server.id = ++next_id;
  i.server.version = "8.0.36";
  i.server.log_bin = true;
  i.server.log_replica_updates = true;
  i.server.binlog_format = "ROW";
  i.server.read_only = true;
  i.replication.source = {source, 3306};
  i.replication.exec = {"bin.000001", 100};
  i.replication.read = i.replication.exec;
  i.location.data_center = "dc1";
  i.freshness.is_last_check_valid = true;
  return i;
}

Instance master() {
  Instance m = replica("m", "");
  m.replication = {};
  m.replication_depth = 0;
  m.server.read_only = false;
  return m;
}

std::string host(const Instance* instance) {
  return instance ? instance->key.hostname : "none";
}

std::string letters(const Chosen& chosen) {
  std::string names;
  for (const Instance* i : chosen)
    names += i->key.hostname;
  return names;
}

std::string candidate(const std::vector<Instance>& replicas, const InstanceFilter& ignored = {}) {
  const Instance m = master();
  return host(candidate_replica(&m, replicas, ignored));
}

void give_replicas(Instance& instance, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    instance.replicas.push_back({"r", static_cast<std::uint16_t>(i + 1)});
  }
}

}  // namespace

TEST_SUITE("core/model/selection") {
  TEST_CASE("the candidate is the replica that has executed most") {
    std::vector<Instance> all{replica("a"), replica("b")};
    CHECK(candidate(all) == "a");
    all[1].replication.exec.log_pos = 101;
    CHECK(candidate(all) == "b");
    all[0].replication.exec = {"bin.000002", 4};
    CHECK(candidate(all) == "a");
    CHECK(candidate({}) == "none");
  }

  TEST_CASE("DISC-10: the candidate's log numbers are compared as numbers") {
    std::vector<Instance> all{replica("a"), replica("b")};
    all[0].replication.exec = {"bin.999999", 900};
    all[1].replication.exec = {"bin.1000000", 4};
    CHECK(candidate(all) == "b");
  }

  TEST_CASE("REC-17: at one place the criteria decide one after the other, both ways") {
    std::vector<Instance> all{replica("a"), replica("b"), replica("c")};
    all[0].promotion_rule = PromotionRule::PreferNot;
    CHECK(candidate(all) == "b");
    all[1].gtid.errant = "x:1";
    CHECK(candidate(all) == "c");
    all[2].location.data_center = "dc2";
    CHECK(candidate(all) == "a");
    all[2].server.version = "5.7.44";
    CHECK(candidate(all) == "c");
    all[1].server.binlog_format = "STATEMENT";
    all[2].server.version = "8.0.36";
    CHECK(candidate(all) == "b");
  }

  TEST_CASE("an unknown master has no data center to prefer") {
    std::vector<Instance> all{replica("a"), replica("b")};
    all[0].location.data_center = "dc2";
    CHECK(candidate(all) == "b");
    CHECK(host(candidate_replica(nullptr, all, kNone)) == "a");
  }

  TEST_CASE("who is not fit for promotion is no candidate, however far ahead") {
    const auto without = [](const auto& spoil) {
      std::vector<Instance> all{replica("a"), replica("b")};
      all[0].replication.exec.log_pos = 200;
      REQUIRE(candidate(all) == "a");
      spoil(all[0]);
      return candidate(all);
    };
    CHECK(without([](Instance& i) { i.freshness.is_last_check_valid = false; }) == "b");
    CHECK(without([](Instance& i) { i.server.log_bin = false; }) == "b");
    CHECK(without([](Instance& i) { i.server.log_replica_updates = false; }) == "b");
    CHECK(without([](Instance& i) { i.server.binlog_server = true; }) == "b");
    CHECK(without([](Instance& i) { i.promotion_rule = PromotionRule::MustNot; }) == "b");
    CHECK(candidate({replica("a"), replica("b")},
                    [](const Instance& i) { return i.key.hostname == "a"; }) == "b");
  }

  TEST_CASE("a version or format above the most frequent one is passed over") {
    std::vector<Instance> all{replica("a"), replica("b"), replica("c")};
    all[0].server.version = "8.4.3";
    all[0].replication.exec.log_pos = 200;
    CHECK(candidate(all) == "b");
    all[1].server.version = "8.4.3";
    CHECK(candidate(all) == "a");
    all[1].server.binlog_format = all[2].server.binlog_format = "MIXED";
    CHECK(candidate(all) == "c");
  }

  TEST_CASE("of two equally frequent versions the lower is the limit") {
    std::vector<Instance> all{replica("a"), replica("b")};
    all[0].server.version = "10.1.1";
    all[0].replication.exec.log_pos = 200;
    CHECK(candidate(all) == "b");
  }

  TEST_CASE("OSC replicas: two per data center, two of the replicas of each, and depth three") {
    std::vector<Instance> all;
    for (const char* name : {"a", "b", "c"})
      all.push_back(replica(name));
    all.push_back(replica("d"));
    all[3].location.data_center = "dc2";
    give_replicas(all[1], 3);             // b is the busiest of dc1
    all[2].replication.lag = seconds(9);  // c is the most lagging leaf
    all[0].replication.lag = seconds(8);
    for (const char* name : {"e", "f", "g"}) {
      all.push_back(replica(name, "b"));
      all.back().replication_depth = 2;
    }
    give_replicas(all[6], 1);  // g before e
    all.push_back(replica("h", "g"));
    all.back().replication_depth = 3;
    all.push_back(replica("i", "a"));  // a was not chosen
    all.back().replication_depth = 2;
    CHECK(letters(osc_replicas(all, kNone)) == "dbcgeh");
    CHECK(heuristic_lag(all, kNone) == seconds(9));

    const auto ignored = [](const Instance& i) {
      return i.key.hostname == "c";
    };
    CHECK(letters(osc_replicas(all, ignored)) == "dbageh");
    all[1].freshness.is_last_check_valid = false;
    all[7].server.binlog_server = true;
    CHECK(letters(osc_replicas(all, kNone)) == "dca");
  }

  TEST_CASE("without OSC replicas there is no heuristic lag, and unknown lag is none") {
    CHECK_FALSE(heuristic_lag(std::vector<Instance>{master()}, kNone));
    CHECK(heuristic_lag(std::vector<Instance>{replica("a")}, kNone) == seconds(0));
  }

  TEST_CASE("gh-ost replicas log rows, and the least busy come first") {
    std::vector<Instance> all{master(),     replica("a"), replica("b"), replica("c"),
                              replica("d"), replica("e"), replica("f"), replica("g")};
    give_replicas(all[1], 2);
    give_replicas(all[2], 1);
    all[3].server.binlog_format = "MIXED";
    all[4].server.log_replica_updates = false;
    all[5].freshness.is_last_check_valid = false;
    all[6].server.binlog_server = true;
    CHECK(letters(gh_ost_replicas(all)) == "gba");
  }

  TEST_CASE("the cluster's master is the writable one at the top, else a read-only one") {
    std::vector<Instance> all{replica("a"), replica("co", "m"), master()};
    CHECK(host(cluster_master(all)) == "m");
    all[1].is_co_master = true;
    all[1].server.read_only = false;
    CHECK(host(cluster_master(all)) == "m");
    all[2].server.read_only = true;
    CHECK(host(cluster_master(all)) == "co");
    all[1].server.read_only = true;
    CHECK(host(cluster_master(all)) == "m");
    CHECK(host(cluster_master(std::vector<Instance>{replica("a")})) == "none");
  }

  TEST_CASE("per cluster there is one writable master, clusters in order of name") {
    std::vector<Instance> all{master(), replica("co", "m"), master(), master(), replica("x")};
    all[1].is_co_master = true;
    all[1].server.read_only = false;
    all[2].key.hostname = "k";
    all[2].cluster_name = "k:3306";
    all[3].key.hostname = "z";
    all[3].cluster_name = "z:3306";
    all[3].server.read_only = true;
    CHECK(letters(writable_cluster_masters(all)) == "km");
  }
}

TEST_SUITE("core/model/selection: replacement of a promoted server") {
  struct Failover {
    Instance failed = master();
    std::vector<Instance> cluster{replica("p"), replica("a", "p"), replica("b", "p")};
    PromotionLimits limits{};
    bool failed_is_known = true;

    Failover() {
      cluster[0].location.data_center = "dc2";
      cluster[0].location.region = "r1";
    }
    Instance& promoted() { return cluster[0]; }
    Instance& a() { return cluster[1]; }
    Instance& b() { return cluster[2]; }
    [[nodiscard]] std::string answer() const {
      const Instance p = cluster[0];
      return promoted_replacement(cluster, p, failed_is_known ? &failed : nullptr, limits)
          .key.hostname;
    }
  };

  TEST_CASE("without candidates the promoted server stays") {
    CHECK(Failover().answer() == "p");
  }

  TEST_CASE("a candidate in the failed server's site is better than one elsewhere") {
    Failover f;
    f.promoted().promotion_rule = PromotionRule::Must;
    CHECK(f.answer() == "p");
    f.a().promotion_rule = PromotionRule::Prefer;
    CHECK(f.answer() == "a");
    f.b().promotion_rule = PromotionRule::Prefer;
    CHECK(f.answer() == "b");
    f.b().location.physical_environment = "lab";
    CHECK(f.answer() == "a");
    f.promoted().location.data_center = "dc1";
    CHECK(f.answer() == "p");
  }

  TEST_CASE("an unknown failed server has no site") {
    Failover f;
    f.failed_is_known = false;
    f.promoted().promotion_rule = PromotionRule::Prefer;
    f.a().promotion_rule = PromotionRule::Prefer;
    CHECK(f.answer() == "p");
  }

  TEST_CASE("a candidate near the promoted server comes before one anywhere") {
    Failover f;
    f.a().promotion_rule = f.b().promotion_rule = PromotionRule::Prefer;
    f.a().location.data_center = "dc2";
    f.b().location.data_center = "dc3";
    CHECK(f.answer() == "a");
    f.a().location.data_center = "dc4";
    CHECK(f.answer() == "b");
    f.limits.prevent_cross_data_center = true;
    CHECK(f.answer() == "p");
  }

  TEST_CASE("a neutral member is chosen when the promoted one is not wanted or not allowed") {
    Failover f;
    f.promoted().promotion_rule = PromotionRule::PreferNot;
    CHECK(f.answer() == "b");
    f.b().location.data_center = "dc2";
    CHECK(f.answer() == "a");
    f.a().location.data_center = "dc3";
    CHECK(f.answer() == "b");
    f.promoted().promotion_rule = PromotionRule::Neutral;
    CHECK(f.answer() == "p");
    f.limits.prevent_cross_region = true;
    f.failed.location.region = "r2";
    f.a().location.region = "r2";
    f.b().location.data_center = "dc4";
    CHECK(f.answer() == "a");
  }

  TEST_CASE("who cannot take over is no replacement") {
    const auto without = [](const auto& spoil) {
      Failover f;
      f.a().promotion_rule = PromotionRule::Must;
      REQUIRE(f.answer() == "a");
      spoil(f);
      return f.answer();
    };
    CHECK(without([](Failover& f) { f.a().freshness.is_last_check_valid = false; }) == "p");
    CHECK(without([](Failover& f) { f.a().server.log_replica_updates = false; }) == "p");
    CHECK(without([](Failover& f) { f.a().replication.source.hostname = "b"; }) == "p");
    CHECK(without([](Failover& f) { f.a().server.version = "8.4.3"; }) == "p");
    CHECK(without([](Failover& f) { f.failed.key = f.a().key; }) == "p");
    CHECK(without([](Failover& f) {
            f.limits.ignored = [](const Instance& i) {
              return i.key.hostname == "a";
            };
          }) == "p");
  }
}

}  // namespace orch
