#include "core/probe/neighbours.h"

#include <doctest/doctest.h>

#include "tests/support/scripted_session.h"

namespace orch {
namespace {

std::vector<std::string> keys(const std::vector<ReportedReplica>& replicas) {
  std::vector<std::string> texts;
  for (const ReportedReplica& replica : replicas)
    texts.push_back(to_string(replica.key));
  return texts;
}

ResultSet threads(const std::vector<std::string>& hosts) {
  std::vector<std::vector<std::string>> rows;
  for (const std::string& host : hosts)
    rows.push_back({"repl", host});
  return table({"USER", "HOST"}, std::move(rows));
}

FoundReplicas combine(const std::vector<std::vector<std::string>>& registered,
                      const std::vector<std::string>& peers) {
  return combine_replicas(read_registered_replicas(table({"Host", "Port"}, registered)),
                          read_dump_threads(threads(peers)), {"db1", 3306});
}

using Texts = std::vector<std::string>;

Instance member(const char* uuid) {
  Instance instance;
  instance.key = {"real1", 3306};
  instance.server.uuid = uuid;
  return instance;
}

const std::vector<std::string> kGroupColumns{"MEMBER_ID", "MEMBER_HOST", "MEMBER_PORT",
                                             "MEMBER_STATE", "MEMBER_ROLE"};

}  // namespace

TEST_SUITE("core/probe/neighbours") {
  TEST_CASE("peers with IPv6 addresses are kept whole (DISC-11)") {
    const auto replicas = read_dump_threads(
        threads({"2001:db8::7:54321", "2001:db8::7:4321", "[fe80::1]:99", "::1:40000", "10.0.0.1:5",
                 "db9.example.com:7", "localhost", "2001:db8::9", "", ":5"}));
    CHECK(keys(replicas) == Texts{"2001:db8::7:0", "2001:db8::7:0", "fe80::1:0", "::1:0",
                                  "10.0.0.1:0", "db9.example.com:0", "localhost:0",
                                  "2001:db8::9:0"});
  }

  TEST_CASE("replicas that registered with host and port explain their threads") {
    const FoundReplicas found =
        combine({{"db2", "3307"}, {"db3", "3306"}}, {"10.0.0.2:1", "10.0.0.3:2"});
    CHECK(keys(found.certain) == Texts{"db2:3307", "db3:3306"});
    CHECK(found.candidates.empty());
  }

  TEST_CASE("peers beyond the registered are candidates at the source's own port") {
    const FoundReplicas found = combine({{"db2", "3307"}}, {"db2:1", "10.0.0.3:2", "10.0.0.3:9"});
    CHECK(keys(found.candidates) == Texts{"10.0.0.3:3306"});
  }

  TEST_CASE("replicas that registered their port alone give better guesses (DISC-12)") {
    const FoundReplicas found =
        combine({{"", "3311"}, {"", "3312"}}, {"127.0.0.1:1", "127.0.0.1:2"});
    CHECK(keys(found.candidates) == Texts{"127.0.0.1:3311", "127.0.0.1:3312"});
  }

  TEST_CASE("a server is no candidate of itself") {
    CHECK(combine({}, {"db1:1"}).candidates.empty());
  }

  TEST_CASE("rows that say nothing are left out, ports out of range count as unknown") {
    const auto replicas = read_registered_replicas(
        table({"Host", "Port"}, {{"", "0"}, {"db2", "70000"}, {"NULL", "NULL"}, {"db3", "x"}}));
    CHECK(keys(replicas) == Texts{"db2:0", "db3:0"});
  }

  TEST_CASE("NDB nodes are found by their URI") {
    const auto nodes = read_ndb_nodes(
        table({"service_URI"}, {{"mysql://10.0.0.5:3306/"}, {"mysql://10.0.0.6:3306"}, {""}}),
        3306);
    CHECK(keys(nodes) == Texts{"10.0.0.5:3306", "10.0.0.6:3306"});
  }

  TEST_CASE("a member sees its group, its primary and the others") {
    const ResultSet rows = table(kGroupColumns, {{"U1", "db1", "3306", "ONLINE", "PRIMARY"},
                                                 {"u2", "db2", "3306", "RECOVERING", "SECONDARY"}});
    Instance primary = member("u1");
    read_group(rows, "g", true, primary);
    CHECK(primary.group.name == "g");
    CHECK(primary.group.role == "PRIMARY");
    CHECK(primary.group.primary == primary.key);
    REQUIRE(primary.group.others.size() == 1);
    Instance secondary = member("u2");
    read_group(rows, "g", true, secondary);
    CHECK(secondary.group.state == "RECOVERING");
    CHECK(to_string(secondary.group.primary) == "db1:3306");
  }

  TEST_CASE("each member of a multi-primary group is a primary that is not alone (DISC-14)") {
    const ResultSet rows = table(kGroupColumns, {{"u1", "db1", "3306", "ONLINE", "PRIMARY"},
                                                 {"u2", "db2", "3306", "ONLINE", "PRIMARY"}});
    Instance instance = member("u1");
    read_group(rows, "g", false, instance);
    CHECK_FALSE(instance.group.single_primary);
    CHECK(is_group_primary(instance));
    CHECK(is_source_of_cluster(instance));
    REQUIRE(instance.group.others.size() == 1);
    CHECK(to_string(instance.group.others.front()) == "db2:3306");
    Instance follows = member("u1");
    follows.replication.configured = true;
    read_group(rows, "g", false, follows);
    CHECK_FALSE(is_group_member(follows));
    Instance alone = member("u1");
    read_group(table(kGroupColumns, {{"u1", "db1", "3306", "ONLINE", "PRIMARY"}}), "g", false,
               alone);
    CHECK_FALSE(is_group_member(alone));
  }

  TEST_CASE("a server that its group does not list is no member") {
    Instance instance = member("u9");
    read_group(table(kGroupColumns, {{"u1", "db1", "3306", "ONLINE", "PRIMARY"}}), "g", true,
               instance);
    CHECK_FALSE(is_group_member(instance));
  }
}

}  // namespace orch
