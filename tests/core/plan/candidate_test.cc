#include "core/plan/candidate.h"

#include <doctest/doctest.h>

#include "core/plan/filters.h"
#include "core/plan/loss.h"
#include "tests/support/topology_builder.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

std::string because(const Choice& choice, int number) {
  for (const Verdict& verdict : choice.ranked) {
    if (verdict.key == db(number)) return verdict.because;
  }
  return "not looked at";
}

Instance dead_first() {
  return unseen(writable(mysql(1, gtids("1-100"))));
}

Instance replica(int number, const std::string& received = "1-100") {
  return cut_off(following(mysql(number, gtids("1-90")), 1, gtids(received)));
}

Choice choose(std::vector<Instance> instances, const Policy& policy = {}) {
  instances.push_back(dead_first());
  return choose_candidate(Topology(std::move(instances)), db(1), policy);
}

}  // namespace

TEST_SUITE("core/plan/candidate") {
  TEST_CASE("who has received the most is chosen, not who has executed the most (REC-18)") {
    Instance slow = replica(2, "1-100");
    Instance quick = replica(3, "1-98");
    quick.gtid.executed = gtids("1-98");
    const Choice choice = choose({slow, quick});
    CHECK(choice.winner == db(2));
    CHECK(because(choice, 3) == "behind by 2 transactions (" + gtids("99-100") + ")");
  }

  TEST_CASE("MariaDB: Gtid_IO_Pos decides") {
    const Choice choice = choose({cut_off(following(mariadb(2, "0-1-99"), 1, "0-1-99")),
                                  cut_off(following(mariadb(3, "0-1-90"), 1, "0-1-100"))});
    CHECK(choice.winner == db(3));
    CHECK(because(choice, 2) == "behind by at most 1 transaction (up to 0-1-100)");
  }

  TEST_CASE("each reason against a server is told, whatever it has received") {
    struct Case {
      const char* because;
      void (*spoil)(Instance&);
    };
    const Case cases[] = {
        {"promotion rule must_not",
         [](Instance& i) {
           i.promotion_rule = PromotionRule::MustNot;
         }},
        {"is in offline_mode: it turns clients away",
         [](Instance& i) {
           i.server.offline = true;
         }},
        {"has transaction_read_only on: no client could write there",
         [](Instance& i) {
           i.server.transactions_read_only = true;
         }},
        {"has no binary log",
         [](Instance& i) {
           i.server.log_bin = false;
         }},
        {"does not log replica updates",
         [](Instance& i) {
           i.server.log_replica_updates = false;
         }},
        {"is a binlog server",
         [](Instance& i) {
           i.server.binlog_server = true;
         }},
        {"does not answer",
         [](Instance& i) {
           i = unseen(i);
         }},
        {"replicates from 2 sources",
         [](Instance& i) {
           i.replication.channels = 2;
         }},
        {"is a secondary member of a replication group",
         [](Instance& i) {
           i.group.name = "g";
           i.group.primary = db(1);
         }},
        {"version 9.7.0 is above that of most replicas (8.4)",
         [](Instance& i) {
           i.server.version = "9.7.0";
         }},
    };
    for (const Case& one : cases) {
      Instance spoiled = replica(2, "1-100");
      one.spoil(spoiled);
      const Choice choice = choose({spoiled, replica(3, "1-98"), replica(4, "1-98")});
      CHECK(because(choice, 2) == one.because);
      CHECK(choice.winner == db(3));
    }
  }

  TEST_CASE("a larger binlog format than that of most replicas is passed over") {
    Instance row = replica(2);
    Instance mixed = replica(3, "1-98");
    mixed.server.binlog_format = "MIXED";
    Instance mixed_too = mixed;
    mixed_too.key = db(4);
    const Choice choice = choose({row, mixed, mixed_too});
    CHECK(choice.winner == db(3));
    CHECK(because(choice, 2) == "binlog format ROW is above that of most replicas");
  }

  TEST_CASE("PromotionIgnoreHostnameFilters passes a server over") {
    Policy policy;
    policy.ignored_for_promotion = [](const Instance& i) {
      return i.key == db(2);
    };
    const Choice choice = choose({replica(2), replica(3, "1-98")}, policy);
    CHECK(because(choice, 2) == "matches PromotionIgnoreHostnameFilters");
    CHECK(choice.winner == db(3));
  }

  TEST_CASE("prevention of cross data center failover speaks with the contract's text (REC-39)") {
    Policy policy;
    policy.prevent_cross_data_center_master_failover = true;
    Instance far = replica(2);
    far.location.data_center = "there";
    const Choice choice = choose({far, replica(3, "1-98")}, policy);
    CHECK(because(choice, 2) ==
          "PreventCrossDataCenterMasterFailover: will not promote server in there when failed "
          "server in ");
    CHECK(choice.winner == db(3));
  }

  TEST_CASE("among equally advanced ones the qualities decide in their order (REC-17)") {
    struct Case {
      const char* because;
      void (*lessen)(Instance&);
    };
    const Case cases[] = {
        {"has received as much, and executed less",
         [](Instance& i) {
           i.gtid.executed = gtids("1-80");
         }},
        {"is delayed",
         [](Instance& i) {
           i.replication.sql_delay = std::chrono::hours(1);
         }},
        {"has a gtid_mode with which nobody can follow",
         [](Instance& i) {
           i.gtid.mode = "ON_PERMISSIVE";
           i.promotion_rule = PromotionRule::Prefer;
         }},
        {"has a lesser promotion rule",
         [](Instance& i) {
           i.promotion_rule = PromotionRule::PreferNot;
         }},
        {"is at another site than the failed server",
         [](Instance& i) {
           i.location.data_center = "there";
         }},
        {"has errant transactions",
         [](Instance& i) {
           i.gtid.errant = gtids("1", 2);
         }},
    };
    for (const Case& one : cases) {
      Instance lesser = replica(2);
      one.lessen(lesser);
      const Choice choice = choose({lesser, replica(3)});
      CHECK(choice.winner == db(3));
      CHECK(because(choice, 2) == one.because);
    }
    CHECK(choose({replica(2), replica(3)}).winner == db(2));
  }

  TEST_CASE("errant transactions do not make a server look more advanced") {
    Instance errant = replica(2, "1-98");
    errant.gtid.executed = gtids("1-90") + "," + gtids("1-50", 2);
    CHECK(choose({errant, replica(3, "1-100")}).winner == db(3));
    // Nor when those below it have got them.
    Instance below = following(mysql(4, errant.gtid.executed), 2);
    CHECK(choose({errant, replica(3, "1-100"), below}).winner == db(3));
  }

  TEST_CASE("what a MariaDB replica wrote counts also when its source has long been further") {
    const auto mariadb_replica = [](int number, const std::string& logged, int source = 1) {
      Instance instance = following(mariadb(number, "0-1-100"), source);
      instance.gtid.mariadb_binlog_state = logged;
      return instance;
    };
    const Instance errant = mariadb_replica(2, "0-2-6,0-1-100");
    const Choice choice = choose({errant, mariadb_replica(3, "0-1-100")});
    CHECK(choice.winner == db(3));
    CHECK(because(choice, 2) == "has errant transactions");
    // Also when it was the master once, and when those below it have got them.
    CHECK(choose({errant, mariadb_replica(3, "0-2-5,0-1-100")}).winner == db(3));
    const Instance below = mariadb_replica(4, "0-2-6,0-1-100", 2);
    CHECK(choose({errant, mariadb_replica(3, "0-1-100"), below}).winner == db(3));
    // Not when another has the same, or shows no log.
    CHECK(choose({errant, mariadb_replica(3, "0-2-6,0-1-100")}).winner == db(2));
    CHECK(unknown_writes(Topology({errant, mariadb_replica(3, "")}), errant).empty());
  }

  TEST_CASE("a detached replica is named as such") {
    Instance detached_one = replica(2);
    detached_one.replication.source = detached(db(1));
    const Choice choice = choose({detached_one, replica(3)});
    CHECK(because(choice, 2) == "is detached from db1:3306");
  }

  TEST_CASE("a replica of somebody unknown is no candidate") {
    Instance stray = replica(2);
    stray.replication.source = {"elsewhere", 3306};
    const Choice choice = choose({stray, replica(3, "1-91")});
    CHECK(choice.winner == db(3));
    CHECK(because(choice, 2) == "not looked at");
  }

  TEST_CASE("a replica of a replica that must not be promoted is looked at") {
    Instance middle = replica(2);
    middle.promotion_rule = PromotionRule::MustNot;
    const Choice choice = choose({middle, following(mysql(3, gtids("1-90")), 2, gtids("1-95"))});
    CHECK(choice.winner == db(3));
  }

  TEST_CASE("who replicates by way of a server that filters lacks what it left out") {
    Instance filtering = replica(2);
    filtering.replication.has_filters = true;
    filtering.promotion_rule = PromotionRule::MustNot;
    Instance below = following(mysql(3, gtids("1-90")), 2, gtids("1-95"));
    const Instance behind = replica(4, "1-80");
    Choice choice = choose({filtering, below, behind});
    CHECK(choice.winner == db(4));
    const std::string text =
        "replicates by way of db2:3306, which filters what it replicates, so "
        "that rows may be missing";
    CHECK(because(choice, 3) == text);
    // Nor does a rule speak for it then.
    below.promotion_rule = PromotionRule::Prefer;
    CHECK(choose({filtering, below, replica(4, "1-95")}).winner == db(4));
    CHECK(lost_with(Topology({dead_first(), filtering, below}), db(1), db(3))
              .starts_with("unknown: db3:3306 " + text));
    choice = choose({filtering, below});
    CHECK(choice.winner == db(3));
    CHECK(because(choice, 3).find(text) != std::string::npos);
    // What the failed server itself filters concerns what it got from its co-master.
    Instance failed = unseen(mysql(1, gtids("1-100")));
    failed.replication.has_filters = true;
    CHECK(filter_text(Topology({failed, behind}), db(1), behind).empty());
  }

  TEST_CASE("who skips errors may lack rows, and whoever is below it") {
    Instance skipping = replica(2);
    skipping.server.skips_errors = true;
    const Instance below = following(mysql(3, gtids("1-95")), 2);
    const Instance behind = replica(4, "1-80");
    const Choice choice = choose({skipping, below, behind});
    CHECK(choice.winner == db(4));
    const std::string text =
        "skips errors when it applies (slave_skip_errors), so that rows may be missing";
    CHECK(because(choice, 2) == text);
    Instance failed = dead_first();
    CHECK(filter_text(Topology({failed, skipping, below}), db(1), below) ==
          "replicates by way of db2:3306, which " + text);
    CHECK(lost_with(Topology({failed, skipping}), db(1), db(2))
              .starts_with("unknown: db2:3306 " + text));
    // A master applies nothing.
    failed.server.skips_errors = true;
    CHECK(filter_text(Topology({failed, behind}), {}, behind).empty());
  }

  TEST_CASE("who does not log all is behind the whole ones, and before those that lack rows") {
    Instance logs_part = replica(2, "1-100");
    logs_part.server.filters_binlog = true;
    logs_part.promotion_rule = PromotionRule::Must;
    Instance was_below = replica(3, "1-100");
    was_below.incomplete = "db9:3306";
    const Instance whole = replica(4, "1-95");
    Choice choice = choose({logs_part, was_below, whole});
    CHECK(choice.winner == db(4));
    CHECK(because(choice, 2).starts_with("leaves databases out of its binary log"));
    CHECK(because(choice, 3).starts_with("may lack rows, by its tag orch-incomplete=db9:3306"));
    choice = choose({logs_part, was_below});
    CHECK(choice.winner == db(2));
    CHECK(because(choice, 2).find("leaves databases out of its binary log") != std::string::npos);
  }

  TEST_CASE("at the end of a chain of dead ones somebody may live") {
    const Instance last = following(mysql(4, gtids("1-99")), 3);
    const Choice choice =
        choose({unseen(replica(2)), unseen(following(mysql(3, gtids("1-99")), 2)), last});
    CHECK(choice.winner == db(4));
  }

  TEST_CASE("coordinates in another server's log do not compare with those in the failed one's") {
    Instance middle = unseen(by_coordinates(2, 1, 900));
    Instance below = by_coordinates(3, 2, 300);
    below.replication.read.log_file = below.replication.exec.log_file = "bin.000006";
    below.promotion_rule = PromotionRule::Prefer;
    const Instance direct = by_coordinates(4, 1, 900);
    Instance failed = unseen(mysql(1, ""));
    failed.gtid = {};
    const Choice choice =
        choose_candidate(Topology({failed, middle, below, direct}), db(1), Policy{});
    CHECK(choice.winner == db(4));
    CHECK(because(choice, 3) ==
          "reads the log of db2:3306: how far it is in that of the failed "
          "server is not known");
  }

  TEST_CASE("with nobody fit there is no winner") {
    Instance banned = replica(2);
    banned.promotion_rule = PromotionRule::MustNot;
    CHECK_FALSE(choose({banned}).winner);
    CHECK_FALSE(choose({}).winner);
  }

  TEST_CASE("what would be lost is counted from the dead server's record, and unknown said") {
    const Topology topology({dead_first(), replica(2, "1-97")});
    CHECK(lost_with(topology, db(1), db(2)) ==
          "3 transactions (" + gtids("98-100") +
              "); what db1:3306 wrote after its last record is unknown");
    Instance blank = dead_first();
    blank.gtid.executed = "?";
    blank.server.binlog = {};
    CHECK(lost_with(Topology({blank, replica(2)}), db(1), db(2)).rfind("unknown: ", 0) == 0);
  }

  TEST_CASE("MariaDB: a dead server's recorded binlog position tells what would be lost") {
    Instance dead = unseen(mariadb(1, ""));
    dead.server.binlog = {"bin.000001", 2000, BinlogType::Binary};
    const Topology topology({dead, cut_off(following(mariadb(2, "0-1-90"), 1))});
    CHECK(lost_with(topology, db(1), db(2))
              .rfind("transactions after bin.000001:1000 up to bin.000001:2000", 0) == 0);
  }
}
