#include "ha/kv.h"

#include <chrono>
#include <thread>

#include <doctest/doctest.h>

#include "ha/standalone.h"
#include "tests/storage/memory_backend.h"
#include "tests/support/fake_consul.h"

namespace orch::ha {

namespace {

using Asked = std::vector<std::string>;

struct Leader final : Leadership {
  [[nodiscard]] std::optional<Term> leading() const override { return term; }
  std::optional<Term> term{7};
};

struct KvWorld : storage::MemoryBackend {
  KvWorld() {
    settings.kv_cluster_master_prefix = "p/";
    settings.consul_address = consul.address();
  }
  [[nodiscard]] storage::KvStore internal() { return {database(), clock}; }
  [[nodiscard]] std::string kept(const std::string& key) {
    const auto found = internal().find(key);
    REQUIRE(found);
    return *found ? **found : "nothing";
  }
  Result<> submit(KvStores& stores, const KvPairs& pairs, bool all = false) {
    return stores.submit(
        internal(), [&]() -> Result<KvPairs> { return pairs; }, all);
  }

  FakeConsul consul;
  KvSettings settings;
  Leader leader;
};

}  // namespace

TEST_SUITE("ha/kv") {
  TEST_CASE_FIXTURE(KvWorld, "addresses come from the backend, before DNS is asked") {
    storage::HostnameStore hosts(database(), clock);
    const storage::HostAddresses kept[] = {{"db-1", "10.1.2.3", "2001:db8::1"}};
    REQUIRE(hosts.save_addresses(kept));
    const KvPairs pairs = master_pairs(settings, hosts, "shop", {"db-1", 3306});
    REQUIRE(pairs.size() == 5);
    CHECK(pairs[0].key == "p/shop");
    CHECK(pairs[0].value == "db-1:3306");
    CHECK(pairs[1].value == "db-1");
    CHECK(pairs[2].value == "3306");
    CHECK(pairs[3].key == "p/shop/ipv4");
    CHECK(pairs[3].value == "10.1.2.3");
    CHECK(pairs[4].value == "2001:db8::1");
    CHECK(master_pairs(settings, hosts, "", {"db-1", 3306}).empty());
  }

  TEST_CASE_FIXTURE(KvWorld, "without the table of addresses there are three pairs") {
    run("drop table hostname_ips");
    storage::HostnameStore hosts(database(), clock);
    CHECK(master_pairs(settings, hosts, "shop", {"127.0.0.1", 3306}).size() == 3);
  }

  TEST_CASE_FIXTURE(KvWorld, "only what the internal store has otherwise is written again") {
    KvStores stores(settings, leader);
    REQUIRE(submit(stores, {{"p/a", "1"}, {"p/a/port", "2"}}));
    CHECK(consul.asked() == Asked{"PUT /v1/kv/p/a", "PUT /v1/kv/p/a/port"});
    consul.forget_asked();
    REQUIRE(submit(stores, {{"p/a", "1"}, {"p/a/port", "3"}}));
    CHECK(consul.asked() == Asked{"PUT /v1/kv/p/a/port"});
    CHECK(kept("p/a/port") == "3");
    consul.forget_asked();
    REQUIRE(submit(stores, {{"p/a", "1"}, {"p/a/port", "3"}}, true));
    CHECK(consul.asked().size() == 2);
  }

  TEST_CASE_FIXTURE(KvWorld, "what Consul did not take is written again with the next look") {
    KvStores stores(settings, leader);
    consul.before([](const std::string&) { return http_answer(500, "no leader"); });
    const auto refused = submit(stores, {{"p/a", "1"}});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("no leader") != std::string::npos);
    CHECK(kept("p/a") == "1");
    consul.before({});
    REQUIRE(submit(stores, {{"p/a", "1"}}));
    CHECK(consul.values()["dc1/p/a"] == "1");
    consul.forget_asked();
    REQUIRE(submit(stores, {{"p/a", "1"}}));
    CHECK(consul.asked().empty());
  }

  TEST_CASE_FIXTURE(KvWorld, "what Consul takes late does not stay in place of what came after") {
    KvStores stores(settings, leader);
    consul.before([](const std::string&) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1200));
      return http_answer(200, "true");
    });
    CHECK_FALSE(stores.publish(internal(), {{"p/a", "old"}}, std::chrono::seconds(1)));
    consul.before({});
    REQUIRE(stores.publish(internal(), {{"p/a", "new"}}));
    consul.put("dc1/p/a", "old");
    consul.forget_asked();
    REQUIRE(submit(stores, {{"p/a", "new"}}));
    CHECK(consul.values()["dc1/p/a"] == "new");
    REQUIRE(submit(stores, {{"p/a", "new"}}));
    CHECK(consul.asked() == Asked{"GET /v1/kv/p/a", "PUT /v1/kv/p/a", "GET /v1/kv/p/a"});
  }

  TEST_CASE_FIXTURE(KvWorld, "a ZooKeeper that is away keeps Consul from nothing, and is told") {
    settings.zk_address = "127.0.0.1:1";
    KvStores stores(settings, leader);
    const auto done = stores.publish(internal(), {{"p/a", "1"}}, std::chrono::seconds(1));
    REQUIRE_FALSE(done);
    CHECK(done.error().message.find("ZooKeeper") == 0);
    CHECK(consul.values()["dc1/p/a"] == "1");
  }

  TEST_CASE_FIXTURE(KvWorld,
                    "who does not lead, or leads in another term, writes nothing more (HA-6)") {
    KvStores stores(settings, leader);
    leader.term = std::nullopt;
    CHECK_FALSE(stores.publish(internal(), {{"p/a", "1"}}));
    CHECK(kept("p/a") == "nothing");
    CHECK(consul.asked().empty());
    leader.term = 7;
    consul.before([this](const std::string&) {
      leader.term = 8;
      return std::string();
    });
    const auto done = stores.publish(internal(), {{"p/a", "1"}, {"p/b", "2"}});
    REQUIRE_FALSE(done);
    CHECK(done.error().kind == ErrorKind::Conflict);
    CHECK(consul.asked().size() == 1);
  }

  TEST_CASE_FIXTURE(KvWorld, "records that were read before a recovery published write nothing") {
    KvStores stores(settings, leader);
    const auto done = stores.submit(
        internal(),
        [&]() -> Result<KvPairs> {
          REQUIRE(stores.publish(internal(), {{"p/a", "new"}}));
          return KvPairs{{"p/a", "old"}};
        },
        true);
    REQUIRE_FALSE(done);
    CHECK(kept("p/a") == "new");
    CHECK(consul.values()["dc1/p/a"] == "new");
  }

  TEST_CASE_FIXTURE(KvWorld, "to distribute without a Consul is nothing to do (REC-47)") {
    settings.consul_address.clear();
    settings.consul_cross_data_center_distribution = true;
    KvStores stores(settings, leader);
    REQUIRE(submit(stores, {{"p/a", "1"}}));
    CHECK(kept("p/a") == "1");
  }

  TEST_CASE_FIXTURE(KvWorld,
                    "data centers are given all pairs, changed or not, if that is wanted") {
    settings.consul_cross_data_center_distribution = true;
    KvStores stores(settings, leader);
    REQUIRE(internal().save("p/a", "1"));
    REQUIRE(submit(stores, {{"p/a", "1"}}));
    CHECK(consul.values()["dc1/p/a"] == "1");
    CHECK(consul.values()["dc2/p/a"] == "1");
  }
}

}  // namespace orch::ha
