#include "core/plan/recovery/orphans.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "core/plan/preview.h"
#include "core/plan/recovery/dead_primary.h"
#include "tests/support/recovery_bench.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

/// db1 with db2, db3 and db4 below; db5 and db6 below db2, which dies.
void build(FakeServers& servers) {
  servers.add(writable(mysql(1, gtids("1-100"))));
  for (const int number : {2, 3, 4})
    servers.add(following(mysql(number, gtids("1-100")), 1));
  servers.add(following(mysql(5, gtids("1-90")), 2));
  servers.add(following(mysql(6, gtids("1-95")), 2));
  servers.kill(db(2));
}

void put(FakeServers& servers, int number, const std::string& data_center) {
  servers.set(db(number), [&](Instance& i) { i.location.data_center = data_center; });
}

Outcome heal(FakeServers& servers, int changes = -1) {
  return run_plan(servers, dead_intermediate(db(2), Policy{}), changes);
}

}  // namespace

TEST_SUITE("core/plan/recovery/orphans") {
  TEST_CASE("the replicas of a dead intermediate master go below a sibling of its data center") {
    FakeServers servers;
    build(servers);
    put(servers, 2, "a");
    put(servers, 3, "b");
    put(servers, 4, "a");
    const Outcome outcome = heal(servers);
    REQUIRE_FALSE(outcome.error);
    check_below(servers, 5, 4);
    check_below(servers, 6, 4);
    CHECK(outcome.account.promoted == db(4));
  }

  TEST_CASE("orphans of a server that filtered are said to lack what it left out") {
    FakeServers servers;
    build(servers);
    Outcome outcome = heal(servers);
    CHECK(outcome.account.notes.empty());
    FakeServers filtered;
    build(filtered);
    filtered.set(db(2), [](Instance& i) { i.replication.has_filters = true; });
    outcome = heal(filtered);
    REQUIRE_FALSE(outcome.error);
    REQUIRE(outcome.account.notes.size() == 1);
    CHECK(outcome.account.notes.front() ==
          "db2:3306 filtered what it replicated: rows that it left out are missing in db5:3306, "
          "db6:3306 until somebody brings them there; by the tag orch-incomplete they are passed "
          "over until then (orch untag)");
  }

  TEST_CASE("without GTID the orphans' places are found by Pseudo-GTID") {
    for (const bool by_pseudo_gtid : {true, false}) {
      std::vector<Instance> all{writable(mysql(1, ""))};
      for (const auto& [number, source] : {std::pair(2, 1), {3, 1}, {4, 2}, {5, 2}})
        all.push_back(by_coordinates(number, source, 900));
      for (Instance& instance : all) {
        instance.gtid = {};
        instance.gtid.uses_pseudo = true;
      }
      all[1] = unseen(all[1]);
      for (const std::size_t orphan : {std::size_t{3}, std::size_t{4}})
        all[orphan] = cut_off(all[orphan]);
      Policy policy;
      policy.pseudo_gtid = by_pseudo_gtid;
      const Preview plan = preview(dead_intermediate(db(2), policy), Topology(all));
      REQUIRE(std::holds_alternative<Done>(plan.end) == by_pseudo_gtid);
      if (!by_pseudo_gtid) continue;
      CHECK(std::get<Done>(plan.end).account.moved == std::vector<InstanceKey>{db(4), db(5)});
      const auto aligned =
          std::count_if(plan.steps.begin(), plan.steps.end(), [](const PreviewedStep& one) {
            const auto* align = std::get_if<Align>(&one.step.action);
            return align != nullptr && align->below == db(3);
          });
      CHECK(aligned == 2);
    }
  }

  TEST_CASE("among siblings a promotion rule decides, then who has most replicas (REC-34)") {
    FakeServers servers;
    build(servers);
    servers.add(following(mysql(7, gtids("1-100")), 4));
    REQUIRE_FALSE(heal(servers).error);
    check_below(servers, 5, 4);

    FakeServers preferring;
    build(preferring);
    preferring.add(following(mysql(7, gtids("1-100")), 4));
    preferring.set(db(3), [](Instance& i) { i.promotion_rule = PromotionRule::Prefer; });
    REQUIRE_FALSE(heal(preferring).error);
    check_below(preferring, 5, 3);
  }

  TEST_CASE("without a sibling nearby they gather below one of themselves, and that one above") {
    FakeServers servers;
    build(servers);
    put(servers, 2, "a");
    put(servers, 3, "b");
    put(servers, 4, "b");
    servers.set(db(3), [](Instance& i) { i.server.log_replica_updates = false; });
    servers.set(db(4), [](Instance& i) { i.server.log_replica_updates = false; });
    const Outcome outcome = heal(servers);
    REQUIRE_FALSE(outcome.error);
    check_below(servers, 5, 6);
    check_below(servers, 6, 1);
  }

  TEST_CASE("one that a sibling cannot take tries the next; one that nobody can is told") {
    FakeServers servers;
    build(servers);
    servers.set(db(5), [](Instance& i) { i.gtid.executed += "," + gtids("1-2", 5); });
    const Outcome outcome = heal(servers);
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.account.moved == std::vector<InstanceKey>{db(6)});
    CHECK(mentions(because(outcome, 5), "2 transactions"));
  }

  TEST_CASE("cut off after any change, a fresh start ends well") {
    for (int changes = 0;; ++changes) {
      CAPTURE(changes);
      FakeServers servers;
      build(servers);
      const Outcome first = heal(servers, changes);
      const bool complete = !first.error;
      if (!complete) {
        RunScope scope;
        scope.earlier = first.facts;
        REQUIRE_FALSE(run_plan(servers, dead_intermediate(db(2), Policy{}), -1, scope).error);
      }
      for (const int number : {5, 6}) {
        REQUIRE(servers.at(db(number)).replication.source != db(2));
        REQUIRE(replica_running(servers.at(db(number))));
      }
      if (complete) break;
    }
  }

  TEST_CASE("one that lives, or follows nobody, is refused before anything is changed") {
    FakeServers servers;
    build(servers);
    servers.revive(db(2));
    CHECK(heal(servers).error);
    CHECK(run_plan(servers, dead_intermediate(db(1), Policy{})).error);
    CHECK(servers.changes().empty());
  }

  TEST_CASE("one that nobody knows, or whose source nobody knows, is refused (REC-31)") {
    FakeServers servers;
    servers.add(following(mysql(2, gtids("1-100")), 1));
    servers.add(following(mysql(5, gtids("1-90")), 2));
    servers.add(following(mysql(6, gtids("1-95")), 2));
    servers.kill(db(2));
    CHECK(mentions(said(run_plan(servers, dead_intermediate(db(9), Policy{}))), "db9:3306"));
    CHECK(mentions(said(run_plan(servers, dead_group_member(db(9), Policy{}))), "db9:3306"));
    CHECK(servers.changes().empty());
    CHECK(mentions(said(heal(servers)), "follows nobody that is known"));
    CHECK(servers.changes().empty());
  }

  TEST_CASE("replicas of a dead group member go to a member online, secondaries first (REC-35)") {
    FakeServers servers;
    for (const int number : {1, 2, 3, 4}) {
      Instance member = mysql(number, gtids("1-100"));
      member.group.name = "g";
      member.group.primary = db(1);
      member.group.state = number == 3 ? "RECOVERING" : "ONLINE";
      member.group.role = number == 1 ? "PRIMARY" : "SECONDARY";
      for (const int other : {1, 2, 3, 4}) {
        if (other != number) member.group.others.push_back(db(other));
      }
      servers.add(member);
    }
    servers.add(following(mysql(5, gtids("1-90")), 2));
    servers.kill(db(2));
    const Outcome outcome = run_plan(servers, dead_group_member(db(2), Policy{}));
    REQUIRE_FALSE(outcome.error);
    CHECK(to_string(outcome.account.promoted.value_or(db(0))) == "db4:3306");
    check_below(servers, 5, 4);
  }

  TEST_CASE(
      "replicas of a dead binlog server keep their coordinates below its sibling, or its source") {
    for (const bool behind : {false, true}) {
      FakeServers servers;
      servers.add(writable(mysql(1, "")));
      servers.add(binlog_server(2, 1, 900));
      servers.add(binlog_server(3, 1, behind ? 800 : 900));
      servers.add(by_coordinates(4, 2, 850));
      servers.kill(db(2));
      const Outcome outcome = run_plan(servers, dead_intermediate(db(2), Policy{}));
      CHECK(said(outcome) == "");
      CHECK(did(servers, behind ? "db4:3306 replicate from db1:3306 at bin.000001:850"
                                : "db4:3306 replicate from db3:3306 at bin.000001:850"));
      check_below(servers, 4, behind ? 1 : 3);
    }
  }

  TEST_CASE("nobody outside takes the place of one of several primaries while another may live") {
    FakeServers servers;
    build_group(servers, true);
    servers.kill(db(1));
    const Outcome refused = run_plan(servers, failover({db(1), {}, false}, Policy{}));
    REQUIRE(refused.error);
    CHECK(refused.error->message.find("one of several primaries of a replication group, and "
                                      "db2:3306 of it answers") != std::string::npos);
    CHECK(servers.changes().empty());
    SUBCASE("when all are gone, a replica does") {
      servers.kill(db(2));
      servers.kill(db(3));
      CHECK_FALSE(run_plan(servers, failover({db(1), {}, false}, Policy{})).error);
    }
  }

  TEST_CASE("of a Galera cluster, whose nodes orch does not see, no replica is promoted") {
    FakeServers servers;
    Instance node = writable(mariadb(1, "0-1-100"));
    node.group = {.name = "galera:x",
                  .single_primary = false,
                  .state = "ONLINE",
                  .role = "PRIMARY",
                  .primary = node.key};
    servers.add(node);
    servers.add(following(mariadb(2, "0-1-100"), 1));
    servers.kill(db(1));
    const Outcome refused = run_plan(servers, failover({db(1), {}, false}, Policy{}));
    REQUIRE(refused.error);
    CHECK(refused.error->message.find("one of several primaries of a Galera cluster") !=
          std::string::npos);
    CHECK(servers.changes().empty());
  }
}
