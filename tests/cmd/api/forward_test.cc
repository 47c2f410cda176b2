#include "cmd/api/forward.h"

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
    const HttpResponse answer = forwarded(request, other.url(), false, {});
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
    const HttpResponse answer = forwarded({.method = "GET"}, "http://127.0.0.1:1", false, {});
    CHECK(answer.status == 502);
    CHECK(answer.body.find("the leader does not answer") != std::string::npos);
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
        reply_of(streamed(forwarded_command({.method = "POST", .target = "/api/orch/command"},
                                            other.url(), {})),
                 progress);
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
        reply_of(streamed(forwarded_command({.method = "POST", .target = "/api/orch/command"},
                                            other.url(), {})),
                 progress);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().kind == ErrorKind::Conflict);
    CHECK(refused.error().message.find("somebody else leads") != std::string::npos);
    // Nothing was done: it may be asked again.
    CHECK(forwarded_command({.method = "POST", .target = "/api/orch/command"}, "http://127.0.0.1:1",
                            {})
              .status == 503);
  }
}

}  // namespace orch::cmd
