#include "storage/circumstances.h"

#include <doctest/doctest.h>

#include "storage/instance_store.h"
#include "storage/maintenance_store.h"
#include "tests/storage/memory_backend.h"

namespace orch::storage {

namespace {

const InstanceKey kMaster1{"db-1", 3306};

struct CircumstancesFixture : MemoryBackend {
  Circumstances read() {
    auto circumstances = read_circumstances(database(), clock, {database(), clock, {}});
    REQUIRE_MESSAGE(circumstances.has_value(), why(circumstances));
    return *std::move(circumstances);
  }
  void record(std::optional<unsigned> waiting) {
    Observation seen{.asked = kMaster1, .outcome = ProbeOutcome::Clean};
    seen.instance.key = kMaster1;
    seen.instance.semi_sync.source_waiting_sessions = waiting;
    const Result<> kept = InstanceStore(database(), clock, {}).record({&seen, 1});
    REQUIRE_MESSAGE(kept.has_value(), why(kept));
  }
};

}  // namespace

TEST_SUITE("storage/circumstances") {
  TEST_CASE_FIXTURE(CircumstancesFixture, "locks count until they run out, ended or not") {
    MaintenanceStore locks(database(), clock, {"host", "token"});
    REQUIRE(locks.claim({.key = kMaster1,
                         .owner = "alice",
                         .reason = "move",
                         .duration = std::chrono::seconds(60)}));
    CHECK(read().maintenance.at(kMaster1).owner == "alice");
    clock.advance(std::chrono::seconds(60));
    CHECK(read().maintenance.empty());
  }

  TEST_CASE_FIXTURE(CircumstancesFixture,
                    "how many sessions wait is known from the latest probe only (ANA-12)") {
    record(3);
    CHECK(read().semi_sync_waiting.at(kMaster1) == 3);
    clock.advance(std::chrono::seconds(5));
    record(std::nullopt);
    CHECK(read().semi_sync_waiting.empty());
    clock.advance(std::chrono::seconds(5));
    record(0);
    CHECK(read().semi_sync_waiting.at(kMaster1) == 0);
  }

  TEST_CASE_FIXTURE(CircumstancesFixture, "only recoveries that run hold others up") {
    run(R"(insert into topology_recovery (recovery_id, hostname, port, in_active_period,
            start_active_period, end_active_period_unixtime, end_recovery,
            processing_node_hostname, processcing_node_token, analysis, cluster_name)
        values (7, 'db-1', 3306, 1, '2026-01-31 10:20:00', 0, null, 'host', 'token', 'DeadMaster',
                'db-1:3306'),
               (8, 'db-9', 3306, 1, '2026-01-31 10:20:00', 0, '2026-01-31 10:20:10', 'host', 'token',
                'DeadMaster', 'db-9:3306'))");
    const Circumstances circumstances = read();
    CHECK(circumstances.recovering.size() == 1);
    CHECK(circumstances.recovering.at("db-1:3306") ==
          "recovery 7 (DeadMaster of db-1:3306) is running");
  }

  TEST_CASE_FIXTURE(CircumstancesFixture, "names, errors and the switch are read") {
    run(R"(insert into hostname_resolve (hostname, resolved_hostname, resolved_timestamp)
               values ('a', 'b', '2026-01-31 10:20:00'), ('c', 'c', '2026-01-31 10:20:00');
        insert into orch_instance_error (hostname, port, checked_at, message)
               values ('db-1', 3306, '2026-01-31 10:20:00', 'down');
        insert into global_recovery_disable (disable_recovery) values (1))");
    const Circumstances circumstances = read();
    CHECK(circumstances.resolved == std::map<std::string, std::string>{{"a", "b"}});
    CHECK(circumstances.probe_errors.at(kMaster1) == "down");
    CHECK(circumstances.recoveries_disabled);
  }
}

}  // namespace orch::storage
