#include "storage/marks.h"

#include <doctest/doctest.h>

#include "storage/candidate_store.h"
#include "storage/cluster_store.h"
#include "storage/downtime_store.h"
#include "storage/quarantine_store.h"
#include "storage/tag_store.h"
#include "tests/storage/memory_backend.h"

namespace orch::storage {

TEST_SUITE("marks") {
  TEST_CASE("downtimes in force, promotion rules, names by hand and the quarantine are read") {
    MemoryBackend backend;
    Database& database = backend.database();
    const InstanceKey one{"db1", 3306};
    const InstanceKey two{"db2", 3306};
    REQUIRE(DowntimeStore(database, backend.clock)
                .begin({.key = one, .owner = "me", .reason = "disk"}));
    REQUIRE(DowntimeStore(database, backend.clock)
                .begin({.key = two, .duration = std::chrono::seconds(5)}));
    REQUIRE(CandidateStore(database, backend.clock).save({two, PromotionRule::MustNot}));
    REQUIRE(TagStore(database, backend.clock).save(two, {"orch-incomplete", "db1:3306"}));
    REQUIRE(ClusterStore(database, backend.clock, {}).save_alias_override("db1:3306", "shop"));
    REQUIRE(QuarantineStore(database, backend.clock).save({.key = two, .successor = one}));
    backend.clock.advance(std::chrono::seconds(10));
    const auto marks = read_marks(database, backend.clock, std::chrono::minutes(60));
    REQUIRE_MESSAGE(marks.has_value(), why(marks));
    REQUIRE(marks->downtimes.size() == 1);
    CHECK(marks->downtimes.at(one).owner == "me");
    CHECK(marks->downtimes.at(one).elapsed == std::chrono::seconds(10));
    CHECK(marks->promotion_rules.at(two) == PromotionRule::MustNot);
    CHECK(marks->incomplete.at(two) == "db1:3306");
    CHECK(marks->alias_overrides.at("db1:3306") == "shop");
    CHECK(marks->quarantined == std::set<InstanceKey>{two});
    backend.clock.advance(std::chrono::hours(2));
    const auto later = read_marks(database, backend.clock, std::chrono::minutes(60));
    REQUIRE(later);
    CHECK(later->downtimes.empty());
    CHECK(later->promotion_rules.empty());
  }
}

}  // namespace orch::storage
