// Failovers with binlog servers: planner and executor together, on servers that replicate in
// thought.

#include "core/plan/recovery/binlog_servers.h"

#include <doctest/doctest.h>

#include "core/plan/preview.h"
#include "tests/support/recovery_bench.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

Instance first_master() {
  Instance instance = writable(mysql(1, ""));
  instance.gtid = {};
  return instance;
}

/// Its own binary log is that one, and has nothing of what it replicates.
Instance with_own_log(Instance instance, const std::string& file) {
  instance.server.log_replica_updates = false;
  instance.server.binlog = {file, 500, BinlogType::Binary};
  return instance;
}

Instance in_log(Instance instance, const std::string& file) {
  instance.replication.read.log_file = instance.replication.exec.log_file = file;
  return instance;
}

/// db1 with the binlog server db2 and the replicas db3 and db4 below; db5 below db2.
void build_mixed(FakeServers& servers) {
  servers.add(first_master());
  servers.add(binlog_server(2, 1, 900));
  servers.add(by_coordinates(3, 1, 700));
  servers.add(by_coordinates(4, 1, 600));
  servers.add(by_coordinates(5, 2, 800));
  servers.set(db(5), [](Instance& it) { it.promotion_rule = PromotionRule::MustNot; });
  servers.kill(db(1));
}

/// db1 with the binlog servers db2 and db3 below; db4 and db5 below db2, db6 below db3. The logs of
/// db1 end in number 7.
void build_only_binlog_servers(FakeServers& servers) {
  servers.add(first_master());
  servers.add(in_log(binlog_server(2, 1, 800), "bin.000007"));
  servers.add(in_log(binlog_server(3, 1, 900), "bin.000007"));
  servers.add(with_own_log(in_log(by_coordinates(4, 2, 800), "bin.000007"), "bin.000003"));
  servers.add(with_own_log(in_log(by_coordinates(5, 2, 750), "bin.000007"), "bin.000009"));
  servers.add(in_log(by_coordinates(6, 3, 850), "bin.000007"));
  servers.set(db(6), [](Instance& it) { it.promotion_rule = PromotionRule::MustNot; });
  servers.kill(db(1));
}

std::string executed(const FakeServers& servers, int number) {
  return to_string(servers.at(db(number)).replication.exec);
}

void check_continued(const FakeServers& servers) {
  CHECK(servers.writable() == std::vector<InstanceKey>{db(4)});
  CHECK_FALSE(is_replica(servers.at(db(4))));
  for (const int number : {2, 3}) {
    check_below(servers, number, 4);
    CHECK(executed(servers, number) == "bin.000008:4");
  }
  check_below(servers, 5, 2);
  check_below(servers, 6, 3);
}

void check_mixed(const FakeServers& servers) {
  CHECK(servers.writable() == std::vector<InstanceKey>{db(3)});
  for (const int number : {4, 5})
    check_below(servers, number, 3);
}

/// Cut off after so many changes and then begun anew, with what the journal knows.
template <typename Build>
bool survives(FakeServers& servers, Build build, int changes) {
  build(servers);
  const Outcome first = fail_over(servers, {}, changes);
  if (!first.error) return false;
  const Outcome again =
      run_plan(servers, failover({db(1), {}}, Policy{}), -1, {.earlier = first.facts});
  CHECK(said(again) == "");
  return true;
}

}  // namespace

TEST_SUITE("core/plan/recovery/binlog_servers") {
  TEST_CASE("the winner gets from the binlog server what it lacks, and the others follow at once") {
    FakeServers servers;
    build_mixed(servers);
    const Outcome outcome = fail_over(servers);
    CHECK(said(outcome) == "");
    CHECK(outcome.account.promoted == db(3));
    CHECK(did(servers, "db3:3306 replicate from db2:3306 at bin.000001:700"));
    CHECK_FALSE(mentions(outcome.account.lost_transactions, "that db2"));
    // REC-24: db5 follows, too; db4 gets there below the binlog server.
    CHECK(did(servers, "db4:3306 start replication until bin.000001:900"));
    for (const int number : {4, 5})
      CHECK(did(servers, to_string(db(number)) + " replicate from db3:3306 at bin.000001:1000"));
    check_mixed(servers);
    CHECK(outcome.account.moved == std::vector<InstanceKey>{db(4), db(5)});
    CHECK(mentions(because(outcome, 2), "the log of db3:3306 does not go on where its own ends"));
  }

  TEST_CASE("one that does not get to the winner's place is not left to stop there later") {
    for (const bool detaches : {false, true}) {
      FakeServers servers;
      build_mixed(servers);
      servers.freeze_applier(db(4));
      Policy policy;
      policy.detach_lost_replicas = detaches;
      const Outcome outcome = run_plan(servers, failover({db(1), {}}, policy));
      CHECK(said(outcome) == "");
      CHECK(outcome.account.promoted == db(3));
      CHECK(did(servers, "db4:3306 start replication until bin.000001:900"));
      CHECK(mentions(because(outcome, 4), "in vain"));
      CHECK(servers.started_until.empty());
    }
  }

  TEST_CASE("one that follows by GTID gets it by coordinates, and is followed by GTID") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-9"))));
    servers.add(binlog_server(2, 1, 1200));
    servers.add(following(mysql(3, gtids("1-9")), 1));
    servers.add(following(mysql(4, gtids("1-9")), 1));
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    CHECK(said(outcome) == "");
    CHECK(did(servers, "db3:3306 replicate from db2:3306 at bin.000001:1000"));
    CHECK(did(servers, "db4:3306 replicate from db3:3306"));
    CHECK(uses_gtid(servers.at(db(4))));
    check_below(servers, 4, 3);
  }

  TEST_CASE("what the winner could not get from the binlog server is named as lost") {
    FakeServers servers;
    build_mixed(servers);
    servers.refuse(db(3), Change{PointTo{}}.index(), 5);
    servers.set(db(4), [](Instance& it) { it.promotion_rule = PromotionRule::MustNot; });
    const Outcome outcome = fail_over(servers);
    CHECK(said(outcome) == "");
    CHECK(outcome.account.promoted == db(3));
    CHECK(mentions(outcome.account.lost_transactions,
                   "after bin.000001:700 up to bin.000001:900 that db2:3306 has received"));
    CHECK(mentions(because(outcome, 5), "after bin.000001:700 up to bin.000001:900"));
    CHECK(mentions(because(outcome, 5), "that db3:3306 lacks"));
    check_below(servers, 4, 3);  // came to 700 below the binlog server

    FakeServers named;
    build_mixed(named);
    named.refuse(db(3), Change{PointTo{}}.index(), 5);
    const Outcome refused = fail_over(named, db(3));
    CHECK(mentions(said(refused), "db2:3306 has more of the log than it, up to bin.000001:900"));
    CHECK(named.writable().empty());
  }

  TEST_CASE("interrupted after any change, a failover with a binlog server ends well") {
    for (int changes = 0;; ++changes) {
      CAPTURE(changes);
      FakeServers servers;
      const bool cut_off = survives(servers, build_mixed, changes);
      check_mixed(servers);
      if (!cut_off) break;
    }
  }

  TEST_CASE("binlog servers only: they go on in the log of a replica that is brought to theirs") {
    FakeServers servers;
    build_only_binlog_servers(servers);
    const Outcome outcome = fail_over(servers);
    CHECK(said(outcome) == "");
    CHECK(outcome.account.promoted == db(4));
    CHECK(did(servers, "db4:3306 replicate from db3:3306 at bin.000007:800"));
    CHECK(did(servers, "db4:3306 flush binary logs 5 times"));
    CHECK(did(servers, "db4:3306 purge binary logs before bin.000008"));
    CHECK(did(servers, "db2:3306 replicate from db3:3306 at bin.000007:800"));
    for (const int number : {2, 3})
      CHECK(did(servers, to_string(db(number)) + " replicate from db4:3306 at bin.000008:4"));
    check_continued(servers);
    CHECK(outcome.account.lost.empty());
    CHECK(outcome.left.empty());
    for (const int number : {5, 6})
      CHECK_FALSE(did(servers, to_string(db(number)) + " stop replication"));
  }

  TEST_CASE("the logs are brought forward before the first write, and dropped after it") {
    FakeServers servers;
    build_only_binlog_servers(servers);
    CHECK(said(fail_over(servers)) == "");
    const std::vector<std::string> all = servers.changes();
    const auto place = [&](const std::string& change) {
      return std::find(all.begin(), all.end(), change) - all.begin();
    };
    const auto writable_at = place("db4:3306 make writable");
    CHECK(place("db4:3306 flush binary logs 5 times") < writable_at);
    CHECK(writable_at < place("db4:3306 purge binary logs before bin.000008"));
    CHECK(writable_at < place("db3:3306 replicate from db4:3306 at bin.000008:4"));
    CHECK(place("db2:3306 replicate from db4:3306 at bin.000008:4") <
          place("db3:3306 replicate from db4:3306 at bin.000008:4"));
  }

  TEST_CASE("binlog servers only, interrupted after any change, ends well") {
    for (int changes = 0;; ++changes) {
      CAPTURE(changes);
      FakeServers servers;
      const bool cut_off = survives(servers, build_only_binlog_servers, changes);
      check_continued(servers);
      if (!cut_off) break;
    }
  }

  TEST_CASE("begun anew without a journal, nobody else takes writes") {
    for (int changes = 0;; ++changes) {
      CAPTURE(changes);
      FakeServers servers;
      build_only_binlog_servers(servers);
      const bool cut_off = fail_over(servers, {}, changes).error.has_value();
      if (cut_off) static_cast<void>(fail_over(servers));
      CHECK(servers.writable().size() == 1);
      if (!cut_off) break;
    }
  }

  TEST_CASE("where the logs cannot go on, replicas leave the binlog servers for the new master") {
    for (const bool refused : {true, false}) {
      CAPTURE(refused);
      FakeServers servers;
      build_only_binlog_servers(servers);
      if (refused) {
        servers.refuse(db(4), Change{FlushBinaryLogs{}}.index(), 1);
      } else {
        servers.set(db(4), [](Instance& it) { it.server.binlog.log_file = "bin.000008"; });
        servers.set(db(5), [](Instance& it) { it.promotion_rule = PromotionRule::MustNot; });
      }
      const Outcome outcome = fail_over(servers);
      CHECK(said(outcome) == "");
      CHECK(servers.writable() == std::vector<InstanceKey>{db(4)});
      for (const int number : {5, 6})
        check_below(servers, number, 4);
      for (const int number : {2, 3})
        CHECK(mentions(because(outcome, number), "does not go on where its own ends"));
      CHECK_FALSE(did(servers, "db4:3306 purge binary logs before bin.000008"));
    }
  }

  TEST_CASE("one whose logs can be brought there goes before one that has received more") {
    FakeServers servers;
    build_only_binlog_servers(servers);
    servers.add(with_own_log(in_log(by_coordinates(4, 3, 900), "bin.000007"), "bin.000009"));
    servers.add(with_own_log(in_log(by_coordinates(5, 2, 750), "bin.000007"), "bin.000007"));
    const Outcome outcome = fail_over(servers);
    CHECK(said(outcome) == "");
    CHECK(outcome.account.promoted == db(5));
    CHECK(did(servers, "db5:3306 flush binary logs 1 times"));
    CHECK(outcome.account.lost.empty());
    check_below(servers, 4, 3);
  }

  TEST_CASE("a replica of a binlog server that died, too, follows the new master") {
    FakeServers servers;
    build_only_binlog_servers(servers);
    servers.add(in_log(by_coordinates(7, 2, 700), "bin.000007"));
    servers.set(db(7), [](Instance& it) { it.promotion_rule = PromotionRule::MustNot; });
    servers.kill(db(2));
    const Outcome outcome = fail_over(servers);
    CHECK(said(outcome) == "");
    REQUIRE(outcome.account.promoted == db(4));
    check_below(servers, 3, 4);
    for (const int number : {5, 7})
      check_below(servers, number, 4);
    check_below(servers, 6, 3);
    CHECK(mentions(because(outcome, 2), "does not answer"));
  }

  TEST_CASE("nobody below the binlog servers to promote is an error, and nothing else (REC-25)") {
    FakeServers servers;
    servers.add(first_master());
    servers.add(binlog_server(2, 1, 800));
    servers.add(binlog_server(3, 2, 800));
    servers.kill(db(1));
    CHECK(said(fail_over(servers)) ==
          "no replica of db1:3306 can be promoted: db2:3306 is a binlog server; db3:3306 is a "
          "binlog server");
    CHECK(servers.changes().empty());
    servers.add(by_coordinates(4, 3, 700));
    servers.kill(db(2));
    CHECK(fail_over(servers).account.promoted == db(4));
  }

  TEST_CASE("a master that answers fills the binlog servers before they stop") {
    FakeServers servers;
    build_only_binlog_servers(servers);
    servers.revive(db(1));
    servers.set(db(1), [](Instance& it) { it.server.binlog = {"bin.000007", 900}; });
    servers.add(in_log(binlog_server(3, 1, 850), "bin.000007"));
    const Planner plan = failover({db(1), {}}, Policy{});
    const Planner watched = [&](const Progress& so_far, const Topology& fresh) {
      Decision decision = plan(so_far, fresh);
      const Run* run = std::get_if<Run>(&decision);
      if (run != nullptr && run->steps.front().server == db(3) &&
          waits_for<HasExecuted>(run->steps.front().action)) {
        servers.set(db(3), [](Instance& it) { it.replication.read.log_pos = 900; });
      }
      return decision;
    };
    const Outcome outcome = run_plan(servers, watched);
    CHECK(said(outcome) == "");
    CHECK(did(servers, "db4:3306 replicate from db3:3306 at bin.000007:800"));
    check_continued(servers);
    CHECK(outcome.account.lost_transactions == "nothing");
  }

  TEST_CASE("the preview shows the whole plan") {
    FakeServers servers;
    build_only_binlog_servers(servers);
    Topology records = servers.records();
    std::vector<Instance> seen(records.instances().begin(), records.instances().end());
    seen.front() = unseen(seen.front());
    const Preview plan = preview(failover({db(1), {}}, Policy{}), Topology(std::move(seen)));
    REQUIRE(std::holds_alternative<Done>(plan.end));
    CHECK(std::get<Done>(plan.end).account.moved == std::vector<InstanceKey>{db(2), db(3)});
  }
}
