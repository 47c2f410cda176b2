#include "core/net/http_client.h"

#include <doctest/doctest.h>

#include "tests/support/fake_consul.h"

namespace orch {

namespace {

SteadyPoint within(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

}  // namespace

TEST_SUITE("net/http_client") {
  TEST_CASE("what is asked arrives, and an answer is one whatever its status") {
    std::string heard;
    FakeTcpServer server([&](const FakeTcpServer::Peer& peer) {
      heard = read_http_request(peer);
      peer.send(http_answer(503, "not now"));
    });
    const auto reply = ask_http({.host = "127.0.0.1",
                                 .port = server.port(),
                                 .method = "PUT",
                                 .target = "/a?b=c",
                                 .headers = {{"X-Token", "t"}},
                                 .body = "value"},
                                within(std::chrono::seconds(20)));
    REQUIRE_MESSAGE(reply, reply.error().message);
    CHECK(reply->status == 503);
    CHECK(reply->body == "not now");
    CHECK(heard.starts_with("PUT /a?b=c HTTP/1.1\r\n"));
    CHECK(heard.find("Host: 127.0.0.1:" + std::to_string(server.port())) != std::string::npos);
    CHECK(heard.find("X-Token: t\r\n") != std::string::npos);
    CHECK(heard.ends_with("\r\n\r\nvalue"));
  }

  TEST_CASE("an answer that ends with the connection is whole") {
    FakeTcpServer server([](const FakeTcpServer::Peer& peer) {
      (void)read_http_request(peer);
      peer.send("HTTP/1.0 200 OK\r\n\r\nto the end");
    });
    const auto reply =
        ask_http({.host = "127.0.0.1", .port = server.port()}, within(std::chrono::seconds(20)));
    REQUIRE(reply);
    CHECK(reply->body == "to the end");
  }

  TEST_CASE("whoever hangs, dribbles, closes, or talks something else gives no answer") {
    const std::function<void(const FakeTcpServer::Peer&)> behaviours[] = {
        [](const FakeTcpServer::Peer& peer) { peer.hang(); },
        [](const FakeTcpServer::Peer& peer) {
          peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
          peer.dribble('x');
        },
        [](const FakeTcpServer::Peer& peer) { (void)peer.receive(); },
        [](const FakeTcpServer::Peer& peer) {
          peer.send("SSH-2.0-x\r\n\r\n");
        }};
    for (const auto& behaviour : behaviours) {
      for (const bool tls : {false, true}) {
        FakeTcpServer server(behaviour);
        const auto reply = ask_http({.host = "127.0.0.1", .port = server.port(), .tls = tls},
                                    within(std::chrono::milliseconds(150)));
        REQUIRE_FALSE(reply);
        CHECK(reply.error().kind == ErrorKind::Unreachable);
        CHECK(reply.error().message.find("127.0.0.1:") == 0);
      }
    }
  }

  TEST_CASE("a port that nobody listens on is said") {
    std::uint16_t port = 0;
    {
      port = FakeTcpServer([](const FakeTcpServer::Peer&) {}).port();
    }
    const auto reply =
        ask_http({.host = "127.0.0.1", .port = port}, within(std::chrono::seconds(20)));
    REQUIRE_FALSE(reply);
    CHECK(reply.error().message.find("refused") != std::string::npos);
  }

  TEST_CASE("what has a meaning in a path is encoded, but for what is to stay") {
    CHECK(percent_encoded("a b/c?d%e\xc3\xa4", "/") == "a%20b/c%3Fd%25e%C3%A4");
    CHECK(percent_encoded("A-1._~z") == "A-1._~z");
  }
}

}  // namespace orch
