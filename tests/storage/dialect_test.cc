#include "storage/dialect.h"

#include <doctest/doctest.h>

namespace orch::storage {

TEST_SUITE("storage/dialect") {
  TEST_CASE("each database gets its own words") {
    const Dialect sqlite(Dialect::Kind::Sqlite);
    const Dialect mysql(Dialect::Kind::MySql);
    CHECK(sqlite.upsert("t", {"k"}, {"k", "a", "b"}, 2) ==
          "insert into t (k, a, b) values (?, ?, ?), (?, ?, ?) on conflict (k) do update set "
          "a = excluded.a, b = excluded.b");
    CHECK(mysql.upsert("t", {"k"}, {"k", "a", "b"}) ==
          "insert into t (k, a, b) values (?, ?, ?) on duplicate key update a = values(a), "
          "b = values(b)");
    CHECK(sqlite.insert_if_absent("t", {"k"}) == "insert or ignore into t (k) values (?)");
    CHECK(mysql.insert_if_absent("t", {"k"}) == "insert ignore into t (k) values (?)");
    CHECK(sqlite.concat({"a", "':'", "b"}) == "(a || ':' || b)");
    CHECK(mysql.concat({"a", "':'", "b"}) == "concat(a, ':', b)");
    CHECK(sqlite.matches() == "like");
    CHECK(mysql.matches() == "rlike");
  }
}

}  // namespace orch::storage
