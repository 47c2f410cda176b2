#include "ha/maintenance_locks.h"

#include <doctest/doctest.h>

#include "tests/storage/memory_backend.h"

namespace orch::ha {

TEST_SUITE("ha/maintenance_locks") {
  TEST_CASE_FIXTURE(storage::MemoryBackend, "a refusal names who holds the lock and why") {
    BackendLocks alice(database(), clock, {.hostname = "here", .token = "a"}, "alice");
    BackendLocks bob(database(), clock, {.hostname = "here", .token = "b"}, "bob");
    REQUIRE(alice.claim({"db1", 3306}, "new disk"));
    const auto refused = bob.claim({"db1", 3306}, "relocate");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("maintenance reason: relocate (held by alice: new disk;") !=
          std::string::npos);
  }

  TEST_CASE_FIXTURE(
      storage::MemoryBackend,
      "a person's lock is passed by who changes that server only, an operation's not") {
    const InstanceKey key{"db1", 3306};
    storage::MaintenanceStore store(database(), clock, {"here", "a"});
    BackendLocks moving(database(), clock, {"here", "b"}, "alice");
    BackendLocks stopping(database(), clock, {"here", "c"}, "alice", PersonsLock::Passed);
    REQUIRE(store.claim({.key = key, .owner = "alice", .reason = "disk", .by_person = true}));
    CHECK_FALSE(moving.claim(key, "relocate"));
    CHECK(stopping.claim(key, "stop-replica"));
    CHECK(stopping.release(key));
    CHECK(store.in_maintenance(key).value_or(false));  // the person's goes on
    REQUIRE(store.end(key));
    REQUIRE(moving.claim(key, "relocate"));
    CHECK_FALSE(stopping.claim(key, "stop-replica"));
  }

  TEST_CASE_FIXTURE(storage::MemoryBackend, "locks are renewed until they are released (REF-1)") {
    using std::chrono::milliseconds;
    const InstanceKey kept{"db1", 3306};
    const InstanceKey given_back{"db2", 3306};
    const auto end_of = [&](const InstanceKey& key) {
      return value("select end_timestamp from database_instance_maintenance where hostname = '" +
                   key.hostname + "'");
    };
    const SystemClock now;
    BackendLocks locks(database(), now, {"here", "t"}, "me", PersonsLock::Stops, milliseconds(5));
    REQUIRE(locks.claim(kept, "r"));
    REQUIRE(locks.claim(given_back, "r"));
    REQUIRE(locks.release(given_back));
    const std::string past = "2026-01-01 00:00:00";
    run("update database_instance_maintenance set end_timestamp = '" + past + "'");
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (end_of(kept) == past) {
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      std::this_thread::sleep_for(milliseconds(1));
    }
    CHECK(end_of(given_back) == past);
    CHECK(storage::MaintenanceStore(database(), now, {"here", "t"})
              .in_maintenance(kept)
              .value_or(false));
  }
}

}  // namespace orch::ha
