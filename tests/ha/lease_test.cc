#include "ha/lease.h"

#include <doctest/doctest.h>

#include "tests/storage/memory_backend.h"

namespace orch::ha {

namespace {

constexpr std::chrono::milliseconds kDuration{5000};

/// Two nodes on one backend, whose own clocks a test moves. The backend's clock is the real one; a
/// lease ages by being written older.
struct TwoNodes : storage::MemoryBackend {
  SteadyPoint now{std::chrono::hours(1)};
  Lease first{database(), {{"one", "token-1"}, kDuration, [this] {
                             return now;
                           }}};
  Lease second{database(), {{"two", "token-2"}, kDuration, [this] {
                              return now;
                            }}};

  // Two more, behind whose backend several servers may stand.
  Lease third{database(), shared("three")};
  Lease fourth{database(), shared("four")};

  Lease::Settings shared(const std::string& name) {
    return {.self = {name, "token-" + name},
            .duration = kDuration,
            .steady_now = [this] { return now; },
            .one_server = false};
  }
  static void attempt(Lease& lease) {
    const Result<> done = lease.attempt();
    REQUIRE_MESSAGE(done.has_value(), storage::why(done));
  }
  void age(std::chrono::milliseconds by) {
    run("update orch_lease set renewed_ms = renewed_ms - " + std::to_string(by.count()));
  }
};

}  // namespace

TEST_SUITE("lease") {
  TEST_CASE("the first to ask leads, the other does not, in an epoch that both know") {
    TwoNodes nodes;
    TwoNodes::attempt(nodes.first);
    TwoNodes::attempt(nodes.second);
    CHECK(nodes.first.leading() == Term{1});
    CHECK_FALSE(nodes.second.leading());
    const auto holder = nodes.second.holder();
    REQUIRE((holder && *holder));
    CHECK((*holder)->node.hostname == "one");
    CHECK((*holder)->epoch == 1);
  }

  TEST_CASE("the holder stops believing before anybody can take over (HA-1)") {
    TwoNodes nodes;
    TwoNodes::attempt(nodes.first);
    nodes.now += kDuration * 3 / 4;
    CHECK(nodes.first.leading());
    nodes.now += kDuration / 10;  // and the backend does not answer
    CHECK_FALSE(nodes.first.leading());
    TwoNodes::attempt(nodes.second);
    CHECK_FALSE(nodes.second.leading());
    nodes.age(kDuration);
    TwoNodes::attempt(nodes.second);  // to which that is a renewal
    nodes.now += kDuration;
    TwoNodes::attempt(nodes.second);
    CHECK(nodes.second.leading() == Term{2});
  }

  TEST_CASE("a renewal that took long is counted from its beginning (HA-1, HA-3)") {
    TwoNodes nodes;
    int asked = 0;
    // The clock jumps while the backend is being asked.
    Lease slow(nodes.database(), {{"three", "token-3"}, kDuration, [&] {
                                    return nodes.now + (asked++ == 0 ? std::chrono::seconds(0)
                                                                     : std::chrono::seconds(10));
                                  }});
    TwoNodes::attempt(slow);
    CHECK_FALSE(slow.leading());
  }

  TEST_CASE("renewing within one moment keeps it (HA-2)") {
    TwoNodes nodes;
    for (int i = 0; i < 20; ++i) {
      TwoNodes::attempt(nodes.first);
      CHECK(nodes.first.leading() == Term{1});
    }
  }

  TEST_CASE("an old holder that comes back finds another and does not get it back") {
    TwoNodes nodes;
    TwoNodes::attempt(nodes.first);
    nodes.age(kDuration);
    TwoNodes::attempt(nodes.second);
    TwoNodes::attempt(nodes.first);
    CHECK_FALSE(nodes.first.leading());
    CHECK(nodes.second.leading() == Term{2});
  }

  TEST_CASE("whoever resigns makes room at once and does not ask again") {
    TwoNodes nodes;
    TwoNodes::attempt(nodes.first);
    REQUIRE(nodes.first.resign());
    CHECK_FALSE(nodes.first.leading());
    TwoNodes::attempt(nodes.first);
    CHECK_FALSE(nodes.first.leading());
    TwoNodes::attempt(nodes.second);
    CHECK(nodes.second.leading() == Term{2});
  }

  TEST_CASE("grabbing takes it from whoever holds it, in a new epoch") {
    TwoNodes nodes;
    TwoNodes::attempt(nodes.first);
    REQUIRE(nodes.second.grab());
    CHECK_FALSE(nodes.second.leading());  // the first still believes, until it asks
    TwoNodes::attempt(nodes.first);
    CHECK_FALSE(nodes.first.leading());
    nodes.now += kDuration;
    TwoNodes::attempt(nodes.second);
    CHECK(nodes.second.leading() == Term{2});
  }

  TEST_CASE("a lease that another gives up is free only when its holder cannot believe in it") {
    TwoNodes nodes;
    TwoNodes::attempt(nodes.first);
    REQUIRE(nodes.second.vacate());
    CHECK(nodes.first.leading());
    TwoNodes::attempt(nodes.second);
    CHECK_FALSE(nodes.second.leading());
    TwoNodes::attempt(nodes.first);
    CHECK_FALSE(nodes.first.leading());
    nodes.age(kDuration);
    TwoNodes::attempt(nodes.second);
    CHECK(nodes.second.leading() == Term{2});
    REQUIRE(nodes.second.vacate());  // its own is free at once
    TwoNodes::attempt(nodes.first);
    CHECK(nodes.first.leading() == Term{3});
  }

  TEST_CASE("where several servers have clocks of their own, a lease must be seen to stand still") {
    TwoNodes nodes;
    TwoNodes::attempt(nodes.third);
    nodes.age(kDuration * 2);  // or the clock of the server that answers now is ahead
    TwoNodes::attempt(nodes.fourth);
    CHECK_FALSE(nodes.fourth.leading());
    nodes.now += kDuration / 2;
    TwoNodes::attempt(nodes.third);
    TwoNodes::attempt(nodes.fourth);
    nodes.now += kDuration * 3 / 4;
    nodes.age(kDuration * -2);  // or it is behind
    TwoNodes::attempt(nodes.fourth);
    nodes.now += kDuration / 2;
    TwoNodes::attempt(nodes.fourth);
    CHECK_FALSE(nodes.fourth.leading());
    nodes.now += kDuration / 2;
    TwoNodes::attempt(nodes.fourth);
    CHECK(nodes.fourth.leading() == Term{2});
  }

  TEST_CASE(
      "a lease that was just seen renewed is not over, however far the database's clock is set") {
    for (const bool one_server : {false, true}) {
      TwoNodes nodes;
      Lease& holder = one_server ? nodes.first : nodes.third;
      Lease& other = one_server ? nodes.second : nodes.fourth;
      TwoNodes::attempt(holder);
      TwoNodes::attempt(other);
      nodes.run("update orch_lease set renewed_ms = renewed_ms - 1");  // as the clock has moved on
      nodes.now += kDuration / 5;
      TwoNodes::attempt(holder);
      TwoNodes::attempt(other);
      nodes.age(std::chrono::hours(1));  // an hour ahead
      TwoNodes::attempt(other);
      CHECK(holder.leading() == Term{1});
      CHECK_FALSE(other.leading());
      nodes.now += kDuration;  // the holder is gone
      TwoNodes::attempt(other);
      CHECK(other.leading() == Term{2});
    }
  }

  TEST_CASE("a server that lacks the latest change of holder gives nobody an old epoch again") {
    TwoNodes nodes;
    TwoNodes::attempt(nodes.third);
    nodes.now += kDuration;
    TwoNodes::attempt(nodes.fourth);  // sees it for the first time
    nodes.now += kDuration;
    TwoNodes::attempt(nodes.fourth);
    REQUIRE(nodes.fourth.leading() == Term{2});
    TwoNodes::attempt(nodes.third);
    nodes.run("update orch_lease set epoch = 1, hostname = 'three', token = 'token-three'");
    nodes.run("update active_node set hostname = 'three', token = 'token-three'");
    TwoNodes::attempt(nodes.third);
    CHECK_FALSE(nodes.third.leading());
    nodes.now += kDuration;
    TwoNodes::attempt(nodes.third);
    CHECK(nodes.third.leading() == Term{3});
  }

  TEST_CASE("its own lease in which it stopped believing is like anybody's") {
    TwoNodes nodes;
    TwoNodes::attempt(nodes.third);
    nodes.now += kDuration;
    TwoNodes::attempt(nodes.third);
    CHECK_FALSE(nodes.third.leading());
    nodes.now += kDuration;
    TwoNodes::attempt(nodes.third);
    CHECK(nodes.third.leading() == Term{2});
  }

  TEST_CASE("an orchestrator that leads is not pushed aside") {
    TwoNodes nodes;
    nodes.run(
        "update active_node set hostname = 'old', token = 'orchestrator', "
        "last_seen_active = datetime('now')");
    TwoNodes::attempt(nodes.first);
    CHECK_FALSE(nodes.first.leading());
    nodes.run("update active_node set last_seen_active = datetime('now', '-10 seconds')");
    TwoNodes::attempt(nodes.first);
    CHECK(nodes.first.leading() == Term{1});
    CHECK(nodes.value("select hostname from active_node") == "one");
  }
}

}  // namespace orch::ha
