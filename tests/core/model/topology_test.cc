#include "core/model/topology.h"

#include <doctest/doctest.h>

namespace orch {

namespace {

InstanceKey key(const std::string& host) {
  return {host, 3306};
}

Instance server(const std::string& host, const std::string& source = "") {
  Instance i;
  i.key = key(host);
  if (!source.empty()) i.replication.source = key(source);
  return i;
}

using Hosts = std::vector<std::string>;

Hosts hosts(const std::vector<const Instance*>& instances) {
  Hosts names;
  for (const Instance* i : instances)
    names.push_back(i->key.hostname);
  return names;
}

Topology chain_and_fork() {
  return Topology(
      {server("d", "b"), server("c", "a"), server("b", "a"), server("a"), server("e", "d")});
}

}  // namespace

TEST_SUITE("core/model/topology") {
  TEST_CASE("members come by key, and of two with one key the later wins") {
    Instance later = server("a");
    later.alias = "later";
    const Topology t({server("b"), server("a"), later});
    REQUIRE(t.instances().size() == 2);
    CHECK(t.instances()[0].alias == "later");
    CHECK(t.instances()[1].key == key("b"));
    CHECK(t.find(key("a"))->alias == "later");
    CHECK(t.find(key("x")) == nullptr);
  }

  TEST_CASE("sources, replicas and siblings are told by the replicas' word") {
    const Topology t = chain_and_fork();
    CHECK(t.source_of(key("b"))->key == key("a"));
    CHECK(t.source_of(key("a")) == nullptr);
    CHECK(t.source_of(key("x")) == nullptr);
    CHECK(hosts(t.replicas_of(key("a"))) == Hosts{"b", "c"});
    CHECK(hosts(t.siblings_of(key("b"))) == Hosts{"c"});
    CHECK(t.siblings_of(key("a")).empty());
    CHECK(hosts(t.roots()) == Hosts{"a"});
  }

  TEST_CASE("what is below comes nearest first, what is above likewise") {
    const Topology t = chain_and_fork();
    CHECK(hosts(t.descendants_of(key("a"))) == Hosts{"b", "c", "d", "e"});
    CHECK(hosts(t.ancestors_of(key("e"))) == Hosts{"d", "b", "a"});
    CHECK(t.is_below(key("e"), key("a")));
    CHECK_FALSE(t.is_below(key("e"), key("c")));
    CHECK_FALSE(t.is_below(key("a"), key("a")));
  }

  TEST_CASE("the replicas of a server that is no member are found") {
    const Topology t({server("b", "a"), server("c", "a"), server("d", "b")});
    CHECK(t.source_of(key("b")) == nullptr);
    CHECK(hosts(t.replicas_of(key("a"))) == Hosts{"b", "c"});
    CHECK(hosts(t.siblings_of(key("b"))) == Hosts{"c"});
    CHECK(hosts(t.descendants_of(key("a"))) == Hosts{"b", "c", "d"});
    CHECK(hosts(t.roots()) == Hosts{"b", "c"});
  }

  TEST_CASE("servers without any source are no siblings") {
    const Topology t({server("a"), server("b")});
    CHECK(t.siblings_of(key("a")).empty());
  }

  TEST_CASE("a group secondary hangs below the primary of its group") {
    Instance secondary = server("s");
    secondary.group.name = "g";
    secondary.group.primary = key("p");
    Instance primary = server("p", "x");
    primary.group = secondary.group;
    const Topology t({primary, secondary, server("x")});
    CHECK(t.source_of(key("s"))->key == key("p"));
    CHECK(t.source_of(key("p"))->key == key("x"));
  }

  TEST_CASE("circles end every walk and are found once, from their smallest key") {
    const Topology t({server("a", "c"), server("b", "a"), server("c", "b"), server("d", "b"),
                      server("m", "n"), server("n", "m"), server("self", "self"), server("z")});
    const std::vector<std::vector<InstanceKey>> expected{
        {key("a"), key("c"), key("b")}, {key("m"), key("n")}, {key("self")}};
    CHECK(t.circles() == expected);
    CHECK(hosts(t.descendants_of(key("a"))) == Hosts{"b", "c", "d"});
    CHECK(hosts(t.ancestors_of(key("a"))) == Hosts{"c", "b"});
    CHECK(t.descendants_of(key("self")).empty());
    CHECK(t.ancestors_of(key("self")).empty());
    CHECK(t.siblings_of(key("self")).empty());
    CHECK(t.are_co_sources(key("m"), key("n")));
    CHECK_FALSE(t.are_co_sources(key("a"), key("c")));
    CHECK_FALSE(t.are_co_sources(key("self"), key("self")));
    CHECK(hosts(t.roots()) == Hosts{"z"});
  }

  TEST_CASE("a chain of 20,000 servers is walked without deep recursion") {
    std::vector<Instance> servers;
    for (int i = 0; i < 20'000; ++i) {
      servers.push_back(server(std::to_string(i), i ? std::to_string(i - 1) : ""));
    }
    const Topology t(std::move(servers));
    CHECK(t.ancestors_of(key("19999")).size() == 19'999);
    CHECK(t.descendants_of(key("0")).size() == 19'999);
    CHECK(t.circles().empty());
  }
}

}  // namespace orch
