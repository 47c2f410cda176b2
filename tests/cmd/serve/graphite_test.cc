#include "cmd/serve/graphite.h"

#include <future>

#include <doctest/doctest.h>

#include "tests/support/fake_tcp_server.h"

namespace orch::cmd {

TEST_SUITE("serve/graphite") {
  TEST_CASE("counters are told with their rate, gauges as they are") {
    CHECK(graphite_lines("a.b", {{"audit.write", 90, true}, {"elect.is_elected", 1, false}},
                         std::chrono::seconds(60),
                         TimePoint(std::chrono::seconds(1'700'000'000))) ==
          "a.b.audit.write.count 90 1700000000\n"
          "a.b.audit.write.count_ps 1.50 1700000000\n"
          "a.b.elect.is_elected.value 1 1700000000\n");
  }

  TEST_CASE("the path holds the host's name, dots or not") {
    MetricsSettings settings;
    settings.graphite_path = "orch.{hostname}.x";
    CHECK(graphite_path(settings, "n1.example") == "orch.n1_example.x");
    settings.graphite_convert_hostname_dots_to_underscores = false;
    CHECK(graphite_path(settings, "n1.example") == "orch.n1.example.x");
  }

  TEST_CASE("figures arrive at the server, again and again, until it ends") {
    std::promise<std::string> second;
    std::atomic<int> connections{0};
    FakeTcpServer server([&](const FakeTcpServer::Peer& peer) {
      std::string all;
      for (std::string more = peer.receive(); !more.empty(); more = peer.receive())
        all += more;
      if (++connections == 2) second.set_value(all);
    });
    MetricsSettings settings;
    settings.graphite_addr = "127.0.0.1:" + std::to_string(server.port());
    settings.graphite_path = "orch";
    settings.graphite_poll_seconds = std::chrono::seconds(1);
    const GraphiteReporter reporter(settings, "here", [] {
      return std::vector<NamedFigure>{{"instance.read", 5, true}};
    });
    auto heard = second.get_future();
    REQUIRE(heard.wait_for(std::chrono::seconds(60)) == std::future_status::ready);
    CHECK(heard.get().starts_with("orch.instance.read.count 5 "));
  }

  TEST_CASE("nothing is told without a path, and a server that is away is no failure") {
    MetricsSettings settings;
    settings.graphite_addr = "127.0.0.1:1";
    bool asked = false;
    const auto figures = [&] {
      asked = true;
      return std::vector<NamedFigure>();
    };
    { const GraphiteReporter reporter(settings, "here", figures); }
    CHECK_FALSE(asked);
  }
}

}  // namespace orch::cmd
