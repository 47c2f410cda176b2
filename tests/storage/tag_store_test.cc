#include "storage/tag_store.h"

#include <string>

#include <doctest/doctest.h>

#include "tests/storage/memory_backend.h"

namespace orch::storage {

namespace {

struct TagFixture : MemoryBackend {
  TagFixture() {
    save("db-1", "role", "main");
    save("db-2", "role", "spare");
    save("db-2", "backup", "");
    save("db-3", "backup", "");
  }
  void save(const std::string& hostname, const std::string& name, const std::string& tag_value) {
    REQUIRE(store.save({hostname, 3306}, {name, tag_value}));
  }
  std::string tagged(const std::string& expressions) {
    const auto parsed = parse_tag_expressions(expressions);
    REQUIRE(parsed);
    const auto keys = store.list_tagged(*parsed);
    REQUIRE(keys);
    std::string hostnames;
    for (const InstanceKey& key : *keys)
      hostnames += key.hostname + " ";
    return hostnames;
  }
  bool forget(const std::string& hostname, const std::string& expression) {
    const auto parsed = parse_tag_expression(expression);
    REQUIRE(parsed);
    return store.forget({hostname, 3306}, *parsed).value_or(false);
  }
  TagStore store{database(), clock};
};

}  // namespace

TEST_SUITE("storage/tag_store") {
  TEST_CASE_FIXTURE(TagFixture, "expressions select instances, and several intersect") {
    CHECK(tagged("role") == "db-1 db-2 ");
    CHECK(tagged("role=main") == "db-1 ");
    CHECK(tagged("backup=") == "db-2 db-3 ");
    CHECK(tagged("role=") == "");
    CHECK(tagged("~role") == "db-3 ");
    CHECK(tagged("!role=main") == "db-2 ");
    CHECK(tagged("role,backup") == "db-2 ");
    CHECK(tagged("role,backup,role=main") == "");
    CHECK(tagged("~nobody") == "db-1 db-2 db-3 ");
  }

  TEST_CASE_FIXTURE(TagFixture, "tags are read by name, and saving overwrites") {
    save("db-2", "role", "old");
    const auto tags = store.list({"db-2", 3306});
    REQUIRE(tags);
    CHECK(*tags == std::vector<Tag>{{"backup", ""}, {"role", "old"}});
    CHECK(store.find({"db-2", 3306}, "role").value_or(std::nullopt) == Tag{"role", "old"});
    CHECK_FALSE(store.find({"db-3", 3306}, "role")->has_value());
    const auto all = store.list_all();
    REQUIRE(all);
    CHECK(all->size() == 3);
    CHECK(all->at({"db-2", 3306}).size() == 2);
  }

  TEST_CASE_FIXTURE(TagFixture, "a tag goes from one instance, with a value only if it is equal") {
    CHECK_FALSE(forget("db-1", "role=spare"));
    CHECK(forget("db-1", "role=main"));
    CHECK_FALSE(forget("db-1", "role"));
    CHECK(forget("db-2", "backup"));
    CHECK(tagged("backup") == "db-3 ");
  }

  TEST_CASE_FIXTURE(TagFixture, "a tag with a value goes from everywhere") {
    const auto gone = store.forget_everywhere({"backup", ""});
    REQUIRE(gone);
    CHECK(*gone == std::vector<InstanceKey>{{"db-2", 3306}, {"db-3", 3306}});
    CHECK(tagged("backup") == "");
    CHECK(tagged("role") == "db-1 db-2 ");
  }

  TEST_CASE_FIXTURE(TagFixture, "who lacks rows is tagged once, until somebody says it is whole") {
    const auto server = [](int number, int source) {
      Instance instance;
      instance.key = {"db-" + std::to_string(number), 3306};
      if (source > 0) instance.replication.source = {"db-" + std::to_string(source), 3306};
      return instance;
    };
    std::vector<Instance> all{server(1, 0), server(2, 1), server(3, 2), server(4, 1)};
    all[1].replication.has_filters = true;
    const auto marked = store.mark_incomplete(Topology(all));
    REQUIRE(marked);
    REQUIRE(marked->size() == 2);
    CHECK(to_string(marked->back().second) == "orch-incomplete=db-2:3306");
    CHECK(tagged("orch-incomplete") == "db-2 db-3 ");
    const auto told = store.list_incomplete();
    REQUIRE(told);
    CHECK(told->at({"db-3", 3306}) == "db-2:3306");

    // Known to be so, and elsewhere now.
    for (Instance& one : all) {
      const auto found = told->find(one.key);
      if (found != told->end()) one.incomplete = found->second;
    }
    CHECK(store.mark_incomplete(Topology(all))->empty());
    CHECK(forget("db-3", "orch-incomplete"));
    all[2] = server(3, 1);
    CHECK(store.mark_incomplete(Topology(all))->empty());
    CHECK(tagged("orch-incomplete") == "db-2 ");
    save("db-4", "orch-incomplete", "");
    CHECK(store.list_incomplete()->at({"db-4", 3306}) == "unknown");
  }
}

}  // namespace orch::storage
