#include "core/plan/filters.h"

#include <doctest/doctest.h>

#include "tests/support/topology_builder.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

constexpr const char* kByTag =
    "may lack rows, by its tag orch-incomplete=db2:3306 (once it has them all: orch untag "
    "db3:3306 orch-incomplete)";

struct Moved {
  Moved() { replica.incomplete = "db2:3306"; }
  [[nodiscard]] std::string text() const { return filter_text(topology(), db(1), replica); }
  [[nodiscard]] bool is_whole() const { return left_out(topology(), db(1), replica).empty(); }
  [[nodiscard]] Topology topology() const { return Topology({source, replica}); }

  Instance source = mysql(1, gtids("1-9"));
  Instance replica = following(mysql(3, gtids("1-9")), 1);
};

}  // namespace

TEST_SUITE("core/plan/filters") {
  TEST_CASE("who was below a filter is not whole until its tag is gone") {
    Moved moved;
    CHECK(moved.text() == kByTag);
    CHECK_FALSE(moved.is_whole());
    moved.replica.incomplete.clear();
    CHECK(moved.text().empty());
    CHECK(moved.is_whole());
  }

  TEST_CASE("what the source lacks as well is no reason against its replica") {
    Moved moved;
    moved.source.incomplete = "db7:3306,db2:3306";
    CHECK(moved.is_whole());
    CHECK(moved.text().empty());
    moved.replica.incomplete = "db2:3306,db8:3306";
    CHECK(left_out(moved.topology(), db(1), moved.replica) == std::set<std::string>{"db8:3306"});
  }

  TEST_CASE("what a source keeps out of its binary log is missing in its replicas") {
    Moved moved;
    moved.replica.incomplete.clear();
    moved.source.server.filters_binlog = true;
    CHECK(moved.text() ==
          "replicates by way of db1:3306, which leaves databases out of its binary log, so that "
          "rows may be missing");
    CHECK_FALSE(moved.is_whole());
    CHECK_FALSE(binlog_filter_text(moved.source).empty());
    CHECK(binlog_filter_text(moved.replica).empty());
  }
}
