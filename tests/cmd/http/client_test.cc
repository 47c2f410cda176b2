#include "cmd/http/client.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <future>
#include <utility>

#include <doctest/doctest.h>

#include "cmd/http/server.h"

namespace orch::cmd {

namespace {

using std::chrono::milliseconds;

std::unique_ptr<HttpServer> serving(HttpServerSettings settings, HttpServer::Handler handler) {
  if (settings.socket.empty()) settings.address = "127.0.0.1:0";
  auto server = HttpServer::start(std::move(settings), std::move(handler));
  REQUIRE_MESSAGE(server.has_value(), server.error().message);
  return *std::move(server);
}

HttpAddress address_of_port(std::uint16_t port) {
  return {.host = "127.0.0.1", .port = std::to_string(port), .path = "/api"};
}

Result<HttpResponse> asked(const HttpAddress& address, const HttpRequest& request,
                           const HttpPatience& patience = {},
                           const HttpConnection::Heard& heard = {}) {
  ORCH_ASSIGN(const auto connection, HttpConnection::open(address, {}, patience));
  return connection->ask(request, heard);
}

HttpResponse mirror(const HttpRequest& request) {
  return {.status = 203,
          .body = request.method + " " + request.target + " " + request.body + " " +
                  std::string(request.header("Authorization")),
          .headers = {{"X-One", "1"}}};
}

}  // namespace

TEST_SUITE("http client") {
  TEST_CASE("a request arrives as it was made, and so does the answer") {
    const auto server = serving({}, mirror);
    HttpAddress address = address_of_port(server->port());
    address.user = "a";
    address.password = Secret("b");
    const auto answer = asked(address, {.method = "POST", .target = "/api/x?y=1", .body = "hello"});
    REQUIRE(answer);
    CHECK(answer->status == 203);
    CHECK(answer->body == "POST /api/x?y=1 hello Basic YTpi");
    CHECK(asked(address, {.method = "HEAD", .target = "/api"})->body.empty());
  }

  TEST_CASE("a socket in the file system is reached, too") {
    const auto path = std::filesystem::temp_directory_path() /
                      ("orch-client-test-" + std::to_string(::getpid()) + ".sock");
    const auto server = serving({.socket = path.string()}, mirror);
    const auto answer = asked({.socket = path.string()}, {.method = "GET", .target = "/"});
    REQUIRE_MESSAGE(answer.has_value(), answer.error().message);
    CHECK(answer->status == 203);
  }

  TEST_CASE("what is sent while it is made is heard at once, and signs of life in between") {
    std::promise<void> heard_first;
    const std::shared_future<void> go_on = heard_first.get_future().share();
    const auto server = serving({.pulse = milliseconds(20)}, [&](const HttpRequest&) {
      HttpResponse response;
      response.stream = [go_on](const HttpResponse::Send& send) {
        send("one\n");
        go_on.wait();
        send(std::string(100'000, 'x') + "\n");
        send("end\n");
      };
      return response;
    });
    std::string all;
    bool alive = false;
    const auto answer = asked(address_of_port(server->port()), {.method = "GET", .target = "/"}, {},
                              [&](int status, std::string_view piece) {
                                CHECK(status == 200);
                                all += piece;
                                const bool before =
                                    std::exchange(alive, all.starts_with("one\n\n"));
                                if (alive && !before) heard_first.set_value();
                              });
    REQUIRE_MESSAGE(answer.has_value(), answer.error().message);
    CHECK(answer->body == all);
    CHECK(alive);
    CHECK(all.find(std::string(100'000, 'x') + "\n") != std::string::npos);
    CHECK(all.ends_with("end\n"));
  }

  TEST_CASE("a client that leaves in the middle of a stream harms nobody") {
    std::promise<void> gone;
    std::promise<void> made;
    const std::shared_future<void> go_on = gone.get_future().share();
    const auto server = serving({.pulse = milliseconds(5)}, [&](const HttpRequest& request) {
      HttpResponse response;
      if (request.target == "/quick") return response;
      response.stream = [&made, go_on](const HttpResponse::Send& send) {
        send("one\n");
        go_on.wait();
        for (int i = 0; i < 100; ++i)
          send(std::string(10'000, 'x'));
        made.set_value();
      };
      return response;
    });
    const int client = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(server->port());
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(client, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
    const std::string request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    REQUIRE(::send(client, request.data(), request.size(), 0) > 0);
    char first = 0;
    REQUIRE(::recv(client, &first, 1, 0) == 1);
    ::close(client);
    gone.set_value();
    made.get_future().wait();
    CHECK(asked(address_of_port(server->port()), {.method = "GET", .target = "/quick"})->status ==
          200);
  }

  TEST_CASE("a server that hangs up before, or in the middle of, its answer has given none") {
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in own{};
    socklen_t size = sizeof own;
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&own), size) == 0);
    REQUIRE(::listen(listener, 8) == 0);
    REQUIRE(::getsockname(listener, reinterpret_cast<sockaddr*>(&own), &size) == 0);
    for (const std::string& words :
         {std::string(), std::string("HTTP/1.1 20"), std::string("HTTP/1.1 200 OK\r\nX: y\r\n"),
          std::string("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")}) {
      CAPTURE(words);
      const auto server = std::async(std::launch::async, [listener, words] {
        const int client = ::accept(listener, nullptr, nullptr);
        std::array<char, 4096> request{};
        if (::recv(client, request.data(), request.size(), 0) > 0)
          ::send(client, words.data(), words.size(), 0);
        ::close(client);
      });
      const auto answer =
          asked(address_of_port(ntohs(own.sin_port)), {.method = "GET", .target = "/"});
      REQUIRE_FALSE(answer);
      CHECK(answer.error().kind == ErrorKind::Unreachable);
      CHECK(answer.error().message.find("it hung up") != std::string::npos);
    }
    ::close(listener);
  }

  TEST_CASE("nobody there, nothing said and nonsense are told apart") {
    std::uint16_t port = 0;
    {
      const auto server = serving({}, mirror);
      port = server->port();
    }
    const auto nobody = asked(address_of_port(port), {.method = "GET", .target = "/"});
    REQUIRE_FALSE(nobody);
    CHECK(nobody.error().kind == ErrorKind::Unreachable);
    CHECK(
        nobody.error().message.starts_with("http://127.0.0.1:" + std::to_string(port) + "/api: "));
    std::promise<void> over;
    const std::shared_future<void> end = over.get_future().share();
    const auto silent_server = serving({}, [end](const HttpRequest&) {
      end.wait();
      return HttpResponse{};
    });
    const auto silent = asked(address_of_port(silent_server->port()),
                              {.method = "GET", .target = "/"}, {.silence = milliseconds(50)});
    over.set_value();
    REQUIRE_FALSE(silent);
    CHECK(silent.error().message.ends_with("no answer in time"));
  }

  TEST_CASE("TLS where there is none is told") {
    const auto server = serving({}, mirror);
    HttpAddress address = address_of_port(server->port());
    address.tls = true;
    const auto answer = asked(address, {.method = "GET", .target = "/"});
    REQUIRE_FALSE(answer);
    CHECK(answer.error().kind == ErrorKind::Denied);
    CHECK(answer.error().message.find("TLS") != std::string::npos);
  }
}

}  // namespace orch::cmd
