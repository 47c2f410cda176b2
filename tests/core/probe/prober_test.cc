#include "core/probe/prober.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "core/mysql/connection.h"
#include "tests/support/fake_tcp_server.h"

namespace orch {

namespace {

/// Lets everybody in, and answers with a packet that never ends.
void send_too_much(const FakeTcpServer::Peer& peer) {
  peer.send(mysql_greeting("8.4.3"));
  static_cast<void>(peer.receive());
  peer.send(mysql_ok(2));
  if (peer.receive().empty()) return;
  peer.send(std::string_view("\xff\xff\xff\x01", 4));  // 16 MiB follow, it says
  for (int i = 0; i < 64; ++i)
    peer.send(std::string(65536, 'x'));
  peer.hang();
}

}  // namespace

TEST_SUITE("core/probe/prober") {
  TEST_CASE("packets of servers are bounded by the servers' setting (DISC-1)") {
    const MySqlLibrary library;
    const FakeTcpServer server(send_too_much);
    ProbeSettings settings;
    settings.connection.mysql_topology_max_allowed_packet = 1 << 20;
    settings.connection.mysql_topology_user = "orch";
    auto prober = Prober::create(settings);
    REQUIRE(prober);
    const InstanceKey key{"127.0.0.1", server.port()};
    const auto begun = std::chrono::steady_clock::now();
    const Observation seen = prober->probe(key, begun + std::chrono::seconds(30));
    REQUIRE(seen.error);
    CHECK_MESSAGE(seen.error->message.find("connection lost") != std::string::npos,
                  seen.error->message);
  }

  TEST_CASE("a session ends with its lifetime, and soon when the server refused it something") {
    const SteadyPoint opened{};
    const auto worn_after = [&](const Capabilities& known, int lifetime, int age) {
      return is_worn(known, opened, std::chrono::seconds(lifetime),
                     opened + std::chrono::seconds(age));
    };
    Capabilities known;
    CHECK_FALSE(worn_after(known, 0, 1'000'000));
    CHECK_FALSE(worn_after(known, 60, 59));
    CHECK(worn_after(known, 60, 60));
    known.refused[Ask::ReplicationUser] = {};
    CHECK_FALSE(worn_after(known, 0, 299));
    CHECK(worn_after(known, 0, 300));
  }

  TEST_CASE("how long TLS is remembered follows the settings (DISC-2)") {
    ProbeSettings settings;
    CHECK(tls_lifetime(settings) == std::chrono::seconds(500));
    settings.connection.tls_cache_ttl_factor = 3;
    settings.discovery.instance_poll_seconds = std::chrono::seconds(7);
    CHECK(tls_lifetime(settings) == std::chrono::seconds(21));
  }
}

}  // namespace orch
