#include "core/model/topology.h"

#include <doctest/doctest.h>

namespace orch {

namespace {

InstanceKey node_key(const std::string& host) {
  return {host, 3306};
}

Instance server(const std::string& host, const std::string& source = "") {
  Instance i;
  i.key = node_key(host);
  if (!source.empty()) i.replication.source = node_key(source);
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
    CHECK(t.instances()[1].key == node_key("b"));
    CHECK(t.find(node_key("a"))->alias == "later");
    CHECK(t.find(node_key("x")) == nullptr);
  }

  TEST_CASE("sources, replicas and siblings are told by the replicas' word") {
    const Topology t = chain_and_fork();
    CHECK(t.source_of(node_key("b"))->key == node_key("a"));
    CHECK(t.source_of(node_key("a")) == nullptr);
    CHECK(t.source_of(node_key("x")) == nullptr);
    CHECK(hosts(t.replicas_of(node_key("a"))) == Hosts{"b", "c"});
    CHECK(hosts(t.siblings_of(node_key("b"))) == Hosts{"c"});
    CHECK(t.siblings_of(node_key("a")).empty());
    CHECK(hosts(t.roots()) == Hosts{"a"});
  }

  TEST_CASE("what is below comes nearest first, what is above likewise") {
    const Topology t = chain_and_fork();
    CHECK(hosts(t.descendants_of(node_key("a"))) == Hosts{"b", "c", "d", "e"});
    CHECK(hosts(t.ancestors_of(node_key("e"))) == Hosts{"d", "b", "a"});
    CHECK(t.is_below(node_key("e"), node_key("a")));
    CHECK_FALSE(t.is_below(node_key("e"), node_key("c")));
    CHECK_FALSE(t.is_below(node_key("a"), node_key("a")));
  }

  TEST_CASE("the replicas of a server that is no member are found") {
    const Topology t({server("b", "a"), server("c", "a"), server("d", "b")});
    CHECK(t.source_of(node_key("b")) == nullptr);
    CHECK(hosts(t.replicas_of(node_key("a"))) == Hosts{"b", "c"});
    CHECK(hosts(t.siblings_of(node_key("b"))) == Hosts{"c"});
    CHECK(hosts(t.descendants_of(node_key("a"))) == Hosts{"b", "c", "d"});
    CHECK(hosts(t.roots()) == Hosts{"b", "c"});
  }

  TEST_CASE("servers without any source are no siblings") {
    const Topology t({server("a"), server("b")});
    CHECK(t.siblings_of(node_key("a")).empty());
  }

  TEST_CASE("a group secondary hangs below the primary of its group") {
    Instance secondary = server("s");
    secondary.group.name = "g";
    secondary.group.primary = node_key("p");
    Instance primary = server("p", "x");
    primary.group = secondary.group;
    const Topology t({primary, secondary, server("x")});
    CHECK(t.source_of(node_key("s"))->key == node_key("p"));
    CHECK(t.source_of(node_key("p"))->key == node_key("x"));
  }

  TEST_CASE("circles end every walk and are found once, from their smallest key") {
    const Topology t({server("a", "c"), server("b", "a"), server("c", "b"), server("d", "b"),
                      server("m", "n"), server("n", "m"), server("self", "self"), server("z")});
    const std::vector<std::vector<InstanceKey>> expected{
        {node_key("a"), node_key("c"), node_key("b")},
        {node_key("m"), node_key("n")},
        {node_key("self")}};
    CHECK(t.circles() == expected);
    CHECK(hosts(t.descendants_of(node_key("a"))) == Hosts{"b", "c", "d"});
    CHECK(hosts(t.ancestors_of(node_key("a"))) == Hosts{"c", "b"});
    CHECK(t.descendants_of(node_key("self")).empty());
    CHECK(t.ancestors_of(node_key("self")).empty());
    CHECK(t.siblings_of(node_key("self")).empty());
    CHECK(t.are_co_sources(node_key("m"), node_key("n")));
    CHECK_FALSE(t.are_co_sources(node_key("a"), node_key("c")));
    CHECK_FALSE(t.are_co_sources(node_key("self"), node_key("self")));
    CHECK(hosts(t.roots()) == Hosts{"z"});
  }

  TEST_CASE("a chain of 20,000 servers is walked without deep recursion") {
    std::vector<Instance> servers;
    for (int i = 0; i < 20'000; ++i) {
      servers.push_back(server(std::to_string(i), i ? std::to_string(i - 1) : ""));
    }
    const Topology t(std::move(servers));
    CHECK(t.ancestors_of(node_key("19999")).size() == 19'999);
    CHECK(t.descendants_of(node_key("0")).size() == 19'999);
    CHECK(t.circles().empty());
  }
}

}  // namespace orch
