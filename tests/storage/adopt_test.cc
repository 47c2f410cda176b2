#include "storage/adopt.h"

#include <doctest/doctest.h>

#include "storage/migrate.h"
#include "storage/sqlite.h"
#include "storage/tag_store.h"
#include "tests/support/fake_clock.h"

namespace orch::storage {

TEST_SUITE("storage/adopt") {
  TEST_CASE("a table with an early release's primary key gets today's, and keeps the latest rows") {
    auto opened = open_sqlite(":memory:", std::chrono::seconds(1));
    REQUIRE(opened);
    Database& database = **opened;
    REQUIRE(database.execute_script(R"(
      create table database_instance_tags (
        hostname varchar(128) not null, port smallint not null, tag_name varchar(128) not null,
        tag_value varchar(128) not null, last_updated timestamp not null default (''),
        primary key (hostname, port, tag_name, tag_value));
      create index tag_name_idx on database_instance_tags (tag_name);
      insert into database_instance_tags values
        ('db-1', 3306, 'role', 'latest', '2021-01-01 00:00:00'),
        ('db-1', 3306, 'role', 'former', '2020-01-01 00:00:00'),
        ('db-2', 3306, 'role', 'kept', '2019-01-01 00:00:00');)"));
    const FakeClock clock;
    REQUIRE(migrate(database, {.version = "1"}, clock));
    const auto values = [&database] {
      std::string found;
      REQUIRE(database.select("select tag_value from database_instance_tags order by hostname", {},
                              [&found](const Row& row) { found += row.text(0) + " "; }));
      return found;
    };
    CHECK(values() == "latest kept ");
    REQUIRE(TagStore(database, clock).save({"db-1", 3306}, {"role", "new"}));
    CHECK(values() == "new kept ");
    std::string indexes;
    REQUIRE(
        database.select("select name from sqlite_master where type = 'index' and tbl_name = "
                        "'database_instance_tags' and sql is not null",
                        {}, [&indexes](const Row& row) { indexes += row.text(0) + " "; }));
    CHECK(indexes == "tag_name_idx_database_instance_tags ");
  }
}

}  // namespace orch::storage
