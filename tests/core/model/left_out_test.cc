#include "core/model/left_out.h"

#include <doctest/doctest.h>

#include "tests/support/topology_builder.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

Instance chained(int number, int source) {
  return following(mysql(number, test::gtids("1-9")), source);
}

std::string on_the_way(const Topology& topology, const InstanceKey& source, int replica) {
  std::string names;
  for (const Instance* one : leaving_out(topology, source, *topology.find(db(replica))))
    names += one->key.hostname + " ";
  return names;
}

}  // namespace

TEST_SUITE("core/model/left_out") {
  TEST_CASE("filters count for all that is below, of a binary log for what follows it") {
    Instance first = mysql(1, test::gtids("1-9"));
    Instance second = chained(2, 1);
    Instance third = chained(3, 2);
    second.replication.has_filters = true;
    Topology topology({first, second, third, chained(4, 1)});
    CHECK(on_the_way(topology, db(1), 3) == "db2 ");
    CHECK(on_the_way(topology, db(1), 2) == "db2 ");
    CHECK(on_the_way(topology, db(2), 3).empty());
    CHECK(on_the_way(topology, db(1), 4).empty());

    second.replication.has_filters = false;
    second.server.filters_binlog = true;
    third.server.filters_binlog = true;
    topology = Topology({first, second, third});
    CHECK(on_the_way(topology, db(1), 2).empty());
    CHECK(on_the_way(topology, db(1), 3) == "db2 ");
    // What the source kept out of its log, it has and they have not.
    CHECK(on_the_way(topology, db(2), 3) == "db2 ");
    third.replication.has_filters = true;
    CHECK(on_the_way(Topology({first, second, third}), {}, 3) == "db3 db2 ");
  }

  TEST_CASE(
      "in a circle nobody lacks what the last one filters: it came from somebody on the way") {
    Instance one = chained(1, 2);
    Instance two = chained(2, 1);
    two.replication.has_filters = true;
    const Topology pair({one, two, chained(3, 1), chained(4, 2)});
    CHECK(on_the_way(pair, {}, 1).empty());
    CHECK(on_the_way(pair, {}, 3).empty());
    CHECK(on_the_way(pair, {}, 2) == "db2 ");
    CHECK(on_the_way(pair, {}, 4) == "db2 ");
    CHECK(on_the_way(pair, db(1), 4) == "db2 ");
  }

  TEST_CASE("a tag keeps what it says, and takes in who leaves out rows now") {
    Instance second = chained(2, 1);
    second.replication.has_filters = true;
    Instance third = chained(3, 2);
    third.incomplete = "db9:3306";
    Topology topology({mysql(1, test::gtids("1-9")), second, third});
    CHECK(incomplete_by(topology, *topology.find(db(1))).empty());
    CHECK(incomplete_by(topology, *topology.find(db(2))) == "db2:3306");
    CHECK(incomplete_by(topology, *topology.find(db(3))) == "db9:3306,db2:3306");
    third.incomplete = "db2:3306";
    CHECK(incomplete_by(topology, third) == "db2:3306");
    third.incomplete = std::string(125, 'x');  // a tag has room for no more
    CHECK(incomplete_by(topology, third) == third.incomplete);
    CHECK(told_incomplete("") == "unknown");
    CHECK(told_incomplete("db2:3306") == "db2:3306");
  }
}
