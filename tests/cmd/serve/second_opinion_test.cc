#include "cmd/serve/second_opinion.h"

#include <atomic>
#include <string>

#include <doctest/doctest.h>

namespace orch::cmd {

namespace {

using std::chrono::milliseconds;

const InstanceKey kMaster{"db1.example", 3306};
const std::vector<std::string> kTwoOthers = {"orch2:10008", "orch3:10008"};

using Said = Result<std::string>;

Result<> asked(const Said& second, const Said& third) {
  return agree_on_death(
      kMaster, kTwoOthers,
      [&](const std::string& node, const std::string& question) {
        CHECK(question == "reaches db1.example:3306");
        return node == "orch2:10008" ? second : third;
      },
      milliseconds(1));
}

}  // namespace

TEST_SUITE("cmd/serve/second_opinion") {
  TEST_CASE("one of two others that cannot reach the server either is enough") {
    CHECK(asked(Said("no"), Said("no")));
    CHECK(asked(Said("no"), Said("yes")));
    CHECK(asked(fail(ErrorKind::Unreachable, "cut off"), Said("no")));
  }

  TEST_CASE(
      "nodes that see it, know nothing or cannot be asked do not agree, and are named (HA-15, "
      "ANA-15)") {
    const auto refused = asked(Said("yes"), fail(ErrorKind::Unreachable, "cut off"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == ErrorKind::Refused);
    CHECK(refused.error().message ==
          "db1.example:3306 does not answer this node, but only 1 of 3 nodes say so, and "
          "FailureDetectionQuorum wants more than half; orch2:10008 sees it alive; orch3:10008 "
          "cannot be asked: cut off");
    CHECK_FALSE(asked(Said("unknown"), Said("")));
    CHECK_FALSE(asked(Said("what a node of another version says"), Said("yes")));
  }

  TEST_CASE(
      "a node is cut off when more than half of all nodes reach several servers that it does not") {
    const std::vector<InstanceKey> keys = {{"db1", 3306}, {"db2", 3306}, {"db3", 3306}};
    // What the two others say of each server; nothing: they cannot be asked.
    using Words = std::vector<std::string>;
    const auto better = [&](const Words& second, const Words& third) {
      return who_reaches(keys, kTwoOthers,
                         [&](const std::string& node, const std::string& question) -> Said {
                           const Words& words = node == "orch2:10008" ? second : third;
                           if (words.empty()) return fail(ErrorKind::Unreachable, "cut off");
                           return Said(words.at(static_cast<std::size_t>(question.at(10) - '1')));
                         });
    };
    const Words all{"yes", "yes", "yes"};
    const Words most{"yes", "no", "yes"};
    CHECK(better(most, all) == "orch3:10008");
    CHECK(better(all, most) == "orch2:10008");
    CHECK_FALSE(better(all, {}));
    CHECK_FALSE(better(all, {"no", "no", "no"}));
    CHECK_FALSE(better(all, {"yes", "unknown", "unknown"}));
    const auto of_one = [&](const std::string& second, const std::string& third) {
      return who_reaches({{"db1", 3306}}, kTwoOthers,
                         [&](const std::string& node, const std::string&) {
                           return Said(node == "orch2:10008" ? second : third);
                         });
    };
    CHECK(of_one("yes", "yes"));
    CHECK_FALSE(of_one("no", "yes"));
  }

  TEST_CASE("one of five that lies neither prevents a failover nor brings one about") {
    const std::vector<std::string> four = {"n2:1", "n3:1", "n4:1", "n5:1"};
    // The liar is the second; what it says, and what the other three do.
    const auto asked_with = [&](const std::string& lie, const std::string& truth) {
      return agree_on_death(
          kMaster, four,
          [&](const std::string& node, const std::string&) {
            return Said(node == "n2:1" ? lie : truth);
          },
          milliseconds(1));
    };
    for (const std::string lie :
         {"no", "yes", "unknown", "", "No", "no\n", "no db2.example:3306", "\x01\xff garbage"}) {
      CAPTURE(lie);
      CHECK(asked_with(lie, "no"));
      CHECK_FALSE(asked_with(lie, "yes"));
      CHECK_FALSE(asked_with(lie, "unknown"));
    }
    CHECK_FALSE(asked_with(std::string(64 * 1024, 'n'), "yes"));
  }

  TEST_CASE("what a node says for a reason is not written as it came") {
    const auto refused = asked(fail(ErrorKind::Refused, "go\x1b[2J away"), Said("yes"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find('\x1b') == std::string::npos);
  }

  TEST_CASE("who has not looked just now is asked again") {
    std::atomic<int> times{0};
    CHECK(agree_on_death(
        kMaster, kTwoOthers,
        [&](const std::string&, const std::string&) -> Said {
          return Said(++times > 4 ? "no" : "unknown");
        },
        std::chrono::seconds(60)));
    CHECK(times > 4);
  }
}

}  // namespace orch::cmd
