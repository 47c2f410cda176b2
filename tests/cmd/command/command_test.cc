#include "cmd/command/command.h"

#include <set>

#include <doctest/doctest.h>

namespace orch::cmd {

TEST_SUITE("cmd/command/command") {
  TEST_CASE("every row of the catalog has a name of its own, a help text and something to run") {
    std::set<std::string_view> names;
    for (const Command& command : catalog()) {
      CAPTURE(std::string(command.name));
      CHECK(names.insert(command.name).second);
      CHECK_FALSE(command.help.empty());
      CHECK((command.run != nullptr));
      CHECK(command.required <= command.words.size());
      CHECK((command.words.empty() || !command.example.empty()));
    }
  }

  TEST_CASE("old spellings find the command that they stand for") {
    REQUIRE(find_command("which-slaves") != nullptr);
    CHECK(find_command("which-slaves")->name == "which-replicas");
    CHECK(find_command("enslave-siblings") == find_command("take-siblings"));
    CHECK(find_command("relocate-below") == find_command("relocate"));
    CHECK(find_command("detach-replica") == find_command("detach-replica-master-host"));
    CHECK(find_command("regroup-slaves-bls") == nullptr);
    CHECK(find_command("match-below") == nullptr);  // a route of the API, and never a command
    CHECK(find_command("") == nullptr);
  }

  TEST_CASE("a mistyped name finds its neighbours") {
    const auto near = nearest_commands("topolgy");
    REQUIRE_FALSE(near.empty());
    CHECK(near.front() == "topology");
    CHECK(nearest_commands("xyzzyxyzzyxyzzy").empty());
    CHECK(nearest_commands("replication-analysis").empty());
  }

  TEST_CASE("simple times are digits and one unit") {
    using std::chrono::seconds;
    CHECK(*parse_simple_time("90s") == seconds(90));
    CHECK(*parse_simple_time("3h") == seconds(10'800));
    CHECK(*parse_simple_time("4w") == seconds(4 * 604'800));
    for (const char* text :
         {"", "s", "10", "1.5h", "-1m", "10 m", "10y", "99999999999999999999d"}) {
      CAPTURE(text);
      const auto parsed = parse_simple_time(text);
      REQUIRE_FALSE(parsed);
      CHECK(parsed.error().message == std::string("Cannot parse simple time: ") + text);
    }
  }
}

}  // namespace orch::cmd
