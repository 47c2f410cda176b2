#include "cmd/serve/second_opinion.h"

#include <atomic>
#include <string>

#include <doctest/doctest.h>

#include "cmd/http/server.h"

namespace orch::cmd {

namespace {

using std::chrono::milliseconds;

const InstanceKey kMaster{"db1.example", 3306};
const std::vector<ha::OtherNode> kTwoOthers = {{"orch2:10008", "two"}, {"orch3:10008", "three"}};
constexpr Opinion kSawItDead{.known = true};
constexpr Opinion kSawItAlive{.known = true, .answers = true, .fresh = true};

Result<> asked(const Result<Opinion>& second, const Result<Opinion>& third) {
  return agree_on_death(
      kMaster, kTwoOthers,
      [&](const std::string& url, const InstanceKey& key) {
        CHECK(key == kMaster);
        return url == "two" ? second : third;
      },
      milliseconds(1));
}

}  // namespace

TEST_SUITE("cmd/serve/second_opinion") {
  TEST_CASE("one of two others that cannot reach the server either is enough") {
    CHECK(asked(kSawItDead, kSawItDead));
    CHECK(asked(kSawItDead, kSawItAlive));
    CHECK(asked(fail(ErrorKind::Unreachable, "cut off"), kSawItDead));
  }

  TEST_CASE("nodes that see it, know nothing or cannot be asked do not agree, and are named") {
    const auto refused = asked(kSawItAlive, fail(ErrorKind::Unreachable, "cut off"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == ErrorKind::Refused);
    CHECK(refused.error().message ==
          "db1.example:3306 does not answer this node, but only 1 of 3 nodes say so, and "
          "FailureDetectionQuorum wants more than half; orch2:10008 sees it alive; orch3:10008 "
          "cannot be asked: cut off");
    CHECK_FALSE(asked(Opinion{}, Opinion{}));
    CHECK_FALSE(asked(Opinion{.known = true, .answers = true}, kSawItAlive));
  }

  TEST_CASE("who has not looked long enough is asked again") {
    std::atomic<int> times{0};
    CHECK(agree_on_death(
        kMaster, {{"orch2:10008", ""}, {"orch3:10008", ""}},
        [&](const std::string&, const InstanceKey&) -> Result<Opinion> {
          return ++times > 4 ? kSawItDead : Opinion{.known = true, .answers = true};
        },
        std::chrono::seconds(60)));
    CHECK(times > 4);
  }

  TEST_CASE("another node is asked by its API, with this node's user") {
    std::string target;
    std::string authorization;
    HttpServerSettings settings;
    settings.address = "127.0.0.1:0";
    auto server = HttpServer::start(std::move(settings), [&](const HttpRequest& request) {
      target = request.target;
      authorization = request.header("Authorization");
      return HttpResponse{.status = 200, .body = opinion_text(kSawItAlive)};
    });
    REQUIRE(server);
    const std::string url = "http://127.0.0.1:" + std::to_string((*server)->port()) + "/prefix";
    HttpSettings own;
    own.http_auth_user = "dba";
    own.http_auth_password = Secret("secret");
    const auto said = ask_by_api(own)(url, kMaster);
    REQUIRE_MESSAGE(said, said.error().message);
    CHECK(vote_of(*said) == Vote::Alive);
    CHECK(target == "/prefix/api/raft-opinion/db1.example/3306");
    CHECK(authorization == "Basic ZGJhOnNlY3JldA==");
    CHECK_FALSE(ask_by_api(own)("", kMaster));
  }

  TEST_CASE("an answer that is none is no opinion") {
    HttpServerSettings settings;
    settings.address = "127.0.0.1:0";
    auto server = HttpServer::start(std::move(settings), [](const HttpRequest&) {
      return HttpResponse{.status = 503, .body = "not now"};
    });
    REQUIRE(server);
    const auto said = ask_by_api(HttpSettings{})(
        "http://127.0.0.1:" + std::to_string((*server)->port()), kMaster);
    REQUIRE_FALSE(said);
    CHECK(said.error().message == "it answers 503: \"not now\"");
  }
}

}  // namespace orch::cmd
