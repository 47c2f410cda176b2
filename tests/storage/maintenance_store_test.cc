#include "storage/maintenance_store.h"

#include <string>

#include <doctest/doctest.h>

#include "storage/downtime_store.h"
#include "storage/process_token.h"
#include "tests/storage/memory_backend.h"

namespace orch::storage {

namespace {

const InstanceKey kDb{"db-1", 3306};

struct MaintenanceFixture : MemoryBackend {
  MaintenanceStore store{database(), clock, {"host", "token"}};

  std::optional<std::int64_t> claim(bool by_person = true) {
    auto claimed = store.claim({.key = kDb,
                                .owner = "alice",
                                .reason = "move",
                                .duration = std::chrono::seconds(60),
                                .by_person = by_person});
    REQUIRE(claimed);
    return *claimed;
  }
};

}  // namespace

TEST_SUITE("storage/maintenance_store") {
  TEST_CASE_FIXTURE(MaintenanceFixture, "one lock at a time, free again after its end") {
    REQUIRE(claim().has_value());
    CHECK_FALSE(claim().has_value());
    CHECK(store.in_maintenance(kDb).value_or(false));
    CHECK_FALSE(store.in_maintenance({"db-2", 3306}).value_or(true));
    CHECK(store.end(kDb).value_or(false));
    CHECK_FALSE(store.end(kDb).value_or(true));
    CHECK_FALSE(store.in_maintenance(kDb).value_or(true));
    const auto id = claim();
    REQUIRE(id.has_value());
    CHECK(store.end(*id).value_or(false));
    CHECK(claim().has_value());
  }

  TEST_CASE_FIXTURE(MaintenanceFixture, "a lock that has run out is none") {
    REQUIRE(claim().has_value());
    clock.advance(std::chrono::seconds(61));
    CHECK_FALSE(store.in_maintenance(kDb).value_or(true));
    CHECK(claim().has_value());
    CHECK(value("select count(*) from database_instance_maintenance") == "2");
  }

  TEST_CASE_FIXTURE(MaintenanceFixture, "the lock of a process of this host that is gone is none") {
    const std::string living = make_process_token().value_or("");
    REQUIRE(living.size() == 64);
    REQUIRE(living.find_first_not_of("0123456789abcdef") == std::string::npos);
    MaintenanceStore of_living(database(), clock, {"host", living});
    REQUIRE(of_living.claim({.key = kDb}).value_or(std::nullopt).has_value());
    CHECK_FALSE(claim().has_value());
    const auto held_by = [&](const std::string& token, const std::string& host = "host") {
      run("update database_instance_maintenance set processing_node_token = '" + token +
          "', processing_node_hostname = '" + host + "' where maintenance_active = 1");
    };
    const std::string here = living.substr(0, 40);
    const std::string pid = living.substr(40, 6);
    const std::string nobody = "400001";  // above the largest number of a process
    const std::string start = "00000000004d";
    held_by(here + nobody + start + "abcdef", "another");
    CHECK_FALSE(claim().has_value());
    held_by(std::string(40, 'a') + nobody + start + "abcdef");  // another boot
    CHECK_FALSE(claim().has_value());
    held_by("0123456789abcdef");  // of another program
    CHECK_FALSE(claim().has_value());
    held_by(here + pid + start + "abcdef");  // the number is another process's now
    CHECK(claim(true).has_value());
    // A person's lock stays, whatever became of the process.
    held_by(here + nobody + start + "abcdef");
    CHECK_FALSE(claim().has_value());
  }

  TEST_CASE_FIXTURE(MaintenanceFixture, "active locks are listed") {
    const auto id = claim();
    const auto listed = store.list();
    REQUIRE(listed);
    REQUIRE(listed->size() == 1);
    const Maintenance& lock = listed->front();
    CHECK(lock.id == id.value_or(0));
    CHECK(lock.key == kDb);
    CHECK(lock.owner == "alice");
    CHECK(lock.reason == "move");
    CHECK(*lock.end - *lock.begin == std::chrono::seconds(60));
  }

  TEST_CASE_FIXTURE(MaintenanceFixture, "an operation's lock lasts while it is renewed (REF-1)") {
    REQUIRE(store.claim({.key = kDb, .owner = "alice"}).value_or(std::nullopt).has_value());
    for (int minute = 0; minute < 20; ++minute) {
      clock.advance(std::chrono::seconds(59));
      CHECK(store.renew(kDb).value_or(false));
      CHECK(store.expire().value_or(-1) == 0);
      CHECK(store.in_maintenance(kDb).value_or(false));
    }
    MaintenanceStore of_another(database(), clock, {"host", "another"});
    CHECK_FALSE(of_another.renew(kDb).value_or(true));
    clock.advance(std::chrono::seconds(61));
    CHECK(store.expire().value_or(-1) == 1);
    CHECK_FALSE(store.renew(kDb).value_or(true));
    REQUIRE(claim(true).has_value());
    CHECK_FALSE(store.renew(kDb).value_or(true));  // a person's ends when it was said to
  }

  TEST_CASE_FIXTURE(MaintenanceFixture,
                    "locks of operations die with their process, those of people do not") {
    REQUIRE(claim(true).has_value());
    CHECK(store.expire().value_or(-1) == 0);
    REQUIRE(store.end(kDb));
    REQUIRE(claim(false).has_value());
    REQUIRE(NodeStore(database(), clock).save({.identity = {"host", "token"}}));
    CHECK(store.expire().value_or(-1) == 0);
    run("delete from node_health");
    CHECK(store.expire().value_or(-1) == 1);
    CHECK(claim().has_value());
    clock.advance(std::chrono::days(1));
    CHECK(store.expire().value_or(-1) == 1);
    CHECK(value("select count(*) from database_instance_maintenance") == "3");
    clock.advance(std::chrono::days(8));
    REQUIRE(store.expire());
    CHECK(value("select count(*) from database_instance_maintenance") == "0");
  }
}

TEST_SUITE("storage/downtime_store") {
  TEST_CASE_FIXTURE(MaintenanceFixture, "a downtime is replaced, ended once, and expires") {
    DowntimeStore downtimes(database(), clock);
    REQUIRE(downtimes.begin({kDb, "alice", "one", std::chrono::seconds(10)}));
    REQUIRE(downtimes.begin({kDb, "bob", "two", std::chrono::seconds(20)}));
    CHECK(value("select owner || reason || end_timestamp from database_instance_downtime") ==
          "bobtwo2026-01-31 10:20:50");
    CHECK(downtimes.end(kDb).value_or(false));
    CHECK_FALSE(downtimes.end(kDb).value_or(true));
    REQUIRE(downtimes.begin({kDb, "bob", "three", std::chrono::seconds(20)}));
    CHECK(downtimes.expire().value_or(-1) == 0);
    clock.advance(std::chrono::seconds(21));
    CHECK(downtimes.expire().value_or(-1) == 1);
  }
}

}  // namespace orch::storage
