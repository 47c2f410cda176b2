// One move, whatever planner asks for it: planner and executor together, on servers that replicate
// in thought.

#include "core/plan/refactor/move.h"

#include <doctest/doctest.h>

#include "core/plan/preview.h"
#include "core/plan/refactor/classic.h"
#include "core/plan/refactor/relocate.h"
#include "tests/support/recovery_bench.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

/// db1 with db2 and db4 below, db3 below db2.
void build_tree(FakeServers& servers, bool with_mariadb) {
  const auto add = [&](int number, int source) {
    Instance server = with_mariadb ? mariadb(number, "0-1-100") : mysql(number, gtids("1-100"));
    servers.add(source == 0 ? writable(server) : following(server, source));
  };
  add(1, 0);
  add(2, 1);
  add(3, 2);
  add(4, 1);
}

}  // namespace

TEST_SUITE("core/plan/refactor/move") {
  TEST_CASE("what a master wrote while its replica to be was read and stopped is not lacking") {
    for (const bool with_mariadb : {false, true}) {
      const std::vector<std::pair<Planner, int>> moves = {
          {relocate(db(3), db(1), {}), 1},
          {move_gtid(db(3), db(1), {}), 1},
          {move_up(db(3), {}), 1},
          {repoint(db(3), db(1), {}), 1},
          {repoint(db(3), std::nullopt, {}), 2},
          {relocate(db(3), db(4), {}), 4},
      };
      for (std::size_t i = 0; i < moves.size(); ++i) {
        CAPTURE(with_mariadb);
        CAPTURE(i);
        FakeServers servers;
        build_tree(servers, with_mariadb);
        servers.keep_writing(db(1));
        CHECK(said(run_plan(servers, moves[i].first)) == "");
        check_below(servers, 3, moves[i].second);
      }
    }
  }

  TEST_CASE("a delayed replica moves below one that receives what it holds back") {
    for (const bool with_mariadb : {false, true}) {
      CAPTURE(with_mariadb);
      FakeServers servers;
      build_tree(servers, with_mariadb);
      servers.set(db(3), [](Instance& it) { it.replication.sql_delay = std::chrono::minutes(1); });
      servers.keep_writing(db(1));
      CHECK(said(run_plan(servers, relocate(db(3), db(1), {}))) == "");
      check_below(servers, 3, 1);
    }
  }

  TEST_CASE("MySQL's applier is not left waiting for a rest that the source would send") {
    FakeServers servers;
    build_tree(servers, false);
    servers.keep_writing(db(1));
    CHECK(said(run_plan(servers, relocate(db(3), db(1), {}))) == "");
    CHECK_FALSE(did(servers, "db3:3306 stop the receiver"));
    CHECK(did(servers, "db3:3306 stop replication"));
    check_below(servers, 3, 1);
  }

  TEST_CASE(
      "what a MySQL replica has in part of a dead source is rolled back before it is stopped") {
    for (const bool is_slow : {false, true}) {
      CAPTURE(is_slow);
      FakeServers servers;
      build_tree(servers, false);
      servers.set(db(3), [](Instance& it) { it.replication.read.log_pos = 1500; });
      servers.freeze_applier(db(3));
      if (is_slow) servers.rolling_back[db(3)] = 4;
      servers.kill(db(2));
      CHECK(said(run_plan(servers, relocate(db(3), db(1), {}))) == "");
      CHECK(did(servers, "db3:3306 roll back what it has received in part, if anything"));
      CHECK(servers.stopped_too_soon.empty());
      check_below(servers, 3, 1);
    }
  }

  TEST_CASE("an interrupted move puts the replica back, and is an error") {
    for (const bool with_mariadb : {false, true}) {
      CAPTURE(with_mariadb);
      FakeServers servers;
      build_tree(servers, with_mariadb);
      servers.freeze_applier(db(3));
      servers.keep_writing(db(1));
      const Outcome outcome =
          run_until(servers, relocate(db(3), db(1), {}),
                    with_mariadb ? "db3:3306 stop the receiver" : "db3:3306 stop replication");
      REQUIRE(outcome.error);
      CHECK(outcome.error->kind == ErrorKind::Conflict);
      CHECK(mentions(said(outcome), "interrupted"));
      check_below(servers, 3, 2);
      CHECK(outcome.left.empty());
    }
  }

  TEST_CASE("a move that meets a server out of reach says so by the kind of its error") {
    for (const int silent : {1, 3}) {
      for (const bool is_denied : {false, true}) {
        CAPTURE(silent);
        CAPTURE(is_denied);
        const std::vector<Planner> planners = {
            relocate(db(3), db(1), {}), move_gtid(db(3), db(1), {}),
            relocate_replicas(db(2), db(1), [](const Instance& it) { return it.key == db(3); },
                              {})};
        for (const Planner& planner : planners) {
          FakeServers servers;
          build_tree(servers, false);
          is_denied ? servers.deny(db(silent)) : servers.kill(db(silent));
          const Outcome outcome = run_plan(servers, planner);
          REQUIRE(outcome.error);
          CHECK(outcome.error->kind == (is_denied ? ErrorKind::Denied : ErrorKind::Unreachable));
        }
      }
    }
  }

  TEST_CASE("what the network keeps from a server, or its answer from us, is tried again") {
    const std::vector<Change> changes = {StopReplication{}, PointTo{}, StartReplication{}};
    for (const bool with_mariadb : {false, true}) {
      for (const bool done : {false, true}) {
        CAPTURE(done);
        FakeServers servers;
        build_tree(servers, with_mariadb);
        for (const Change& change : changes)
          servers.lose(db(3), change.index(), 2, done);
        CHECK(said(run_plan(servers, move_gtid(db(3), db(1), {}))).empty());
        check_below(servers, 3, 1);
      }
      for (const Change& change : changes) {
        CAPTURE(describe(Action{change}));
        FakeServers servers;
        build_tree(servers, with_mariadb);
        servers.lose(db(3), change.index(), 9);
        CHECK(mentions(said(run_plan(servers, move_gtid(db(3), db(1), {}))), "connection lost"));
      }
    }
  }

  TEST_CASE("a move starts the threads that ran, and leaves stopped what had been stopped") {
    for (const bool with_mariadb : {false, true}) {
      for (const auto stopped : {&Replication::io_state, &Replication::sql_state}) {
        CAPTURE(with_mariadb);
        FakeServers servers;
        build_tree(servers, with_mariadb);
        servers.set(db(3), [&](Instance& it) { it.replication.*stopped = ThreadState::Stopped; });
        CHECK(said(run_plan(servers, relocate(db(3), db(1), {}))) == "");
        const Instance moved = servers.at(db(3));
        CHECK(moved.replication.source == db(1));
        CHECK(!runs(moved.replication.*stopped));
        CHECK(runs(moved.replication.io_state) != runs(moved.replication.sql_state));
      }
    }
  }

  TEST_CASE("a move that is undone starts the applier again whose error would be forgotten") {
    FakeServers servers;
    build_tree(servers, false);
    servers.set(db(3), [](Instance& it) {
      it.replication.sql_state = ThreadState::Stopped;
      it.replication.last_sql_error = "Duplicate entry";
    });
    servers.refuse(db(3), Change{StartReplication{}}.index(), 1);
    const Outcome outcome = run_plan(servers, relocate(db(3), db(1), {}));
    REQUIRE(outcome.error);
    CHECK(servers.at(db(3)).replication.source == db(2));
    CHECK(did(servers, "db3:3306 start replication"));
  }

  TEST_CASE("of several moves an interrupted run tells who was moved, and puts the others back") {
    FakeServers servers;
    build_tree(servers, false);
    servers.add(following(mysql(5, gtids("1-99")), 2, gtids("1-100")));
    servers.freeze_applier(db(5));
    const Outcome outcome =
        run_until(servers, relocate_replicas(db(2), db(1), {}, {}), "db5:3306 stop replication");
    REQUIRE(outcome.error);
    CHECK(outcome.error->kind == ErrorKind::Conflict);
    CHECK(outcome.account.moved == std::vector<InstanceKey>{db(3)});
    CHECK(mentions(because(outcome, 5), "interrupted"));
    check_below(servers, 3, 1);
    check_below(servers, 5, 2);
  }

  TEST_CASE("one that has what no server above the destination has is not even stopped (REF-11)") {
    for (const int destination : {1, 2, 4}) {
      CAPTURE(destination);
      FakeServers servers;
      build_tree(servers, false);
      servers.set(db(3), [&](Instance& it) {
        it.gtid.executed += "," + gtids("1", 3);
        it.replication.source = db(destination == 1 ? 2 : 1);
      });
      const Outcome outcome = run_plan(servers, relocate(db(3), db(destination), {}));
      CHECK(mentions(said(outcome), "has 1 transaction (" + gtids("1", 3)));
      CHECK(servers.changes().empty());
    }
  }

  TEST_CASE("a dry run lets a master's own writes count as it does when it is carried out") {
    FakeServers servers;
    build_tree(servers, false);
    const Topology records = servers.records();
    std::vector<Instance> read(records.instances().begin(), records.instances().end());
    for (Instance& one : read) {
      if (one.key == db(1)) one.gtid.executed = gtids("1-90");  // it was read before the others
    }
    std::vector<InstanceKey> again;
    const Preview plan = preview(relocate(db(3), db(1), {}), Topology(std::move(read)), nullptr,
                                 [&](const InstanceKey& key) {
                                   again.push_back(key);
                                   return std::optional(servers.at(key));
                                 });
    CHECK(std::holds_alternative<Done>(plan.end));
    CHECK(again.front() == db(1));
  }

  TEST_CASE("no MariaDB replica loses what it holds and its source to be has purged") {
    const std::vector<std::pair<Planner, int>> moves = {
        {relocate(db(3), db(1), {}), 1},
        {repoint(db(3), db(1), {}), 1},
        {repoint(db(3), std::nullopt, {}), 2},
    };
    for (const auto& [planner, target] : moves) {
      const int to = target;  // clang 14 captures no structured binding
      CAPTURE(to);
      FakeServers servers;
      build_tree(servers, true);
      servers.set(db(3), [](Instance& it) {
        it.gtid.mariadb_slave_pos = it.gtid.mariadb_binlog_state = "0-1-80";
        it.replication.sql_delay = std::chrono::minutes(1);
      });
      servers.set(db(to), [](Instance& it) { it.gtid.mariadb_purged = "0-1-90"; });
      const Outcome refused = run_plan(servers, planner);
      CHECK(mentions(said(refused), "purged"));
      CHECK(mentions(said(refused), "0-1-90"));
      CHECK(servers.changes().empty());
      // What it applies before it goes is not needed from there.
      servers.set(db(3), [](Instance& it) { it.replication.sql_delay = std::chrono::minutes(0); });
      CHECK(said(run_plan(servers, planner)) == "");
      check_below(servers, 3, to);
    }
  }

  TEST_CASE("no replica is moved while its source's clients have temporary tables there") {
    const Planner planners[] = {relocate(db(3), db(1), {}), move_gtid(db(3), db(1), {}),
                                move_up(db(3), {}), relocate(db(3), db(4), {}),
                                repoint(db(3), db(1), {})};
    for (const Planner& planner : planners) {
      FakeServers servers;
      build_tree(servers, true);
      servers.keep_writing(db(1));
      servers.set(db(3), [](Instance& it) { it.replication.temporary_tables = 1; });
      const Outcome refused = run_plan(servers, planner);
      CHECK(mentions(said(refused), "db3:3306"));
      CHECK(mentions(said(refused), "holds 1 temporary table of clients of db2:3306"));
      CHECK(servers.changes().empty());
      CHECK(refused.left.empty());
      check_below(servers, 3, 2);
    }
    // Later versions keep them.
    FakeServers late;
    build_tree(late, true);
    for (const int number : {1, 2, 3, 4})
      late.set(db(number), [](Instance& it) { it.server.version = "11.8.2-MariaDB-log"; });
    late.set(db(3), [](Instance& it) { it.replication.temporary_tables = 1; });
    CHECK(said(run_plan(late, relocate(db(3), db(1), {}))) == "");
    // From its own source it gets what they do with them.
    for (const Planner& planner : {repoint(db(3), std::nullopt, {}), detach(db(3), {})}) {
      FakeServers servers;
      build_tree(servers, true);
      servers.set(db(3), [](Instance& it) { it.replication.temporary_tables = 1; });
      CHECK(said(run_plan(servers, planner)) == "");
    }
  }

  TEST_CASE("what a client opens while a replica is stopped has it started again where it was") {
    FakeServers servers;
    build_tree(servers, true);
    const Planner move = relocate(db(3), db(1), {});
    const Planner watched = [&](const Progress& so_far, const Topology& fresh) {
      if (did(servers, "db3:3306 stop the receiver")) {
        servers.set(db(3), [](Instance& it) { it.replication.temporary_tables = 1; });
        std::vector<Instance> all(fresh.instances().begin(), fresh.instances().end());
        for (Instance& one : all)
          if (one.key == db(3)) one.replication.temporary_tables = 1;
        return move(so_far, Topology(std::move(all)));
      }
      return move(so_far, fresh);
    };
    const Outcome refused = run_plan(servers, watched);
    CHECK(mentions(said(refused), "holds 1 temporary table"));
    check_below(servers, 3, 2);
    CHECK(refused.left.empty());
  }
}
