#include "core/plan/second_names.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "core/plan/recovery/orphans.h"
#include "core/plan/refactor/regroup.h"
#include "core/plan/refactor/relocate.h"
#include "tests/support/recovery_bench.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

/// The server under the name of another number.
Instance under_name(int number, Instance instance) {
  instance.key = db(number);
  return instance;
}

bool was_changed(const Outcome& outcome, const InstanceKey& server) {
  return std::any_of(outcome.steps.begin(), outcome.steps.end(), [&](const StepResult& result) {
    return result.step.server == server && std::holds_alternative<Change>(result.step.action);
  });
}

bool notes(const Outcome& outcome, std::string_view text) {
  return std::any_of(outcome.account.notes.begin(), outcome.account.notes.end(),
                     [&](const std::string& note) { return note.find(text) != std::string::npos; });
}

}  // namespace

TEST_SUITE("core/plan/second_names") {
  TEST_CASE("a failover leaves the promoted server's other name alone") {
    for (const bool is_mariadb_case : {false, true}) {
      FakeServers servers;
      is_mariadb_case ? build_mariadb(servers) : build_mysql(servers);
      servers.add(under_name(7, servers.at(db(3))));
      servers.kill(db(1));
      const Outcome outcome = fail_over(servers);
      REQUIRE_FALSE(outcome.error);
      CHECK(outcome.account.promoted == db(3));
      CHECK(outcome.account.lost.empty());
      CHECK_FALSE(outcome.account.two_took_writes);
      CHECK(servers.at(db(7)).replication.source == db(1));
      CHECK_FALSE(was_changed(outcome, db(7)));
      CHECK(notes(outcome, "db7:3306 is db3:3306 under another name ('orch forget db7:3306'"));
    }
  }

  TEST_CASE("of two servers with one id and no uuid the one that has more is promoted") {
    FakeServers servers;
    build_mariadb(servers);
    servers.add(under_name(7, following(mariadb(3, "0-1-80"), 1, "0-1-100")));
    servers.kill(db(1));
    const Outcome outcome = fail_over(servers);
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.account.promoted == db(7));
    CHECK(servers.at(db(3)).replication.source == db(1));
    CHECK(notes(outcome, "db3:3306 is db7:3306 under another name"));
    CHECK(notes(outcome, "or needs a server_id of its own, and not 3: it is left alone"));
  }

  TEST_CASE("the name that is asked for is the one that a plan goes by") {
    FakeServers servers;
    build_mysql(servers);
    servers.add(under_name(7, servers.at(db(3))));
    const Outcome outcome = take_over(servers, db(7));
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.account.promoted == db(7));
    CHECK_FALSE(was_changed(outcome, db(3)));
    CHECK(notes(outcome, "db3:3306 is db7:3306 under another name"));
  }

  TEST_CASE("what is done to all replicas of a server is done to each of them once") {
    for (const bool regroups : {false, true}) {
      FakeServers servers;
      servers.add(writable(mysql(1, gtids("1-100"))));
      for (const int number : {2, 3, 4})
        servers.add(following(mysql(number, gtids(number == 2 ? "1-100" : "1-90")), 1));
      servers.add(under_name(7, servers.at(db(4))));
      const Planner planner = regroups ? regroup_replicas(db(1), RegroupBy::Gtid, Policy{})
                                       : relocate_replicas(db(1), db(2), {}, Policy{});
      const Outcome outcome = run_plan(servers, planner);
      REQUIRE_FALSE(outcome.error);
      CHECK(outcome.account.moved == std::vector<InstanceKey>{db(3), db(4)});
      CHECK_FALSE(was_changed(outcome, db(7)));
      CHECK(notes(outcome, "db7:3306 is db4:3306 under another name"));
    }
  }

  TEST_CASE("who follows the failed server under its other name is moved with the others") {
    FakeServers servers;
    for (const int number : {1, 2, 3, 4, 8}) {
      const Instance server = mysql(number, gtids("1-100"));
      const int source = number == 4 ? 2 : number == 8 ? 7 : 1;
      servers.add(number == 1 ? writable(server) : following(server, source));
    }
    servers.add(under_name(7, servers.at(db(2))));
    servers.kill(db(2));
    servers.kill(db(7));
    const Outcome outcome = run_plan(servers, dead_intermediate(db(2), Policy{}));
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.account.moved == std::vector<InstanceKey>{db(4), db(8)});
  }

  TEST_CASE("a replica of a dead intermediate master goes below its refuge once") {
    for (const bool is_mariadb_case : {false, true}) {
      const auto server = [&](int number) {
        return is_mariadb_case ? mariadb(number, "0-1-100") : mysql(number, gtids("1-100"));
      };
      FakeServers servers;
      servers.add(writable(server(1)));
      servers.add(following(server(2), 1));
      servers.add(following(server(3), 1));
      servers.add(following(server(4), 2));
      servers.add(under_name(7, servers.at(db(4))));
      servers.kill(db(2));
      const Outcome outcome = run_plan(servers, dead_intermediate(db(2), Policy{}));
      REQUIRE_FALSE(outcome.error);
      CHECK(outcome.account.moved == std::vector<InstanceKey>{db(4)});
      CHECK_FALSE(was_changed(outcome, db(7)));
      CHECK(notes(outcome, "db7:3306 is db4:3306 under another name"));
    }
  }
}
