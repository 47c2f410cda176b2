#include "core/model/server_version.h"

#include <doctest/doctest.h>

namespace orch {

TEST_SUITE("core/model/server_version") {
  TEST_CASE("the numbers at the start are read, whatever follows") {
    CHECK(parse_server_version("8.4.3-3") == ServerVersion{8, 4, 3});
    CHECK(parse_server_version("10.11.6-MariaDB-log") == ServerVersion{10, 11, 6});
    CHECK(parse_server_version("5.5.5-10.11.6-MariaDB") == ServerVersion{10, 11, 6});
    CHECK(parse_server_version("5.5.5-log") == ServerVersion{5, 5, 5});
    CHECK(parse_server_version("9.7") == ServerVersion{9, 7, 0});
    CHECK(parse_server_version("") == ServerVersion{});
    CHECK(parse_server_version("x.4.-3") == ServerVersion{0, 4, 0});
    CHECK(parse_server_version("99999999999.1.2") == ServerVersion{0, 1, 2});
  }

  TEST_CASE("DISC-5: versions are compared as numbers") {
    CHECK(parse_server_version("8.0.9") < parse_server_version("8.0.14"));
    CHECK(parse_server_version("9.7.0") < parse_server_version("10.0.0"));
    CHECK(is_smaller_major_version("8.4.3", "10.1.2"));
    CHECK_FALSE(is_smaller_major_version("10.11.2", "10.6.20"));
    CHECK_FALSE(is_smaller_major_version("8.0.14", "8.0.40"));
  }

  TEST_CASE("the major version is the first two tokens") {
    CHECK(major_version("8.0.36-28") == "8.0");
    CHECK(major_version("5.5.5-10.11.6-MariaDB") == "10.11");
    CHECK(major_version("Unknown") == "0.0");
    CHECK(is_smaller_major_version("Unknown", "5.7.1"));
    CHECK_FALSE(is_smaller_major_version("a.b", "0.0"));
  }

  TEST_CASE("the flavor is told by version and comment") {
    CHECK(flavor_of("8.4.3", "MySQL Community Server - GPL") == Flavor::MySql);
    CHECK(flavor_of("10.11.6-MariaDB", "Percona") == Flavor::MariaDb);
    CHECK(flavor_of("8.0.36-28", "Percona Server (GPL)") == Flavor::Percona);
    CHECK(flavor_of("2.5.3-maxscale", "") == Flavor::MaxScale);
    CHECK(flavor_of("", "Percona Server") == Flavor::Unknown);
    CHECK(to_string(Flavor::MySql) == "MySQL");
    CHECK(to_string(Flavor::MariaDb) == "MariaDB");
    CHECK(to_string(Flavor::Percona) == "Percona");
    CHECK(to_string(Flavor::MaxScale) == "MaxScale");
    CHECK(to_string(Flavor::Unknown) == "unknown");
    CHECK(is_ndb("8.0.36-ndb-8.0.36-cluster"));
    CHECK_FALSE(is_ndb("8.0.36"));
  }
}

}  // namespace orch
