#include "core/align/entry_masters.h"

#include <string>

#include <doctest/doctest.h>

#include "tests/support/topology_builder.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

Instance in_cluster(Instance instance, const std::string& cluster) {
  instance.cluster_name = cluster;
  return instance;
}

std::string chosen(const std::vector<Instance>& all) {
  std::string text;
  for (const Instance* master : entry_masters(all))
    text += to_string(master->key) + " ";
  return text;
}

}  // namespace

TEST_SUITE("core/align/entry_masters") {
  TEST_CASE("the writable master of each cluster without GTID gets entries, once a cluster") {
    Instance replica = following(mysql(2, ""), 1);
    replica.gtid.uses_oracle = false;
    CHECK(chosen({in_cluster(writable(mariadb(1, "")), "a"), in_cluster(replica, "a"),
                  in_cluster(writable(mariadb(3, "")), "b"), in_cluster(mariadb(4, ""), "c")}) ==
          "db1:3306 db3:3306 ");
    Instance other = writable(mariadb(1, ""));
    other.key = db(7);
    CHECK(chosen({in_cluster(writable(mariadb(1, "")), "a"), in_cluster(other, "a")}) ==
          "db1:3306 ");
  }

  TEST_CASE("clusters that use GTID throughout are left alone (PGT-2)") {
    CHECK(chosen({in_cluster(writable(mysql(1, gtids("1"))), "a"),
                  in_cluster(following(mysql(2, gtids("1")), 1), "a")}) == "");
    CHECK(chosen({in_cluster(writable(mysql(1, gtids("1"))), "a")}) == "");
    Instance by_place = following(mariadb(3, "0-1-1"), 1);
    by_place.gtid.uses_mariadb = false;
    CHECK(chosen({in_cluster(writable(mariadb(1, "0-1-1")), "a"),
                  in_cluster(following(mariadb(2, "0-1-1"), 1), "a")}) == "");
    CHECK(chosen({in_cluster(writable(mariadb(1, "0-1-1")), "a"),
                  in_cluster(following(mariadb(2, "0-1-1"), 1), "a"), in_cluster(by_place, "a")}) ==
          "db1:3306 ");
  }

  TEST_CASE("what is not known to take writes now gets none") {
    CHECK(chosen({in_cluster(unseen(writable(mariadb(1, ""))), "a")}) == "");
    Instance no_log = writable(mariadb(1, ""));
    no_log.server.log_bin = false;
    CHECK(chosen({in_cluster(no_log, "a")}) == "");
    CHECK(chosen({in_cluster(writable(following(mariadb(2, ""), 1)), "a")}) == "");
  }
}
