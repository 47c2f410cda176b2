#include "ha/plan_facts.h"

#include <doctest/doctest.h>

#include "ha/recovery_work.h"
#include "tests/support/topology_builder.h"

using namespace orch;      // NOLINT(google-build-using-namespace)
using namespace orch::ha;  // NOLINT(google-build-using-namespace)

TEST_SUITE("ha/plan_facts") {
  TEST_CASE("positions of every kind are read as they were written") {
    const Position positions[] = {
        Position{},
        Position{*GtidSet::parse(test::gtids("1-100:200") + "," + test::gtids("5", 2))},
        Position{*MariaDbGtidPos::parse("0-1-42,0-2-40,7-3-9")},
        Position{BinlogCoordinates{"bin.000007", 1234, BinlogType::Binary}},
    };
    for (const Position& position : positions)
      CHECK(parse_position(position_text(position)) == position);
    CHECK_FALSE(is_known(parse_position("gtid nonsense")));
    CHECK_FALSE(is_known(parse_position("whatever")));
  }

  TEST_CASE("facts are read as they were written, and missing ones are missing") {
    PlanFacts facts;
    facts.winner = InstanceKey{"db2", 3306};
    facts.at_promotion = BinlogCoordinates{"bin.000007", 1234, BinlogType::Binary};
    facts.position_at_promotion = Position{*GtidSet::parse(test::gtids("1-100"))};
    facts.lost_transactions = "3 transactions";
    facts.place_at_promotion = BinlogCoordinates{"bin.000003", 77, BinlogType::Binary};
    facts.fetching = {{{"db6", 3306}, {"db1", 3306}}, {{"db7", 3307}, {"db2", 3306}}};
    facts.undelayed = {{{"db4", 3309}, std::chrono::hours(1), true},
                       {{"db5", 3306}, {}, false, {"bin.000007", 5, BinlogType::Binary}, "0-1-9"}};
    facts.continuation = Continuation{{"db2", 3307}, {"bin.000004", 4, BinlogType::Binary}};
    facts.orphans = std::vector<InstanceKey>{{"db3", 3306}, {"db4", 3307}};
    facts.detached = std::vector<LostReplica>{{{"db5", 3306}, "has \"2\" transactions, by itself"},
                                              {{"db6", 3307}, "is older"}};
    facts.semi_sync_sources = {{"db1", 3306}, {"db6", 3307}};
    facts.giving_up = Error{ErrorKind::Unreachable, "it \"does\" not answer"};
    storage::RecoveryRun run;
    write_facts(facts, run);
    const PlanFacts read = read_facts(run);
    CHECK(read.winner == facts.winner);
    CHECK(read.at_promotion == facts.at_promotion);
    CHECK(read.position_at_promotion == facts.position_at_promotion);
    CHECK(read.lost_transactions == facts.lost_transactions);
    CHECK(read.place_at_promotion == facts.place_at_promotion);
    CHECK(read.continuation == facts.continuation);
    CHECK(read.orphans == facts.orphans);
    CHECK(read.detached == facts.detached);
    CHECK(read.undelayed == facts.undelayed);
    CHECK(read.fetching == facts.fetching);
    CHECK(read.semi_sync_sources == facts.semi_sync_sources);
    CHECK(read.giving_up == facts.giving_up);
    storage::RecoveryRun empty;
    write_facts({}, empty);
    const PlanFacts none = read_facts(empty);
    CHECK_FALSE(none.winner);
    CHECK_FALSE(none.at_promotion);
    CHECK_FALSE(none.position_at_promotion);
    CHECK_FALSE(none.lost_transactions);
    CHECK_FALSE(none.orphans);
    CHECK_FALSE(none.detached);
    CHECK(none.undelayed.empty());
    CHECK(none.semi_sync_sources.empty());
    CHECK_FALSE(none.giving_up);
    empty.facts = R"({"GivingUp":{"Kind":"x","Message":7}})";
    CHECK(read_facts(empty).giving_up->message.empty());
  }

  TEST_CASE("a recovery's work is read as it was written; a damaged record is refused") {
    RecoveryWork work;
    work.kind = RecoveryKind::GracefulTakeover;
    work.analysis = "DeadMaster";
    work.description = "a \"quoted\" text";
    work.command = "graceful-master-takeover";
    work.instance_type = "co-master";
    work.cluster = "db1:3306";
    work.cluster_alias = "shop";
    work.cluster_domain = "shop.example";
    work.failed = {"db1", 3306};
    work.designated = InstanceKey{"db2", 3307};
    work.replicas = {{"db2", 3307}, {"db3", 3306}};
    work.downtimed = work.automatic = work.choose = work.start_old_master = true;
    work.hooks = false;
    work.owner = "me";
    storage::RecoveryRun run;
    run.uid = "1:a";
    write_work(work, run);
    const auto read = read_work(run);
    REQUIRE(read);
    CHECK(read->kind == work.kind);
    CHECK(read->analysis == work.analysis);
    CHECK(read->description == work.description);
    CHECK(read->command == work.command);
    CHECK(read->instance_type == work.instance_type);
    CHECK(read->cluster == work.cluster);
    CHECK(read->cluster_alias == work.cluster_alias);
    CHECK(read->cluster_domain == work.cluster_domain);
    CHECK(read->failed == work.failed);
    CHECK(read->designated == work.designated);
    CHECK(read->replicas == work.replicas);
    CHECK(read->downtimed);
    CHECK(read->automatic);
    CHECK(read->choose);
    CHECK(read->start_old_master);
    CHECK_FALSE(read->hooks);
    CHECK(read->owner == work.owner);
    run.request = "{";
    CHECK(read_work(run).error().kind == ErrorKind::Broken);
    run.request = "{}";
    run.kind = "what";
    CHECK(read_work(run).error().message.find("1:a") != std::string::npos);
  }
}
