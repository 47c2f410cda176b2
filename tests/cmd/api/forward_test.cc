#include "cmd/api/forward.h"

#include <atomic>
#include <future>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "cmd/command/exchange.h"
#include "cmd/http/server.h"

namespace orch::cmd {

namespace {

struct OtherNode {
  explicit OtherNode(HttpServer::Handler handler) {
    HttpServerSettings settings;
    settings.address = "127.0.0.1:0";
    auto started = HttpServer::start(std::move(settings), std::move(handler));
    REQUIRE_MESSAGE(started.has_value(), started.error().message);
    server = *std::move(started);
  }
  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(server->port());
  }
  std::unique_ptr<HttpServer> server;
};

const HttpRequest kQuestion{.method = "GET", .target = "/api/clusters"};
const HttpRequest kCommand{.method = "POST", .target = "/api/orch/command"};

LeaderWatch same_leader() {
  return LeaderWatch([] { return "one"; });
}

/// A node that takes requests and says nothing, as a process does that was stopped; meanwhile
/// another is elected.
struct SilentNode {
  SilentNode()
      : node([this](const HttpRequest&) {
          asked = true;
          wake.get_future().wait();
          return HttpResponse{};
        }) {}
  ~SilentNode() { wake.set_value(); }
  SilentNode(const SilentNode&) = delete;
  SilentNode& operator=(const SilentNode&) = delete;
  LeaderWatch watch(const std::string& next) {
    return LeaderWatch([this, next] { return asked ? next : "one"; },
                       std::chrono::milliseconds(50));
  }
  std::atomic<bool> asked{false};
  std::promise<void> wake;
  OtherNode node;
};

std::string streamed(const HttpResponse& response) {
  std::string all;
  response.stream([&all](std::string piece) { all += piece; });
  return all;
}

class NoProgress final : public Progress {
 public:
  void show(std::string_view /*line*/) override {}
  void say(std::string_view line) override { said.emplace_back(line); }
  void note(std::string_view /*line*/) override {}
  std::vector<std::string> said;
};

/// What a client makes of a command's answer.
Result<Reply> reply_of(const std::string& text, NoProgress& progress) {
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    if (auto reply = read_answer_line(text.substr(begin, end - begin), progress)) {
      return *std::move(reply);
    }
  }
  return fail(ErrorKind::Broken, "no reply");
}

}  // namespace

TEST_SUITE("forwarding") {
  TEST_CASE(
      "a request goes on as it came, but for what is of one connection, and so does the answer") {
    const OtherNode other([](const HttpRequest& request) {
      return HttpResponse{.status = 418,
                          .content_type = "text/x",
                          .body = request.method + " " + request.target + " " + request.body + " " +
                                  std::string(request.header("Cookie")) + " " +
                                  std::string(request.header("Accept-Encoding")) + "|" +
                                  (was_forwarded(request) ? "passed on" : "first hand"),
                          .headers = {{"X-Orch-Node", "other"}}};
    });
    const HttpRequest request{.method = "POST",
                              .target = "/api/x?y=%20z",
                              .headers = {{"Cookie", "a=b"},
                                          {"Accept-Encoding", "gzip"},
                                          {"Content-Type", "application/json"},
                                          {"Host", "me"}},
                              .body = "hello"};
    const HttpResponse answer = *forwarded(request, other.url(), false, {}, same_leader());
    CHECK(answer.status == 418);
    CHECK(answer.content_type == "text/x");
    CHECK(answer.body == "POST /api/x?y=%20z hello a=b |passed on");
    bool named = false;
    for (const auto& [name, value] : answer.headers)
      named = named || (name == "X-Orch-Node" && value == "other");
    CHECK(named);
    CHECK_FALSE(was_forwarded(request));
  }

  TEST_CASE("a leader that does not answer is told as an error of the gateway") {
    const HttpResponse answer =
        *forwarded({.method = "GET"}, "http://127.0.0.1:1", false, {}, same_leader());
    CHECK(answer.status == 502);
    CHECK(answer.body.find("the leader does not answer") != std::string::npos);
  }

  TEST_CASE("a question that a silent leader was asked goes on to the next one") {
    SilentNode silent;
    CHECK_FALSE(forwarded(kQuestion, silent.node.url(), false, {}, silent.watch("two")));
    CHECK(silent.asked);
  }

  TEST_CASE(
      "what may be carried out once only is answered soon after a silent leader is followed") {
    for (const std::string next : {"two", ""}) {
      SilentNode silent;
      const auto answer = forwarded(kQuestion, silent.node.url(), true, {}, silent.watch(next));
      REQUIRE(answer);
      CHECK(answer->status == 502);
      CAPTURE(answer->body);
      CHECK(answer->body.find(next.empty()
                                  ? "one does not lead any more, and nobody does"
                                  : "one does not lead any more, two does") != std::string::npos);
      CHECK(answer->body.find("whether this was carried out is not known") != std::string::npos);
    }
    SilentNode silent;
    NoProgress progress;
    const Result<Reply> reply =
        reply_of(streamed(*forwarded_command(kCommand, silent.node.url(), {}, silent.watch("two"))),
                 progress);
    REQUIRE_FALSE(reply.has_value());
    CHECK(reply.error().message.find("one does not lead any more, two does") != std::string::npos);
  }

  TEST_CASE("nothing is sent to one that does not lead any more") {
    int looks = 0;
    const LeaderWatch moved([&looks] { return ++looks == 1 ? "one" : "two"; });
    const OtherNode other([](const HttpRequest&) { return HttpResponse{}; });
    CHECK_FALSE(forwarded(kQuestion, other.url(), true, {}, moved));
    CHECK_FALSE(forwarded_command(kCommand, other.url(), {}, moved));
  }

  TEST_CASE("a leader that another follows may answer for a while, and one that is back for long") {
    std::string leader = "one";
    LeaderWatch watch([&leader] { return leader; });
    leader = "two";
    CHECK(watch.lost(false).empty());
    CHECK_FALSE(watch.lost(true).empty());
    leader = "";
    CHECK(watch.lost(true).empty());  // one may be elected in a moment
    leader = "one";
    CHECK(watch.lost(true).empty());
    CHECK_FALSE(watch.has_moved());
  }

  TEST_CASE("what a command says arrives line by line, its reply last") {
    const OtherNode other([](const HttpRequest&) {
      HttpResponse response;
      response.stream = [](const HttpResponse::Send& send) {
        send(progress_line(ProgressKind::Say, "half way"));
        Reply reply;
        reply.lines = {"done"};
        send(reply_line(reply));
      };
      return response;
    });
    NoProgress progress;
    const Result<Reply> reply =
        reply_of(streamed(*forwarded_command(kCommand, other.url(), {}, same_leader())), progress);
    REQUIRE_MESSAGE(reply.has_value(), reply.error().message);
    CHECK(reply->lines == std::vector<std::string>{"done"});
    CHECK(progress.said == std::vector<std::string>{"half way"});
  }

  TEST_CASE("a command that is refused, or not heard, ends with an error that says so") {
    const OtherNode other([](const HttpRequest&) {
      return HttpResponse{.status = 409, .body = "somebody else leads"};
    });
    NoProgress progress;
    const Result<Reply> refused =
        reply_of(streamed(*forwarded_command(kCommand, other.url(), {}, same_leader())), progress);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().kind == ErrorKind::Conflict);
    CHECK(refused.error().message.find("somebody else leads") != std::string::npos);
    // Nothing was done: it may be asked again.
    CHECK(forwarded_command(kCommand, "http://127.0.0.1:1", {}, same_leader())->status == 503);
  }
}

}  // namespace orch::cmd
