// Moves by Pseudo-GTID: planner and executor together, on servers whose logs are scripts.

#include "core/plan/refactor/match.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "core/plan/refactor/regroup.h"
#include "tests/support/recovery_bench.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

Policy pseudo_policy() {
  Policy policy;
  policy.pseudo_gtid = true;
  return policy;
}

Instance nameless(Instance instance) {
  instance.gtid = {};
  instance.gtid.mode = "OFF";
  instance.gtid.uses_pseudo = true;
  return instance;
}

Instance by_place(int number, int source, std::int64_t place) {
  Instance instance = nameless(following(mysql(number, ""), source));
  instance.replication.read = instance.replication.exec = {"bin.000001", place, BinlogType::Binary};
  return instance;
}

/// db1 with db2 and db3 below, db4 below db2. Each log has the same, at other places.
void build_matched(FakeServers& servers) {
  servers.add(nameless(writable(mysql(1, ""))));
  servers.add(by_place(2, 1, 1204));
  servers.add(by_place(3, 1, 1204));
  servers.add(by_place(4, 2, 704));
  servers.logs[db(1)].log("bin.000001").row("a.t").entry("01").row("a.t");
  servers.logs[db(2)].log("bin.000007").entry("01").row("a.t");
  servers.logs[db(3)].log("bin.000003").entry("01").row("a.t").event("Stop", "");
  servers.logs[db(4)].log("bin.000004").entry("01").row("a.t");
}

std::string place_told(const FakeServers& servers, int server) {
  return to_string(servers.at(db(server)).replication.exec);
}

}  // namespace

TEST_SUITE("core/plan/refactor/match") {
  TEST_CASE("a replica is matched below its sibling, which goes on replicating") {
    FakeServers servers;
    build_matched(servers);
    const Outcome outcome = run_plan(servers, match_below(db(3), db(2), pseudo_policy()));
    CHECK(said(outcome) == "");
    check_below(servers, 3, 2);
    CHECK(place_told(servers, 3) == to_string(servers.logs[db(2)].end()));
    const auto changes = servers.changes();
    CHECK(std::none_of(changes.begin(), changes.end(),
                       [](const std::string& text) { return text.starts_with("db2:3306"); }));
  }

  TEST_CASE("without an entry in common it stays where it was, and replicates") {
    FakeServers servers;
    build_matched(servers);
    servers.logs[db(3)] = ScriptedLogs().log("bin.000001").entry("00").row("a.t");
    const Outcome outcome = run_plan(servers, match_below(db(3), db(2), pseudo_policy()));
    CHECK(mentions(said(outcome), "no entry"));
    check_below(servers, 3, 1);
    CHECK(replica_running(servers.at(db(3))));
  }

  TEST_CASE("up, anew, and all at once") {
    FakeServers servers;
    build_matched(servers);
    CHECK(said(run_plan(servers, match_up(db(4), pseudo_policy()))) == "");
    check_below(servers, 4, 1);
    CHECK(said(run_plan(servers, rematch(db(4), pseudo_policy()))) == "");
    check_below(servers, 4, 1);
    const Outcome outcome =
        run_plan(servers, match_replicas(
                              db(1), db(2), [](const Instance&) { return true; }, pseudo_policy()));
    CHECK(said(outcome) == "");
    check_below(servers, 3, 2);
    check_below(servers, 4, 2);
    CHECK(outcome.account.moved.size() == 2);
  }

  TEST_CASE("relocation takes Pseudo-GTID where GTID is not possible, and names who uses neither") {
    FakeServers servers;
    build_matched(servers);
    CHECK(said(run_plan(servers, relocate(db(4), db(1), pseudo_policy()))) == "");
    check_below(servers, 4, 1);
    CHECK(place_told(servers, 4) == to_string(servers.logs[db(1)].end()));
    servers.set(db(3), [](Instance& it) { it.gtid.uses_pseudo = false; });
    const Outcome outcome =
        run_plan(servers, relocate_replicas(
                              db(1), db(2), [](const Instance&) { return true; }, pseudo_policy()));
    check_below(servers, 4, 2);
    check_below(servers, 3, 1);
    REQUIRE(outcome.account.lost.size() == 1);  // (REF-16)
    CHECK(outcome.account.lost.front().key == db(3));
  }

  TEST_CASE("relocation goes by coordinates to a sibling or one level up, where nothing else can") {
    FakeServers servers;
    build_matched(servers);
    servers.set(db(4), [end = servers.at(db(2)).server.binlog](Instance& it) {
      it.replication.read = it.replication.exec = end;
    });
    CHECK(said(run_plan(servers, relocate(db(4), db(1), Policy{}))) == "");
    check_below(servers, 4, 1);
    CHECK(said(run_plan(servers, relocate(db(3), db(2), Policy{}))) == "");
    check_below(servers, 3, 2);
    CHECK(mentions(said(run_plan(servers, relocate(db(2), db(3), Policy{}))), "descendant"));
  }

  TEST_CASE("one at the leader's place that cannot be moved is not told as moved (REF-14)") {
    FakeServers servers;
    build_matched(servers);
    for (const int number : {2, 3})
      servers.refuse(db(number), Change{PointTo{}}.index(), 5);
    const Outcome outcome =
        run_plan(servers, regroup_replicas(db(1), RegroupBy::PseudoGtid, pseudo_policy()));
    CHECK(mentions(said(outcome), "the server said no"));
    CHECK(outcome.account.moved.empty());
    CHECK(outcome.account.lost.size() == 1);
  }

  TEST_CASE("what cannot be matched is refused, and nothing is touched") {
    FakeServers servers;
    build_matched(servers);
    CHECK(said(run_plan(servers, match_below(db(3), db(3), pseudo_policy()))) ==
          "MatchBelow: attempt to match an instance below itself db3:3306");
    CHECK(said(run_plan(servers, match_below(db(3), db(2), Policy{}))) ==
          "PseudoGTIDPattern not configured; cannot use Pseudo-GTID");
    CHECK(mentions(said(run_plan(servers, match_below(db(2), db(4), pseudo_policy()))),
                   "is a descendant of"));
    servers.set(db(2), [](Instance& it) { it.server.binlog_server = true; });
    CHECK(said(run_plan(servers, match_below(db(3), db(2), pseudo_policy()))) ==
          "Cannot use PseudoGTID with Binlog Server db2:3306");
    CHECK(servers.changes().empty());
  }

  TEST_CASE("a local master moves up, and its siblings below it") {
    FakeServers servers;
    build_matched(servers);
    servers.add(by_place(5, 2, 704));
    servers.logs[db(5)].log("bin.000002").entry("01").row("a.t");
    CHECK(said(run_plan(servers, make_local_source(db(4), pseudo_policy()))) == "");
    check_below(servers, 4, 1);
    check_below(servers, 5, 4);
  }
}
