#include "cmd/cli/help.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "core/json/json.h"

namespace orch::cmd {

namespace {

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_SUITE("cmd/cli/help") {
  TEST_CASE("the help on a verb names every option that it takes") {
    CHECK(holds(verb_help(*find_command("match")), "--skip-binlog-search"));
    CHECK(holds(verb_help(*find_command("last-pseudo-gtid")), "--strict "));
    CHECK(holds(verb_help(*find_command("submit-pool-instances")), "--instances LIST"));
    CHECK(holds(verb_help(*find_command("topology")), "--alias "));
    CHECK_FALSE(holds(verb_help(*find_command("find")), "--alias "));
  }

  TEST_CASE("the listing of -c commands has those that are no rows of the catalog") {
    const std::string listing = legacy_listing();
    for (const char* name :
         {"\n\trelocate-below ", "\n\tcontinuous ", "\n\thelp ", "\nAgent:\n\tcustom-command "}) {
      CAPTURE(std::string(name));
      CHECK(holds(listing, name));
    }
    CHECK(holds(legacy_topic("continuous"), "orchestrator -c continuous"));
    CHECK(holds(legacy_topic("help"), "orchestrator -c help"));
  }

  TEST_CASE("the listing of -c commands leaves none of them out") {
    const std::string listing = legacy_listing();
    for (const Command& command : catalog()) {
      if (command.offer == Offer::Verb) continue;
      CAPTURE(command.name);
      CHECK(holds(listing, "\n\t" + std::string(command.name) + " "));
    }
  }

  TEST_CASE("programs get the catalog, or one verb of it") {
    const Json all = Json::parse(help_json(nullptr));
    std::size_t verbs = 0;
    for (const Command& command : catalog()) {
      if (command.offer != Offer::Legacy) ++verbs;
    }
    CHECK(all.size() == verbs);
    const Json relocate = Json::parse(help_json(find_command("relocate")));
    CHECK(std::find(all.begin(), all.end(), relocate) != all.end());
    CHECK(relocate["Name"] == "relocate");
    CHECK(relocate["Writes"] == true);
    CHECK(relocate["Words"][0] == Json({{"Name", "INSTANCE"}, {"Required", true}}));
    CHECK(std::find(relocate["Options"].begin(), relocate["Options"].end(), "--dry-run") !=
          relocate["Options"].end());
  }

  TEST_CASE("what only the API and the client offer is no -c command") {
    CHECK_FALSE(holds(legacy_listing(), "gtid-errant-inject-empty"));
    CHECK(legacy_topic("gtid-errant-inject-empty").empty());
  }
}

}  // namespace orch::cmd
