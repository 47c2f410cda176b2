#include "cmd/cli/find_verb.h"

#include <doctest/doctest.h>

namespace orch::cmd {

namespace {

using Words = std::vector<std::string>;

std::string verb_in(const Words& arguments) {
  const auto taken = take_verb(arguments);
  return taken ? taken->verb : "";
}

}  // namespace

TEST_SUITE("cmd/cli/find_verb") {
  TEST_CASE("options and their values may stand before the verb") {
    CHECK(verb_in({"topology", "db1"}) == "topology");
    CHECK(verb_in({"--config", "file", "--json", "topology"}) == "topology");
    CHECK(verb_in({"--config=file", "topology"}) == "topology");
    CHECK_FALSE(take_verb({"--config", "file"}));
    CHECK_FALSE(take_verb({}));
  }

  TEST_CASE("a verb is taken out, all else stays in its order") {
    const auto taken = take_verb({"--config", "file", "topology", "db1", "--json"});
    REQUIRE(taken);
    CHECK(taken->rest == Words{"--config", "file", "db1", "--json"});
  }

  TEST_CASE("the first word is no value of an option") {
    const Words words = {"--config", "file", "--json", "nonsense", "more"};
    REQUIRE(first_word(words) != nullptr);
    CHECK(*first_word(words) == "nonsense");
    CHECK(first_word({"--config", "file"}) == nullptr);
  }

  TEST_CASE("two words are one verb where the catalog says so") {
    const auto taken = take_verb({"--db", "file", "config", "--json", "check", "more"});
    REQUIRE(taken);
    CHECK(taken->verb == "config check");
    CHECK(taken->rest == Words{"--db", "file", "--json", "more"});
    CHECK(verb_in({"config", "--config", "check", "dump"}) == "config dump");
    CHECK(verb_in({"config", "nonsense"}) == "config");
    CHECK(verb_in({"config"}) == "config");
    CHECK(verb_in({"check", "config"}) == "check");
  }

  TEST_CASE("a group's commands are found by its word") {
    const auto group = commands_of_group("config");
    REQUIRE(group.size() == 2);
    CHECK(group[0]->name == "config check");
    CHECK(group[1]->name == "config dump");
    CHECK(commands_of_group("topology").empty());
    CHECK(commands_of_group("").empty());
  }
}

}  // namespace orch::cmd
