#include "storage/cluster_store.h"

#include <string>

#include <doctest/doctest.h>

#include "core/base/text.h"
#include "storage/instance_store.h"
#include "tests/storage/memory_backend.h"

namespace orch::storage {

namespace {

struct ClusterFixture : MemoryBackend {
  ClusterStore store{database(), clock, [](std::string_view name) {
                       return std::string(name == "web-1:3306" ? "by-name" : "");
                     }};

  void save(const std::string& hostname, const std::string& cluster, const std::string& alias,
            bool read_only = false) {
    Instance instance;
    instance.key = {hostname, 3306};
    instance.cluster_name = cluster;
    instance.suggested_cluster_alias = alias;
    instance.server.read_only = read_only;
    const InstanceWrite write{&instance, true};
    REQUIRE(InstanceStore(database(), clock, {}).save({&write, 1}));
  }
  /// Both tell the alias, as the copy of a server does, and have a replica.
  void save_two_of_one_alias() {
    for (const std::string name : {"shop-1", "copy-1"}) {
      save(name, name + ":3306", "shop");
      save(name + "-replica", name + ":3306", "shop", true);
      REQUIRE(store.rebuild_aliases());
    }
  }
  void kill(const std::string& hostname) {
    run("update database_instance set last_seen = null where hostname = '" + hostname + "'");
  }
  void lose(const std::string& hostname) {
    run("insert into database_instance_downtime"
        " (hostname, port, downtime_active, end_timestamp, owner, reason) values ('" +
        hostname + "', 3306, 1, '2037-01-01 00:00:00', 'orchestrator', 'lost-in-recovery')");
  }
  /// Its alias, when aliases were built anew.
  std::string rebuilt() {
    REQUIRE(store.rebuild_aliases());
    return stored_aliases();
  }
  std::string rivals() { return join(*store.find_rivals("shop"), " "); }
  std::string stored_aliases() {
    return value(std::string("select coalesce(group_concat(cluster_name || '=' || alias ") +
                 (schema.empty() ? ", ' '" : "order by cluster_name separator ' '") +
                 "), '') from (select * from cluster_alias order by cluster_name) as ordered");
  }
};

}  // namespace

TEST_SUITE("storage/cluster_store") {
  TEST_CASE_FIXTURE(ClusterFixture, "clusters are listed with alias and domain, by name") {
    save("web-1", "web-1:3306", "");
    save("db-1", "db-1:3306", "");
    save("db-2", "db-1:3306", "");
    save("app-1", "app-1:3306", "");
    REQUIRE(store.save_alias("db-1:3306", "shop"));
    REQUIRE(store.save_alias("web-1:3306", "web-1:3306"));
    REQUIRE(store.save_domain("db-1:3306", "shop.example.com"));
    const auto clusters = store.list();
    REQUIRE(clusters);
    REQUIRE(clusters->size() == 3);
    CHECK(clusters->at(0).alias == "app-1:3306");
    CHECK(clusters->at(1).name == "db-1:3306");
    CHECK(clusters->at(1).alias == "shop");
    CHECK(clusters->at(1).domain == "shop.example.com");
    CHECK(clusters->at(1).instance_count == 2);
    CHECK(clusters->at(2).alias == "by-name");
    CHECK(store.alias_of("db-1:3306").value_or("") == "shop");
    CHECK(store.alias_of("web-1:3306").value_or("") == "by-name");
    CHECK(store.alias_of("nowhere").value_or("") == "nowhere");
    CHECK(store.find_name("shop")->value_or("") == "db-1:3306");
    CHECK(store.find_name("by-name")->value_or("") == "web-1:3306");
    CHECK(store.find_name("db-1:3306")->value_or("") == "db-1:3306");
    CHECK_FALSE(store.find_name("nowhere")->has_value());
  }

  TEST_CASE_FIXTURE(ClusterFixture, "an alias belongs to one cluster, the one saved last") {
    REQUIRE(store.save_alias("a:1", "shop"));
    REQUIRE(store.save_alias("b:1", "shop"));
    CHECK(stored_aliases() == "b:1=shop");
    REQUIRE(store.save_alias("b:1", "other"));
    CHECK(stored_aliases() == "b:1=other");
  }

  TEST_CASE_FIXTURE(ClusterFixture,
                    "aliases are rebuilt so that the best source of each wins (HA-13)") {
    save("old-1", "old-1:3306", "shop", true);
    save("new-1", "new-1:3306", "shop");
    save("invalid-1", "invalid-1:3306", "shop");
    save("plain-1", "plain-1:3306", "");
    save("lost-1", "lost-1:3306", "web");
    run(R"sql(
      update database_instance set last_seen = null where hostname = 'invalid-1';
      insert into database_instance_downtime
             (hostname, port, downtime_active, end_timestamp, owner, reason)
      values ('lost-1', 3306, 1, '2037-01-01 00:00:00', 'orchestrator', 'lost-in-recovery');
    )sql");
    REQUIRE(store.rebuild_aliases());
    CHECK(stored_aliases() == "new-1:3306=shop plain-1:3306=plain-1:3306");
    run("delete from database_instance_downtime");
    REQUIRE(store.rebuild_aliases());
    CHECK(stored_aliases() == "lost-1:3306=web new-1:3306=shop plain-1:3306=plain-1:3306");
  }

  TEST_CASE_FIXTURE(ClusterFixture, "of two clusters with one alias the holder keeps it") {
    save_two_of_one_alias();
    REQUIRE(stored_aliases() == "shop-1:3306=shop");
    CHECK(rivals() == "shop-1:3306 copy-1:3306");
    SUBCASE("though its master is dead") {
      kill("shop-1");
      CHECK(rebuilt() == "shop-1:3306=shop");
      CHECK(rivals() == "shop-1:3306 copy-1:3306");
    }
    SUBCASE("though none of it answers") {
      kill("shop-1");
      kill("shop-1-replica");
      CHECK(rebuilt() == "shop-1:3306=shop");
    }
    SUBCASE("until it is no more") {
      run("delete from database_instance where hostname like 'shop-1%'");
      CHECK(rebuilt() == "copy-1:3306=shop");
      CHECK(rivals().empty());
    }
    SUBCASE("until its servers tell another") {
      run("update database_instance set suggested_cluster_alias = 'x' where hostname like "
          "'shop-1%'");
      CHECK(rebuilt() == "copy-1:3306=shop shop-1:3306=x");
    }
    SUBCASE("until somebody gives it to the other") {
      REQUIRE(store.save_alias("copy-1:3306", "shop"));
      CHECK(rebuilt() == "copy-1:3306=shop");
      CHECK(rivals() == "copy-1:3306 shop-1:3306");
    }
    SUBCASE("and takes it along when it is renamed") {
      kill("shop-1");
      run("update database_instance set cluster_name = 'shop-1-replica:3306' where hostname = "
          "'shop-1-replica'");
      REQUIRE(store.rename("shop-1:3306", "shop-1-replica:3306"));
      lose("shop-1");
      CHECK(rebuilt() == "shop-1-replica:3306=shop");
      CHECK(rivals() == "shop-1-replica:3306 copy-1:3306");
      kill("shop-1-replica");
      CHECK(rebuilt() == "shop-1-replica:3306=shop");
    }
  }

  TEST_CASE_FIXTURE(ClusterFixture, "a server alone takes no alias from a cluster") {
    save("shop-1", "shop-1:3306", "shop");
    save("shop-2", "shop-1:3306", "shop", true);
    save("taken-out", "taken-out:3306", "shop");
    CHECK(rebuilt() == "shop-1:3306=shop");
    CHECK(rivals().empty());
    kill("shop-1");
    CHECK(rebuilt() == "shop-1:3306=shop");
    CHECK(rivals().empty());
    CHECK(store.list_claims()->at(1).alone);
    SUBCASE("nor does a cluster from it, but they are rivals") {
      run("delete from database_instance where hostname = 'shop-2'");
      save("copy-1", "copy-1:3306", "shop");
      save("copy-2", "copy-1:3306", "shop", true);
      CHECK(rebuilt() == "shop-1:3306=shop");
      CHECK(rivals() == "shop-1:3306 copy-1:3306 taken-out:3306");
    }
  }

  TEST_CASE_FIXTURE(ClusterFixture, "who is being promoted is no rival of the cluster it is of") {
    save_two_of_one_alias();
    kill("shop-1");
    run(R"sql(update database_instance set slave_hosts = '[{"Hostname":"copy-1","Port":3306}]'
               where hostname = 'shop-1')sql");
    CHECK(rebuilt() == "shop-1:3306=shop");  // somebody else of it answers
    CHECK(rivals().empty());
  }

  TEST_CASE_FIXTURE(ClusterFixture, "a replica that somebody promoted by hand gets the alias") {
    save("shop-1", "shop-1:3306", "shop");
    save("shop-2", "shop-1:3306", "shop", true);
    save("shop-3", "shop-1:3306", "shop", true);
    CHECK(rebuilt() == "shop-1:3306=shop");
    run(R"sql(update database_instance set slave_hosts = '[{"Hostname":"shop-2","Port":3306}]')sql");
    run("update database_instance set cluster_name = 'shop-2:3306' where hostname <> 'shop-1'");
    save("copy-1", "copy-1:3306", "shop");
    save("copy-2", "copy-1:3306", "shop", true);
    kill("shop-1");
    CHECK(rebuilt() == "shop-1:3306=shop");
    run("update database_instance set read_only = 0 where hostname = 'shop-2'");
    SUBCASE("when the old master is alone and dead") {
      CHECK(rebuilt() == "shop-2:3306=shop");
    }
    SUBCASE("when a recovery left the old master behind") {
      lose("shop-1");
      CHECK(rebuilt() == "shop-2:3306=shop");
    }
    SUBCASE("not while the old master takes writes") {
      run("update database_instance set last_seen = last_checked");
      CHECK(rebuilt() == "shop-1:3306=shop");
    }
    SUBCASE("not while another replica of the old one answers") {
      save("shop-4", "shop-1:3306", "shop", true);
      CHECK(rebuilt() == "shop-1:3306=shop");
    }
  }

  TEST_CASE_FIXTURE(ClusterFixture, "a renamed cluster takes alias, override and domain with it") {
    REQUIRE(store.save_alias("a:1", "shop"));
    REQUIRE(store.save_alias("b:1", "b:1"));
    REQUIRE(store.save_alias_override("a:1", "mine"));
    REQUIRE(store.save_domain("a:1", "shop.example.com"));
    REQUIRE(store.rename("a:1", "b:1"));
    CHECK(stored_aliases() == "b:1=shop");
    CHECK(store.find_alias_override("b:1")->value_or("") == "mine");
    CHECK_FALSE(store.find_alias_override("a:1")->has_value());
    CHECK(store.find_domain("b:1")->value_or("") == "shop.example.com");
    REQUIRE(store.forget("b:1"));
    CHECK(stored_aliases() == "");
    CHECK_FALSE(store.find_domain("b:1")->has_value());
    CHECK(store.find_alias_override("b:1")->has_value());
  }

  TEST_CASE_FIXTURE(ClusterFixture, "aliases and domains expire by age") {
    REQUIRE(store.save_alias("a:1", "shop"));
    REQUIRE(store.save_domain("a:1", "shop.example.com"));
    clock.advance(std::chrono::minutes(90));
    CHECK(store.expire_aliases(std::chrono::hours(2)).value_or(-1) == 0);
    CHECK(store.expire_aliases(std::chrono::hours(1)).value_or(-1) == 1);
    CHECK(store.expire_domains(std::chrono::minutes(100)).value_or(-1) == 0);
    CHECK(store.expire_domains(std::chrono::minutes(60)).value_or(-1) == 1);
  }
}

}  // namespace orch::storage
