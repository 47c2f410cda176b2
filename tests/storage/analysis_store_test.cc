#include "storage/analysis_store.h"

#include <doctest/doctest.h>

#include "tests/storage/memory_backend.h"

namespace orch::storage {

namespace {

const InstanceKey kDb1{"db-1", 3306};
const InstanceKey kDb2{"db-2", 3306};

struct AnalysisFixture : MemoryBackend {
  AnalysisStore store{database(), clock};

  void keep(const std::vector<AnalysedCode>& codes) {
    const Result<> kept = store.save_codes(codes);
    REQUIRE_MESSAGE(kept.has_value(), why(kept));
  }
  void watch(const std::vector<BinlogEnd>& ends) {
    const Result<> kept = store.save_stand_still(ends);
    REQUIRE_MESSAGE(kept.has_value(), why(kept));
  }
  static BinlogEnd at(const InstanceKey& key, std::int64_t position) {
    return {key, {"bin.000001", position, BinlogType::Binary}};
  }
  /// How long ago the server was first seen where it is; nothing when it is not watched.
  std::optional<std::chrono::seconds> standing(const InstanceKey& key) {
    const auto found = store.list_stand_still();
    REQUIRE(found);
    const auto still = found->find(key);
    if (still == found->end() || !still->second.since) return std::nullopt;
    return std::chrono::duration_cast<std::chrono::seconds>(clock.now() - *still->second.since);
  }
};

using Seconds = std::chrono::seconds;

}  // namespace

TEST_SUITE("storage/analysis_store") {
  TEST_CASE_FIXTURE(AnalysisFixture,
                    "changes of a code are logged; that all is well at first is not") {
    keep({{kDb1, "NoProblem"}, {kDb2, "NoProblem"}});
    CHECK(store.list_changes()->empty());
    keep({{kDb2, "DeadMaster"}});
    run("delete from database_instance_analysis_changelog");
    clock.advance(Seconds(5));
    keep({{kDb1, "DeadMaster"}, {kDb2, "DeadMaster"}});
    clock.advance(Seconds(5));
    keep({{kDb1, "DeadMaster"}, {kDb2, "NoProblem"}});
    keep({{kDb1, "NoProblem"}});
    const auto changes = store.list_changes();
    REQUIRE(changes);
    REQUIRE(changes->size() == 2);
    CHECK((*changes)[0].key == kDb1);
    CHECK((*changes)[0].changes == std::vector<std::string>{"2026-01-31 10:20:35;DeadMaster,",
                                                            "2026-01-31 10:20:40;NoProblem,"});
    CHECK((*changes)[1].changes == std::vector<std::string>{"2026-01-31 10:20:40;NoProblem,"});
  }

  TEST_CASE_FIXTURE(AnalysisFixture, "the first failure is logged, and all that comes at once") {
    keep({{kDb1, "UnreachableMaster"}, {kDb2, "NoProblem"}, {kDb1, "DeadMaster"}});
    keep({{kDb1, "NoProblem"}, {kDb1, "DeadMaster"}});
    std::vector<std::string> codes;
    for (const CodeChange& change : store.list_changes_of(kDb1).value_or({}))
      codes.push_back(change.code);
    CHECK(codes ==
          std::vector<std::string>{"UnreachableMaster", "DeadMaster", "NoProblem", "DeadMaster"});
    CHECK(store.list_without("NoProblem").value_or({}) == std::vector<InstanceKey>{kDb1});
    CHECK(store.list_changes_of(kDb2).value_or({}).empty());
  }

  TEST_CASE_FIXTURE(AnalysisFixture, "one server's changes, and who has another code") {
    keep({{kDb1, "NoProblem"}, {kDb2, "NoProblem"}});
    clock.advance(Seconds(5));
    keep({{kDb1, "DeadMaster"}, {kDb2, "DeadMaster"}});
    CHECK(store.list_without("NoProblem").value_or({}) == std::vector<InstanceKey>{kDb1, kDb2});
    clock.advance(Seconds(5));
    keep({{kDb1, "NoProblem"}});
    CHECK(store.list_without("NoProblem").value_or({}) == std::vector<InstanceKey>{kDb2});
    const auto changes = store.list_changes_of(kDb1);
    REQUIRE((changes && changes->size() == 2));
    CHECK((*changes)[0].code == "DeadMaster");
    CHECK((*changes)[1].code == "NoProblem");
    CHECK((*changes)[1].at - (*changes)[0].at == Seconds(5));
  }

  TEST_CASE_FIXTURE(AnalysisFixture, "old changes are dropped, the latest code stays known") {
    keep({{kDb1, "NoProblem"}});
    keep({{kDb1, "DeadMaster"}});
    clock.advance(std::chrono::hours(3));
    CHECK(store.expire_changes(std::chrono::hours(4)).value_or(-1) == 0);
    CHECK(store.expire_changes(std::chrono::hours(2)).value_or(-1) == 1);
    keep({{kDb1, "DeadMaster"}});
    CHECK(store.list_changes()->empty());
  }

  TEST_CASE_FIXTURE(AnalysisFixture,
                    "a position keeps its time for as long as it is watched (ANA-10, ANA-11)") {
    watch({at(kDb1, 100)});
    for (int minute = 0; minute < 10; ++minute) {
      clock.advance(Seconds(60));
      watch({at(kDb1, 100)});
    }
    CHECK(standing(kDb1) == Seconds(600));
    watch({at(kDb1, 101)});
    CHECK(standing(kDb1) == Seconds(0));
  }

  TEST_CASE_FIXTURE(AnalysisFixture, "an old stand-still is never taken for a new one") {
    watch({at(kDb1, 100), at(kDb2, 7)});
    clock.advance(Seconds(60));
    watch({at(kDb2, 7)});
    CHECK_FALSE(standing(kDb1));
    CHECK(standing(kDb2) == Seconds(60));
    watch({at(kDb1, 100)});
    CHECK(standing(kDb1) == Seconds(0));
    CHECK_FALSE(standing(kDb2));
  }
}

}  // namespace orch::storage
