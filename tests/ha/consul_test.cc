#include "ha/consul.h"

#include <chrono>
#include <thread>

#include <doctest/doctest.h>

#include "tests/support/fake_consul.h"

namespace orch::ha {

namespace {

using Lines = std::vector<std::string>;

const Permit kMayWrite = [] {
  return Result<>();
};

SteadyPoint soon() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(20);
}

KvPairs master_of(const std::string& cluster, const std::string& host) {
  const std::string base = "mysql/master/" + cluster;
  return {{base, host + ":3306"},
          {base + "/hostname", host},
          {base + "/port", "3306"},
          {base + "/ipv4", "10.0.0.1"},
          {base + "/ipv6", ""}};
}

KvSettings settings_of(const FakeConsul& fake, const std::string& provider = "consul") {
  return {.kv_cluster_master_prefix = "mysql/master/",
          .consul_address = fake.address(),
          .consul_kv_store_provider = provider};
}

}  // namespace

TEST_SUITE("ha/consul") {
  TEST_CASE("pairs are put one by one, in order, as they are, with the token") {
    FakeConsul fake;
    KvSettings settings = settings_of(fake);
    settings.consul_acl_token = Secret("let-me-in");
    const auto saved = Consul(settings).save(master_of("shop", "db-1"), kMayWrite, soon());
    REQUIRE_MESSAGE(saved, saved.error().message);
    CHECK(fake.asked() ==
          Lines{"PUT /v1/kv/mysql/master/shop", "PUT /v1/kv/mysql/master/shop/hostname",
                "PUT /v1/kv/mysql/master/shop/port", "PUT /v1/kv/mysql/master/shop/ipv4",
                "PUT /v1/kv/mysql/master/shop/ipv6"});
    CHECK(fake.values()["dc1/mysql/master/shop"] == "db-1:3306");
    CHECK(fake.values()["dc1/mysql/master/shop/ipv6"].empty());
    CHECK(fake.last_request().find("X-Consul-Token: let-me-in\r\n") != std::string::npos);
  }

  TEST_CASE("a key loses its leading slash, and what has a meaning in a path is encoded") {
    FakeConsul fake;
    REQUIRE(Consul(settings_of(fake)).save({{"/a b:1/port", "1"}}, kMayWrite, soon()));
    CHECK(fake.asked() == Lines{"PUT /v1/kv/a%20b:1/port"});
  }

  TEST_CASE("a refusal stops the batch and is told without the token") {
    FakeConsul fake;
    fake.before([](const std::string& request) {
      return request.ends_with("hostname") ? http_answer(403, "Permission denied") : "";
    });
    KvSettings settings = settings_of(fake);
    settings.consul_acl_token = Secret("secret-token");
    const auto saved = Consul(settings).save(master_of("shop", "db-1"), kMayWrite, soon());
    REQUIRE_FALSE(saved);
    CHECK(saved.error().kind == ErrorKind::Denied);
    CHECK(saved.error().message.find("Permission denied") != std::string::npos);
    CHECK(saved.error().message.find("secret-token") == std::string::npos);
    CHECK(fake.asked().size() == 2);
  }

  TEST_CASE("transactions hold whole clusters, as many as fit, and no pair goes alone") {
    FakeConsul fake;
    KvSettings settings = settings_of(fake, "consul-txn");
    settings.consul_max_kvs_per_transaction = 10;
    KvPairs pairs;
    for (const char* cluster : {"a", "b", "c"}) {
      for (const KvPair& pair : master_of(cluster, "db"))
        pairs.push_back(pair);
    }
    REQUIRE(Consul(settings).save(pairs, kMayWrite, soon()));
    CHECK(fake.asked() == Lines{"PUT /v1/txn", "PUT /v1/txn"});
    CHECK(fake.values().size() == 15);
    fake.forget_asked();
    REQUIRE(Consul(settings).save({{"mysql/master/a", "db:1"}}, kMayWrite, soon()));
    CHECK(fake.asked() == Lines{"PUT /v1/kv/mysql/master/a"});
  }

  TEST_CASE("a transaction that is rolled back is an error") {
    FakeConsul fake;
    fake.before(
        [](const std::string&) { return http_answer(409, R"({"Errors":[{"What":"no"}]})"); });
    const auto saved =
        Consul(settings_of(fake, "consul_txn")).save(master_of("shop", "db"), kMayWrite, soon());
    REQUIRE_FALSE(saved);
    CHECK(saved.error().message.find("409") != std::string::npos);
  }

  TEST_CASE("a cluster is never split over two transactions (REC-47)") {
    const KvPairs two = {{"p/a", "1"}, {"p/a/x", "2"}, {"p/b", "3"}, {"p/b/x", "4"}};
    const auto groups = grouped_by_cluster(two, "p/", 3);
    REQUIRE(groups.size() == 2);
    CHECK(groups[0].size() == 2);
    CHECK(groups[1].front().key == "p/b");
    CHECK(grouped_by_cluster(two, "p/", 4).size() == 1);
    CHECK(grouped_by_cluster(two, "p/", 1).size() == 2);
  }

  TEST_CASE("nothing is written once the permit is gone (HA-14)") {
    FakeConsul fake;
    int left = 2;
    const Permit permit = [&]() -> Result<> {
      if (left-- > 0) return {};
      return fail(ErrorKind::Conflict, "not any more");
    };
    CHECK_FALSE(Consul(settings_of(fake)).save(master_of("shop", "db"), permit, soon()));
    CHECK(fake.asked().size() == 2);
  }

  TEST_CASE("each data center gets what it has not, and is not asked again for what it has") {
    for (const char* provider : {"consul", "consul-txn"}) {
      FakeConsul fake;
      KvPairs pairs = master_of("shop", "db-1");
      for (const KvPair& pair : pairs)
        fake.put("dc1/" + pair.key, pair.value);
      fake.put("dc2/mysql/master/shop", "older:3306");
      Consul consul(settings_of(fake, provider));
      const auto done = consul.distribute(pairs, kMayWrite, soon());
      REQUIRE_MESSAGE(done, done.error().message);
      CHECK(fake.values()["dc2/mysql/master/shop"] == "db-1:3306");
      CHECK(fake.values().size() == 10);
      for (const std::string& line : fake.asked())
        CHECK((line.find("PUT /v1/kv") != 0 || line.ends_with("?dc=dc2")));
      fake.forget_asked();
      REQUIRE(consul.distribute(pairs, kMayWrite, soon()));
      CHECK(fake.asked() == Lines{"GET /v1/catalog/datacenters"});
      pairs = master_of("shop", "db-2");
      REQUIRE(consul.distribute(pairs, kMayWrite, soon()));
      CHECK(fake.values()["dc1/mysql/master/shop"] == "db-2:3306");
    }
  }

  TEST_CASE("what a data center takes late does not stay in place of what came after") {
    FakeConsul fake;
    Consul consul(settings_of(fake));
    fake.before([](const std::string& request) {
      if (request != "PUT /v1/kv/a?dc=dc2") return std::string();
      std::this_thread::sleep_for(std::chrono::milliseconds(1200));
      return http_answer(200, "true");
    });
    CHECK_FALSE(consul.distribute({{"a", "old"}}, kMayWrite,
                                  std::chrono::steady_clock::now() + std::chrono::seconds(1)));
    fake.before({});
    REQUIRE(consul.distribute({{"a", "new"}}, kMayWrite, soon()));
    fake.put("dc2/a", "old");
    REQUIRE(consul.distribute({{"a", "new"}}, kMayWrite, soon()));
    CHECK(fake.values()["dc2/a"] == "new");
  }

  TEST_CASE("one data center that refuses keeps no other from being written (REC-47)") {
    for (const char* provider : {"consul", "consul-txn"}) {
      FakeConsul fake;
      fake.before([](const std::string& request) {
        return request.ends_with("?dc=dc1") ? http_answer(500, "No path to datacenter") : "";
      });
      Consul consul(settings_of(fake, provider));
      const auto done = consul.distribute(master_of("shop", "db"), kMayWrite, soon());
      REQUIRE_FALSE(done);
      CHECK(done.error().message.find("No path") != std::string::npos);
      CHECK(fake.values().size() == 5);
      CHECK(fake.values().contains("dc2/mysql/master/shop"));
    }
  }

  TEST_CASE("an agent that cannot name its data centers, or is none, is an error") {
    FakeConsul fake;
    fake.before([](const std::string&) { return http_answer(200, "<html>"); });
    CHECK_FALSE(Consul(settings_of(fake)).distribute({{"a", "b"}}, kMayWrite, soon()));
    KvSettings settings = settings_of(fake);
    settings.consul_address = "a b";
    const auto saved = Consul(settings).save({{"a", "b"}}, kMayWrite, soon());
    REQUIRE_FALSE(saved);
    CHECK(saved.error().kind == ErrorKind::InvalidInput);
  }
}

}  // namespace orch::ha
