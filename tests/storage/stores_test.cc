#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "storage/attribute_store.h"
#include "storage/audit_store.h"
#include "storage/candidate_store.h"
#include "storage/equivalence_store.h"
#include "storage/history_store.h"
#include "storage/hostname_store.h"
#include "storage/instance_store.h"
#include "storage/kv_store.h"
#include "storage/node_store.h"
#include "storage/pool_store.h"
#include "storage/pseudo_gtid_store.h"
#include "storage/token_store.h"
#include "tests/storage/memory_backend.h"

// The small stores, each with what it promises.

namespace orch::storage {

namespace {

struct StoresFixture : MemoryBackend {
  void save(const std::string& hostname, const InstanceKey& source = {}) {
    Instance instance;
    instance.key = {hostname, 3306};
    instance.cluster_name = "db-1:3306";
    instance.server.version = "8.4.3";
    instance.replication.source = source;
    const InstanceWrite write{&instance, true};
    REQUIRE(InstanceStore(database(), clock, {}).save({&write, 1}));
  }
};

bool is_token(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

TEST_SUITE("storage/stores") {
  TEST_CASE_FIXTURE(StoresFixture, "promotion rules are listed while they are fresh") {
    CandidateStore store(database(), clock);
    REQUIRE(store.save({{"db-2", 3306}, PromotionRule::PreferNot}));
    clock.advance(std::chrono::minutes(50));
    REQUIRE(store.save({{"db-1", 3306}, PromotionRule::Neutral}));
    REQUIRE(store.save({{"db-1", 3306}, PromotionRule::Prefer}));
    auto listed = store.list(std::chrono::minutes(60));
    REQUIRE(listed);
    REQUIRE(listed->size() == 2);
    CHECK(listed->at(0).rule == PromotionRule::Prefer);
    CHECK(listed->at(1).rule == PromotionRule::PreferNot);
    clock.advance(std::chrono::minutes(20));
    CHECK(store.list(std::chrono::minutes(60))->size() == 1);
    CHECK(store.expire(std::chrono::minutes(60)).value_or(-1) == 1);
  }

  TEST_CASE_FIXTURE(StoresFixture, "submitting a pool replaces its members and no others") {
    save("db-1");
    save("db-2");
    run("insert into cluster_alias (cluster_name, alias) values ('db-1:3306', 'shop')");
    PoolStore store(database(), clock);
    const std::vector<InstanceKey> first{{"db-1", 3306}, {"db-2", 3306}, {"db-2", 3306}};
    const std::vector<InstanceKey> second{{"db-2", 3306}, {"unknown", 1}};
    REQUIRE(store.save("readers", first));
    REQUIRE(store.save("writers", {first.data(), 1}));
    REQUIRE(store.save("readers", second));
    const auto members = store.list();
    REQUIRE(members);
    REQUIRE(members->size() == 2);
    CHECK(members->at(0).pool == "readers");
    CHECK(members->at(0).key == InstanceKey{"db-2", 3306});
    CHECK(members->at(0).cluster_alias == "shop");
    CHECK(members->at(1).pool == "writers");
    CHECK(value("select count(*) from database_instance_pool") == "3");
    REQUIRE(store.save("readers", {}));
    CHECK(store.list()->size() == 1);
    clock.advance(std::chrono::minutes(61));
    CHECK(store.expire(std::chrono::minutes(60)).value_or(-1) == 1);
  }

  TEST_CASE_FIXTURE(StoresFixture, "resolved names are kept, remembered and emptied") {
    HostnameStore store(database(), clock);
    const std::vector<ResolvedName> names{{"a", "x"}, {"b", "x"}, {"x", "x"}};
    REQUIRE(store.save_resolved(names));
    CHECK(store.find_resolved("a")->value_or("") == "x");
    CHECK_FALSE(store.find_resolved("c")->has_value());
    CHECK(store.list_resolved()->size() == 3);
    CHECK(value("select resolved_hostname || hostname from hostname_resolve_history") == "xb");
    CHECK(store.forget_resolved().value_or(-1) == 3);
    CHECK(store.list_resolved()->empty());
  }

  TEST_CASE_FIXTURE(StoresFixture,
                    "resolved names expire by age, and of two in a circle the older") {
    HostnameStore store(database(), clock);
    REQUIRE(store.save_resolved(std::vector<ResolvedName>{{"old", "x"}}));
    clock.advance(std::chrono::minutes(90));
    REQUIRE(store.save_resolved(std::vector<ResolvedName>{{"a", "b"}}));
    clock.advance(std::chrono::minutes(1));
    REQUIRE(store.save_resolved(std::vector<ResolvedName>{{"b", "a"}}));
    CHECK(store.expire_resolved(std::chrono::minutes(60)).value_or(-1) == 2);
    CHECK(store.list_resolved()->size() == 1);
    CHECK(store.find_resolved("b")->value_or("") == "a");
  }

  TEST_CASE_FIXTURE(StoresFixture, "virtual names are registered, replaced and taken back") {
    HostnameStore store(database(), clock);
    REQUIRE(store.save_unresolved("db-1", "vip-1"));
    REQUIRE(store.save_unresolved("db-1", "vip-2"));
    const std::chrono::minutes hour(60);
    CHECK(store.find_unresolved("db-1", hour)->value_or("") == "vip-2");
    CHECK(store.list_unresolved()->size() == 1);
    CHECK(value("select count(*) from hostname_unresolve_history") == "2");
    REQUIRE(store.save_unresolved("db-1", ""));
    CHECK_FALSE(store.find_unresolved("db-1", hour)->has_value());
    REQUIRE(store.save_unresolved("db-2", "vip-2"));
    clock.advance(hour);
    CHECK(store.find_unresolved("db-2", hour)->value_or("") == "vip-2");
    clock.advance(std::chrono::minutes(1));
    CHECK_FALSE(store.find_unresolved("db-2", hour)->has_value());
    CHECK(store.expire_unresolved(hour).value_or(-1) == 1);
    REQUIRE(store.forget_unresolved("db-2"));
  }

  TEST_CASE_FIXTURE(StoresFixture, "a snapshot is read by its time, the latest of each instance") {
    save("db-1");
    save("db-2", {"db-1", 3306});
    HistoryStore store(database(), clock);
    CHECK(store.save_snapshot().value_or(-1) == 2);
    CHECK(store.save_snapshot().value_or(-1) == 0);
    save("db-2", {"db-9", 3306});
    clock.advance(std::chrono::seconds(10));
    CHECK(store.save_snapshot().value_or(-1) == 2);
    const auto first = store.list("db-1:3306", "1769854830");
    REQUIRE(first);
    REQUIRE(first->size() == 2);
    CHECK(first->at(1).replication.source.hostname == "db-1");
    CHECK(first->at(1).server.version == "8.4.3");
    const std::string any = schema.empty() ? "%" : ".";  // LIKE there, a regular expression here
    const auto all = store.list("db-1:3306", "17698548" + any);
    REQUIRE(all);
    REQUIRE(all->size() == 2);
    CHECK(all->at(1).replication.source.hostname == "db-9");
    CHECK(store.list("other:1", any)->empty());
    CHECK(store.list("db-1:3306", "^1$")->empty());
  }

  TEST_CASE_FIXTURE(StoresFixture, "attributes and keys hold the latest value") {
    AttributeStore attributes(database(), clock);
    REQUIRE(attributes.save(kNoHost, "shop.example.com", "db-1:3306"));
    REQUIRE(attributes.save(kNoHost, "shop.example.com", "db-2:3306"));
    CHECK(attributes.find(kNoHost, "shop.example.com")->value_or("") == "db-2:3306");
    CHECK_FALSE(attributes.find("db-1", "shop.example.com")->has_value());
    KvStore pairs(database(), clock);
    REQUIRE(pairs.save("mysql/master/shop", "db-1:3306"));
    REQUIRE(pairs.save("mysql/master/shop", "db-2:3306"));
    CHECK(pairs.find("mysql/master/shop")->value_or("") == "db-2:3306");
    CHECK_FALSE(pairs.find("mysql/master/web")->has_value());
  }

  TEST_CASE_FIXTURE(StoresFixture, "the audit trail is read newest first and page by page") {
    save("db-1");
    AuditStore store(database(), clock);
    for (int i = 0; i < 5; ++i) {
      REQUIRE(store.save({.type = "forget", .key = {"db-1", 3306}, .message = std::to_string(i)}));
      clock.advance(std::chrono::seconds(1));
    }
    REQUIRE(store.save({.type = "access-token", .message = "by alice"}));
    const auto all = store.list(std::nullopt, 0, 2);
    REQUIRE(all);
    REQUIRE(all->size() == 2);
    CHECK(all->at(0).type == "access-token");
    CHECK(all->at(0).key == InstanceKey{});
    CHECK(all->at(1).message == "4");
    CHECK(all->at(1).cluster_name == "db-1:3306");
    const auto page = store.list(InstanceKey{"db-1", 3306}, 2, 2);
    REQUIRE(page);
    REQUIRE(page->size() == 1);
    CHECK(page->at(0).message == "0");
    CHECK(format_time(*page->at(0).at) == "2026-01-31 10:20:30");
    clock.advance(std::chrono::days(8));
    CHECK(store.expire(std::chrono::days(7)).value_or(-1) == 6);
  }

  TEST_CASE_FIXTURE(StoresFixture, "processes are active for two seconds and gone after five") {
    NodeStore store(database(), clock);
    const Node service{{"b", "token-b"}, "HttpMode", "", "1.0"};
    const Node command{{"a", "token-a"}, "CLIMode", "topology", "1.0"};
    REQUIRE(store.save(service));
    clock.advance(std::chrono::seconds(2));
    REQUIRE(store.save(command));
    auto active = store.list_active();
    REQUIRE(active);
    REQUIRE(active->size() == 2);
    CHECK(active->at(0).identity.hostname == "a");
    CHECK(active->at(0).command == "topology");
    clock.advance(std::chrono::seconds(1));
    CHECK(store.list_active()->size() == 1);
    REQUIRE(store.save(service));
    CHECK(store.list_active()->size() == 2);
    CHECK(value("select incrementing_indicator || db_backend from node_health "
                "where hostname = 'b'") == "1" + database().name());
    CHECK(value("select count(*) from node_health_history") == "2");
    clock.advance(std::chrono::seconds(5));
    CHECK(store.expire().value_or(-1) == 1);
  }

  TEST_CASE_FIXTURE(StoresFixture, "services that say where they answer are found there") {
    NodeStore store(database(), clock);
    Node service{.identity = {"b", "token-b"}, .mode = "HttpMode"};
    REQUIRE(store.save(service));
    CHECK(store.list_serving()->empty());
    service.url = "http://b:3000";
    REQUIRE(store.save(service));
    REQUIRE(store.save(service));
    clock.advance(std::chrono::seconds(3));
    REQUIRE(store.save({.identity = {"a", "token-a"}, .mode = "HttpMode", .url = "http://a:3000"}));
    auto serving = store.list_serving();
    REQUIRE(serving);
    REQUIRE(serving->size() == 2);
    CHECK(serving->at(0).url == "http://a:3000");
    CHECK(serving->at(1).url == "http://b:3000");
    clock.advance(std::chrono::seconds(8));
    CHECK(store.list_serving()->size() == 1);
    REQUIRE(store.expire());
    CHECK(value("select count(*) from orch_node_address") == "0");
  }

  TEST_CASE_FIXTURE(StoresFixture, "access tokens are random, in two parts, and expire") {
    TokenStore store(database(), clock);
    const auto one = store.create("alice");
    const auto other = store.create("alice");
    REQUIRE(one);
    REQUIRE(other);
    CHECK(is_token(*one));
    CHECK(*one != *other);
    CHECK(is_token(value("select secret_token from access_token")));
    CHECK(value("select count(*) from access_token where public_token = secret_token") == "0");
    run("update access_token set is_reentrant = 1 where public_token = '" + *one + "'");
    clock.advance(std::chrono::minutes(61));
    CHECK(store.expire(std::chrono::minutes(60)).value_or(-1) == 1);
  }

  TEST_CASE_FIXTURE(StoresFixture, "equal positions are found from both sides") {
    EquivalenceStore store(database(), clock);
    const BinlogPlace one{{"db-1", 3306}, {"bin.000001", 100, BinlogType::Binary}};
    const BinlogPlace other{{"db-2", 3306}, {"bin.000007", 700, BinlogType::Binary}};
    REQUIRE(store.save(one, other));
    REQUIRE(store.save(one, other));
    CHECK(store.find(one, other.key).value_or(std::nullopt) == other.coordinates);
    CHECK(store.find(other, one.key).value_or(std::nullopt) == one.coordinates);
    CHECK_FALSE(store.find(one, {"db-3", 3306})->has_value());
    CHECK(value("select count(*) from master_position_equivalence") == "1");
    clock.advance(std::chrono::hours(2));
    CHECK(store.expire(std::chrono::hours(1)).value_or(-1) == 1);
  }

  TEST_CASE_FIXTURE(StoresFixture, "clusters count as injected for as long as was said") {
    PseudoGtidStore store(database(), clock);
    REQUIRE(store.save({"a:3306", "b:3306"}));
    clock.advance(std::chrono::minutes(40));
    REQUIRE(store.save({"b:3306"}));
    REQUIRE(store.save({}));
    CHECK(*store.list() == std::set<std::string>{"a:3306", "b:3306"});
    clock.advance(std::chrono::minutes(30));
    CHECK(store.expire(std::chrono::minutes(60)).value_or(-1) == 1);
    CHECK(*store.list() == std::set<std::string>{"b:3306"});
  }
}

}  // namespace orch::storage
