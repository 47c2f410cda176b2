#include "core/plan/measure.h"

#include <doctest/doctest.h>

#include "core/plan/candidate.h"
#include "core/plan/loss.h"
#include "core/plan/preview.h"
#include "tests/support/recovery_bench.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

BinlogCoordinates in(const std::string& file, std::int64_t place) {
  return {file, place, BinlogType::Binary};
}

/// The failed server, without GTID unless it is given that; its log is recorded up to there.
Instance gone(const BinlogCoordinates& end, Instance instance = mysql(1, "")) {
  if (!is_mariadb(instance) && instance.gtid.executed.empty()) instance.gtid = {};
  instance.server.binlog = end;
  return unseen(writable(std::move(instance)));
}

/// It reads db1's log, and its receiver lost it when it died.
Instance at(int number, const BinlogCoordinates& place) {
  Instance replica = cut_off(by_coordinates(number, 1, 0));
  replica.replication.read = replica.replication.exec = place;
  return replica;
}

/// Stopped by somebody, long before perhaps.
Instance stopped(Instance replica) {
  replica.replication.io_state = replica.replication.sql_state = ThreadState::Stopped;
  replica.replication.io_running = replica.replication.sql_running = false;
  replica.replication.last_io_error = "";
  return replica;
}

/// It has GTIDs, and was told coordinates.
Instance told_place(Instance replica, const BinlogCoordinates& place) {
  replica.replication.read = replica.replication.exec = place;
  replica.gtid.uses_oracle = replica.gtid.uses_mariadb = false;
  replica.replication.retrieved_gtid_set = replica.replication.gtid_io_pos = "";
  return replica;
}

Instance with_mode(Instance replica, const std::string& mode) {
  replica.gtid.mode = mode;
  return replica;
}

Choice choice_of(const std::vector<Instance>& all) {
  return choose_candidate(Topology(all), db(1), Policy{});
}

std::string because_of(const Choice& choice, int number) {
  for (const Verdict& verdict : choice.ranked) {
    if (verdict.key == db(number)) return verdict.because;
  }
  return "";
}

Preview preview_of(const std::vector<Instance>& all, std::optional<InstanceKey> co_master = {}) {
  FailoverRequest request{db(1), {}};
  request.co_master = co_master.has_value();
  return preview(failover(request, Policy{}), Topology(all));
}

std::string lost_in(const Preview& seen) {
  const auto* done = std::get_if<Done>(&seen.end);
  return done == nullptr ? "it gave up" : done->account.lost_transactions;
}

bool waits_for_place(const Preview& seen, int number, const BinlogCoordinates& place) {
  return std::any_of(seen.steps.begin(), seen.steps.end(), [&](const PreviewedStep& one) {
    const auto* wait = std::get_if<WaitFor>(&one.step.action);
    const auto* what = wait == nullptr ? nullptr : std::get_if<HasExecuted>(&wait->condition);
    return one.step.server == db(number) && what != nullptr && what->position == Position(place);
  });
}

}  // namespace

TEST_SUITE("core/plan/measure") {
  TEST_CASE("a place in a log of another name is none in the failed server's, whatever the names") {
    for (const char* old_base : {"bin", "aaa"}) {
      const std::string old_log = std::string(old_base) + ".000001";
      const std::vector<Instance> all = {
          gone(in("abin.000002", 900)), stopped(at(2, in(old_log, 5000))),
          at(3, in("abin.000002", 900)), at(4, in("abin.000002", 800))};
      const Choice choice = choice_of(all);
      CHECK(choice.winner == db(3));
      CHECK(because_of(choice, 4).starts_with("behind by transactions after abin.000002:800"));
      CHECK(because_of(choice, 2) == "reads the log of db1:3306 at " + old_log +
                                         ":5000, which is no known place in it as it is now");
    }
  }

  TEST_CASE("the receivers that ran tell the log's name, when the record is from before") {
    const std::vector<Instance> all = {
        gone(in("bin.000007", 900)), stopped(at(2, in("bin.000007", 900))),
        at(3, in("abin.000001", 300)), at(4, in("abin.000001", 400))};
    CHECK(choice_of(all).winner == db(4));
    CHECK(mentions(lost_in(preview_of(all)), "unknown: no position of db1:3306"));
  }

  TEST_CASE(
      "a log that comes after all that others received is from before the numbers began anew") {
    const std::vector<Instance> all = {
        gone(in("bin.000001", 5898)), stopped(at(2, in("bin.000009", 158))),
        at(3, in("bin.000001", 5898)), at(4, in("bin.000001", 5898))};
    CHECK(choice_of(all).winner == db(3));
    // It received it itself, while it ran to the end.
    std::vector<Instance> running = all;
    running[1] = at(2, in("bin.000009", 158));
    CHECK(choice_of(running).winner == db(2));
    // Nobody ran: the record may be older than all.
    std::vector<Instance> none = all;
    for (Instance& one : none)
      one = is_replica(one) ? stopped(one) : one;
    CHECK(choice_of(none).winner == db(2));
  }

  TEST_CASE(
      "names that are none are behind all places, and nothing is known to be lost with them") {
    for (const BinlogCoordinates& none : {in("unknown", 4), in("hostlog", 0)}) {
      const std::vector<Instance> all = {gone(in("bin.000002", 900)), at(2, none),
                                         stopped(at(3, in("bin.000001", 200)))};
      CHECK(choice_of(all).winner == db(3));
      CHECK(mentions(lost_in(preview_of({all[0], all[1]})), "unknown"));
    }
  }

  TEST_CASE("MariaDB: where some follow by GTID and others do not, their GTIDs compare all") {
    const Instance first = gone(in("bin.000006", 900), mariadb(1, "0-1-28"));
    for (const bool other_way : {false, true}) {
      Instance stale = stopped(following(mariadb(2, "0-1-8"), 1));
      Instance third = cut_off(following(mariadb(3, "0-1-28"), 1));
      stale.replication.read = stale.replication.exec = in("bin.000006", 400);
      third.replication.read = third.replication.exec = in("bin.000006", 4);
      (other_way ? stale : third) =
          told_place(other_way ? stale : third, in("bin.000006", other_way ? 400 : 900));
      const Choice choice = choice_of({first, stale, third});
      CHECK(choice.winner == db(3));
      CHECK(because_of(choice, 2) == "behind by at most 20 transactions (up to 0-1-28)");
    }
  }

  TEST_CASE("MariaDB: what one who follows by coordinates has not applied has no GTID yet") {
    const Instance first = gone(in("bin.000006", 900), mariadb(1, "0-1-28"));
    Instance by_gtid = stopped(following(mariadb(2, "0-1-10"), 1));
    by_gtid.replication.read = by_gtid.replication.exec = in("bin.000006", 400);
    Instance full = told_place(cut_off(following(mariadb(3, "0-1-8"), 1)), in("bin.000006", 900));
    full.replication.exec = in("bin.000006", 300);
    CHECK(choice_of({first, by_gtid, full}).winner == db(3));
  }

  TEST_CASE("MySQL: sets that the failed server's transactions are not in are no measure") {
    struct Case {
      const char* mode;
      std::string stale;
      std::string full;
    };
    const Case cases[] = {{"OFF_PERMISSIVE", "", ""},
                          {"OFF_PERMISSIVE", gtids("1-50"), gtids("1-50")},
                          {"ON", gtids("1-30", 2), gtids("1-23", 3)},  // each its own
                          {"ON_PERMISSIVE", gtids("1-7"), gtids("1-7")}};
    for (const Case& one : cases) {
      Instance stale =
          told_place(cut_off(following(mysql(2, one.stale), 1)), in("bin.000001", 300));
      Instance full = told_place(cut_off(following(mysql(3, one.full), 1)), in("bin.000001", 900));
      const Choice choice = choice_of(
          {gone(in("bin.000001", 900)), with_mode(stale, one.mode), with_mode(full, one.mode)});
      CHECK(choice.winner == db(3));
      CHECK(because_of(choice, 2) ==
            "behind by transactions after bin.000001:300 up to bin.000001:900");
      // What it received is what it must apply, too.
      full.replication.exec = in("bin.000001", 300);
      CHECK_FALSE(has_applied_all(full));
      CHECK(to_string(received_position(full)) == "bin.000001:900");
    }
  }

  TEST_CASE("MySQL: where one follows by GTID, all transactions have one") {
    const Instance stale = cut_off(following(mysql(2, gtids("1-80")), 1));
    const Instance full =
        told_place(cut_off(following(mysql(3, gtids("1-100")), 1)), in("bin.000001", 1000));
    const Choice choice =
        choice_of({gone(in("bin.000001", 1000), mysql(1, gtids("1-100"))), stale, full});
    CHECK(choice.winner == db(3));
    CHECK(because_of(choice, 2) == "behind by 20 transactions (" + gtids("81-100") + ")");
  }

  TEST_CASE("a failed server without GTID that answers gives the winner all that it has") {
    for (const bool co_master : {false, true}) {
      Instance first = writable(by_coordinates(1, 2, 3507));
      if (!co_master) first.replication = {};
      first.server.binlog = in("bin.000006", 5898);
      // Its own log, which means nothing to its replicas, ends beyond that.
      Instance second = by_coordinates(2, 1, 0);
      Instance third = by_coordinates(3, 1, 0);
      for (Instance* one : {&second, &third}) {
        one->replication.read = one->replication.exec = in("bin.000006", 158);
      }
      second.server.binlog = in("bin.000008", 3576);
      const std::optional<InstanceKey> passive =
          co_master ? std::optional<InstanceKey>(db(2)) : std::nullopt;
      const Preview seen = preview_of({first, second, third}, passive);
      CHECK(waits_for_place(seen, 2, in("bin.000006", 5898)));
      CHECK(lost_in(seen) == "nothing");
    }
  }

  TEST_CASE("of a co-master's own log, and not of its partner's, is what would be lost") {
    Instance first = gone(in("bin.000006", 5898));
    first.replication = by_coordinates(1, 2, 9000).replication;
    first.replication.exec = in("bin.000001", 100);
    const Topology topology({first, at(2, in("bin.000006", 158)), at(3, in("bin.000006", 158))});
    const Topology measured = measured_alike(topology, db(1));
    CHECK(lost_with(measured, db(1), db(2))
              .starts_with("transactions after bin.000006:158 up to bin.000006:5898"));
  }

  TEST_CASE("MySQL with gtid_mode=ON: who follows by coordinates is gathered by them") {
    FakeServers servers;
    servers.add(writable(mysql(1, gtids("1-100"))));
    for (const int number : {2, 3, 4}) {
      servers.add(told_place(following(mysql(number, gtids("1-100")), 1), in("bin.000001", 1000)));
    }
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    REQUIRE(said(outcome).empty());
    CHECK(outcome.account.moved.size() == 2);
    CHECK(outcome.account.lost.empty());
  }

  TEST_CASE("a delayed MariaDB replica without GTID applies what it holds before it serves") {
    for (const bool is_alone : {true, false}) {
      for (const bool is_stuck : {false, true}) {
        CAPTURE(is_alone);
        CAPTURE(is_stuck);
        FakeServers servers;
        Instance primary = writable(mariadb(1, "0-1-9"));
        primary.server.binlog.log_pos = 2000;
        servers.add(primary);
        Instance late = told_place(following(mariadb(2, "0-1-9"), 1), in("bin.000001", 1000));
        late.replication.read.log_pos = 2000;
        late.replication.relay = {"relay.000002", 400, BinlogType::Relay};
        late.replication.sql_delay = std::chrono::hours(1);
        servers.add(late);
        if (!is_alone) {
          servers.add(told_place(following(mariadb(3, "0-1-9"), 1), in("bin.000001", 1500)));
        }
        if (is_stuck) servers.freeze_applier(db(2));
        servers.kill(db(1));
        const Outcome outcome = fail_over(servers);
        if (is_stuck && is_alone) {
          CHECK(mentions(said(outcome), "in vain"));
          CHECK(servers.writable().empty());
          continue;
        }
        REQUIRE(said(outcome).empty());
        CHECK(outcome.account.promoted == db(is_stuck ? 3 : 2));
        CHECK(mentions(outcome.account.lost_transactions, "db2:3306 has received") == is_stuck);
        // Only who has begun tells how far it is.
        CHECK(mentions(servers.at(db(2)).gtid.mariadb_slave_pos, "9-9-9") != is_stuck);
        CHECK_FALSE(did(servers, "db2:3306 follow by GTID again"));
        if (is_stuck) CHECK(servers.at(db(2)).replication.source == db(1));
      }
    }
  }
}
