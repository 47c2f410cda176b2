#include "core/probe/cluster_name.h"

#include <doctest/doctest.h>

namespace orch {
namespace {

constexpr const char* kUuid1 = "00000000-0000-0000-0000-000000000001";
constexpr const char* kUuid2 = "00000000-0000-0000-0000-000000000002";
constexpr const char* kUuid3 = "00000000-0000-0000-0000-000000000003";

Instance server(const char* host, const char* uuid) {
  Instance instance;
  instance.key = {host, 3306};
  instance.server.uuid = uuid;
  return instance;
}

Instance replica(const char* host, const char* uuid, const Instance& source) {
  Instance instance = server(host, uuid);
  instance.replication.configured = true;
  instance.replication.source = source.key;
  instance.replication.source_uuid = source.server.uuid;
  instance.replication.read = {"bin.000001", 4};
  return instance;
}

Instance settled_source() {
  Instance source = server("db1", kUuid1);
  settle(source, nullptr, "", {});
  return source;
}

std::string set_of(const char* uuid, const char* intervals) {
  return std::string(uuid) + ":" + intervals;
}

}  // namespace

TEST_SUITE("core/probe/cluster_name") {
  TEST_CASE("a server without a known source names the cluster after itself") {
    const Instance source = settled_source();
    CHECK(source.cluster_name == "db1:3306");
    CHECK(source.replication_depth == 0);
    CHECK_FALSE(source.is_co_master);
    CHECK(source.ancestry_uuid == kUuid1);
  }

  TEST_CASE("a replica takes name and ancestry from its source, one level deeper") {
    const Instance source = settled_source();
    Instance middle = replica("db2", kUuid2, source);
    settle(middle, &source, "", {});
    Instance leaf = replica("db3", kUuid3, middle);
    settle(leaf, &middle, "", {});
    CHECK(leaf.cluster_name == "db1:3306");
    CHECK(leaf.replication_depth == 2);
    CHECK(leaf.ancestry_uuid == std::string(kUuid1) + "," + kUuid2 + "," + kUuid3);
  }

  TEST_CASE("of two co-masters the smaller names the cluster, unless the name is one of theirs") {
    Instance a = server("db1", kUuid1);
    Instance b = replica("db2", kUuid2, a);
    a = replica("db1", kUuid1, b);
    b.cluster_name = "somewhere:3306";
    settle(a, &b, "", {});
    CHECK(a.is_co_master);
    CHECK(a.cluster_name == "db1:3306");
    CHECK(a.replication_depth == 0);
    CHECK(a.ancestry_uuid == std::string(kUuid2) + "," + kUuid1);
    settle(b, &a, "", {});
    CHECK(b.cluster_name == "db1:3306");
    CHECK(b.replication_depth == 1);

    b.cluster_name = "db2:3306";
    b.replication_depth = 0;
    settle(a, &b, "", {});
    CHECK(a.cluster_name == "db2:3306");
    CHECK(a.replication_depth == 1);
  }

  TEST_CASE("a group secondary settles from its primary, and the group's name is an ancestor") {
    Instance primary = server("db1", kUuid1);
    primary.group = {.name = "group", .state = "ONLINE", .role = "PRIMARY", .primary = primary.key};
    settle(primary, nullptr, "", {});
    Instance secondary = server("db2", kUuid2);
    secondary.group = {
        .name = "group", .state = "ONLINE", .role = "SECONDARY", .primary = primary.key};
    REQUIRE(settles_from(secondary));
    CHECK(*settles_from(secondary) == primary.key);
    settle(secondary, &primary, "", {});
    CHECK(secondary.cluster_name == "db1:3306");
    CHECK(secondary.replication_depth == 1);
    CHECK(secondary.ancestry_uuid == std::string(kUuid1) + ",group," + kUuid2 + ",group");
  }

  TEST_CASE("one that left its group and takes no writes is a member still") {
    Instance before;
    before.server.uuid = "u-2";
    before.group = {.name = "g", .state = "ONLINE", .role = "SECONDARY", .others = {{"db1", 3306}}};
    const auto kept = [&](const auto& change) {
      Instance now;
      now.server.uuid = "u-2";
      now.server.read_only = true;
      change(now);
      keep_group(now, [&](const InstanceKey&) { return std::optional<Instance>(before); });
      return now.group.name + now.group.state;
    };
    CHECK(kept([](Instance&) {}) == "gOFFLINE");
    CHECK(kept([](Instance& i) { i.server.read_only = false; }).empty());
    CHECK(kept([](Instance& i) { i.replication.configured = true; }).empty());
    CHECK(kept([](Instance& i) { i.server.uuid = "u-3"; }).empty());
    CHECK(kept([](Instance& i) { i.group = {.name = "h", .state = "ONLINE"}; }) == "hONLINE");
  }

  TEST_CASE("a detached source settles nothing") {
    Instance instance = replica("db2", kUuid2, server("//db1", kUuid1));
    CHECK_FALSE(settles_from(instance));
  }

  TEST_CASE("errant is what the replica executed on its own and the source lacks") {
    Instance source = settled_source();
    source.gtid.executed = set_of(kUuid1, "1-100") + "," + set_of(kUuid2, "1-3");
    Instance instance = replica("db2", kUuid2, source);
    instance.gtid.executed = set_of(kUuid1, "1-120") + ",\n" + set_of(kUuid2, "1-5");
    settle(instance, &source, "", {});
    CHECK(instance.gtid.errant == set_of(kUuid2, "4-5"));
  }

  TEST_CASE("transactions of ancestors that an older record of the source lacks are not errant") {
    Instance source = settled_source();
    source.gtid.executed = set_of(kUuid1, "1-100");
    Instance instance = replica("db2", kUuid2, source);
    instance.gtid.executed = set_of(kUuid1, "1-500");
    settle(instance, &source, "", {});
    CHECK(instance.gtid.errant.empty());
  }

  TEST_CASE("a co-master's own transactions are not errant, a stranger's are") {
    Instance a = server("db1", kUuid1);
    Instance b = replica("db2", kUuid2, a);
    a = replica("db1", kUuid1, b);
    a.gtid.executed = set_of(kUuid1, "1-9");
    b.gtid.executed =
        set_of(kUuid1, "1-9") + "," + set_of(kUuid2, "1-9") + "," + set_of(kUuid3, "7");
    settle(b, &a, "", {});
    CHECK(b.gtid.errant == set_of(kUuid3, "7"));
  }

  TEST_CASE("sets that cannot be read make nothing errant") {
    Instance source = settled_source();
    source.gtid.executed = "garbage";
    Instance instance = replica("db2", kUuid2, source);
    instance.gtid.executed = set_of(kUuid2, "1-5");
    settle(instance, &source, "", {});
    CHECK(instance.gtid.errant.empty());
  }

  TEST_CASE("aliases: override, the source's, the query's, then patterns in order (DISC-17)") {
    SettleRules rules;
    rules.cluster_name_to_alias.emplace_back(*Pattern::compile("^db1"), "first");
    rules.cluster_name_to_alias.emplace_back(*Pattern::compile("db"), "second");
    Instance instance = server("db1", kUuid1);
    settle(instance, nullptr, "", rules);
    CHECK(instance.suggested_cluster_alias == "first");
    settle(instance, nullptr, "asked", rules);
    CHECK(instance.suggested_cluster_alias == "asked");
    Instance below = replica("db9", kUuid2, instance);
    settle(below, &instance, "other", rules);
    CHECK(below.suggested_cluster_alias == "asked");
    rules.alias_override = [](const std::string& name) -> std::optional<std::string> {
      return name == "db1:3306" ? std::optional<std::string>("forced") : std::nullopt;
    };
    settle(below, &instance, "other", rules);
    CHECK(below.suggested_cluster_alias == "forced");
  }
}

}  // namespace orch
