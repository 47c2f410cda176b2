#include "storage/quarantine_store.h"

#include <doctest/doctest.h>

#include "tests/storage/memory_backend.h"

namespace orch::storage {

namespace {

struct List : MemoryBackend {
  QuarantineStore store{database(), clock};
};

Quarantine entry_of(const InstanceKey& key) {
  return {.key = key,
          .server_uuid = "uuid",
          .server_id = 4'294'967'295U,
          .cluster_alias = "shop",
          .successor = {"db2", 3306},
          .recovery_uid = "1:a",
          .reason = "it lost its place to db2:3306",
          .owner = "me"};
}

}  // namespace

TEST_SUITE("storage/quarantine_store") {
  TEST_CASE_FIXTURE(List, "an entry is read as it was written") {
    REQUIRE(store.save(entry_of({"db1", 3306})));
    const auto found = store.find({"db1", 3306});
    REQUIRE((found && *found));
    const Quarantine& read = **found;
    CHECK(read.server_uuid == "uuid");
    CHECK(read.server_id == 4'294'967'295U);
    CHECK(read.cluster_alias == "shop");
    CHECK(read.successor == InstanceKey{"db2", 3306});
    CHECK(read.recovery_uid == "1:a");
    CHECK(read.reason == "it lost its place to db2:3306");
    CHECK(read.owner == "me");
    CHECK(read.since.has_value());
    CHECK_FALSE(read.released_at.has_value());
    CHECK_FALSE(*store.find({"db1", 3307}));
  }

  TEST_CASE_FIXTURE(List, "what is released is off the list, but not forgotten") {
    REQUIRE(store.save(entry_of({"db2", 3306})));
    REQUIRE(store.save(entry_of({"db1", 3306})));
    REQUIRE(store.list()->size() == 2);
    CHECK(store.list()->front().key == InstanceKey{"db1", 3306});
    CHECK(*store.release({"db1", 3306}, "me", "repaired"));
    CHECK_FALSE(*store.release({"db1", 3306}, "me", "repaired"));
    CHECK_FALSE(*store.find({"db1", 3306}));
    CHECK(store.list()->size() == 1);
    CHECK(value("select released_by || ':' || release_reason from orch_quarantine "
                "where hostname = 'db1'") == "me:repaired");
  }

  TEST_CASE_FIXTURE(List, "a new entry takes the place of the one in force") {
    REQUIRE(store.save(entry_of({"db1", 3306})));
    Quarantine again = entry_of({"db1", 3306});
    again.successor = {"db3", 3306};
    REQUIRE(store.save(again));
    REQUIRE(store.list()->size() == 1);
    CHECK(store.list()->front().successor == InstanceKey{"db3", 3306});
    CHECK(value("select count(*) from orch_quarantine") == "2");
  }
}

}  // namespace orch::storage
