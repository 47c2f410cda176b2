#include "storage/metered_database.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "storage/sqlite.h"

namespace orch::storage {

TEST_SUITE("storage/metered_database") {
  TEST_CASE("each statement is told once, those of a transaction one by one, failures too") {
    auto opened = open_sqlite(":memory:", std::chrono::seconds(1));
    REQUIRE(opened);
    std::vector<QueryTimes> told;
    std::string last;
    const auto database =
        metered(*std::move(opened), [&](std::string_view sql, const QueryTimes& times) {
          told.push_back(times);
          last = sql;
        });
    REQUIRE(database->execute_script("create table t (a integer)"));
    REQUIRE(database->transaction([&]() -> Result<> {
      ORCH_TRY(database->execute("insert into t values (1)"));
      ORCH_TRY(database->execute("insert into t values (2)"));
      return {};
    }));
    CHECK(told.size() == 3);
    CHECK_FALSE(database->execute("insert into nothing values (1)"));
    REQUIRE(told.size() == 4);
    CHECK(told[2].error.empty());
    CHECK(told[3].error.find("nothing") != std::string::npos);
    int rows = 0;
    REQUIRE(database->select("select a from t", {}, [&](const Row&) { ++rows; }));
    CHECK(rows == 2);
    CHECK(told.size() == 5);
    CHECK(last == "select a from t");
  }
}

}  // namespace orch::storage
