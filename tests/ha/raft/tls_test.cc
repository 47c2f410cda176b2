#include "ha/raft/tls.h"

#include <doctest/doctest.h>

namespace orch::ha::raft {

namespace {

std::shared_ptr<const TlsContext> by_secret(const std::string& secret) {
  Security security;
  security.secret = Secret(secret);
  auto made = TlsContext::make(security);
  REQUIRE(made);
  return std::move(*made);
}

/// Two sessions that talk until neither has more to say, or one refuses; why.
std::string shake(TlsSession& client, TlsSession& server) {
  std::string plain;
  const auto begun = client.receive("", plain);
  if (!begun) return begun.error().message;
  for (int i = 0; i < 10; ++i) {
    for (const auto& [from, to] : {std::pair(&client, &server), std::pair(&server, &client)}) {
      const std::string bytes = from->take_output();
      if (bytes.empty()) continue;
      const auto received = to->receive(bytes, plain);
      if (!received) return received.error().message;
    }
  }
  return "";
}

}  // namespace

TEST_CASE("two sides with one secret understand each other, and nobody else them") {
  const auto context = by_secret("sesame");
  const auto client = context->session("127.0.0.1");
  const auto server = context->session("");
  CHECK(shake(*client, *server) == "");
  REQUIRE(client->is_ready());
  REQUIRE(server->is_ready());
  REQUIRE(client->send("hello, node"));
  const std::string bytes = client->take_output();
  CHECK(bytes.find("hello") == std::string::npos);
  std::string plain;
  REQUIRE(server->receive(bytes.substr(0, 5), plain));
  CHECK(plain.empty());
  REQUIRE(server->receive(bytes.substr(5), plain));
  CHECK(plain == "hello, node");

  REQUIRE(server->send("yes"));
  std::string damaged = server->take_output();
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 1);
  const auto refused = client->receive(damaged, plain);
  REQUIRE(!refused);
  CHECK(refused.error().kind == ErrorKind::Denied);
}

TEST_CASE("two sides with different secrets refuse each other") {
  const auto here = by_secret("sesame");
  const auto there = by_secret("simsim");
  const auto client = here->session("127.0.0.1");
  const auto server = there->session("");
  CHECK(shake(*client, *server) != "");
  CHECK(!client->is_ready());
  CHECK(!server->is_ready());
}

TEST_CASE("without a secret and certificates there is no TLS") {
  const auto made = TlsContext::make({});
  REQUIRE(made);
  CHECK(*made == nullptr);
}

}  // namespace orch::ha::raft
