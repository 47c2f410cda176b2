#include "core/execute/waiting.h"

#include <doctest/doctest.h>

#include "tests/support/fake_servers.h"
#include "tests/support/topology_builder.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

/// A replica whose receiver is told by what the time is.
class Receiving final : public ForwardingServers {
 public:
  using At = std::function<void(Replication&, std::chrono::milliseconds)>;
  Receiving(FakeServers& inner, const std::chrono::milliseconds& now, At at)
      : ForwardingServers(inner), now_(now), at_(std::move(at)) {}

  Observation probe(const InstanceKey& key, SteadyPoint deadline) override {
    Observation seen = ForwardingServers::probe(key, deadline);
    at_(seen.instance.replication, now_);
    return seen;
  }

 private:
  const std::chrono::milliseconds& now_;
  At at_;
};

struct Waited {
  Result<> result{};
  std::chrono::milliseconds time{0};
};

Waited wait_for(const Condition& condition, const Receiving::At& at) {
  Waited waited;
  FakeServers servers;
  servers.add(writable(mysql(1, gtids("1-100"))));
  servers.add(following(mysql(2, gtids("1-100")), 1));
  Receiving receiving(servers, waited.time, at);
  WholeTransactions whole(receiving);
  ExecutorSettings settings;
  settings.pace.now = [&] {
    return SteadyPoint(waited.time);
  };
  settings.pace.pause = [&](std::chrono::milliseconds time) {
    waited.time += time;
    return true;
  };
  waited.result = wait_until(db(2), WaitFor{condition, std::chrono::seconds(10), {}}, whole,
                             settings, [] { return false; });
  return waited;
}

Waited wait_for_link(const Receiving::At& at) {
  return wait_for(ReplicatesFrom{db(1)}, at);
}

void die_of_1236(Replication& replication) {
  replication.io_state = ThreadState::Stopped;
  replication.last_io_error = "Got fatal error 1236: Could not find first log file name";
}

}  // namespace

TEST_SUITE("waiting for a server") {
  TEST_CASE("a receiver that dies of what its source answers does not count as one that runs") {
    const Waited waited = wait_for_link([](Replication& replication, auto now) {
      if (now >= std::chrono::milliseconds(30)) die_of_1236(replication);
    });
    REQUIRE_FALSE(waited.result);
    CHECK(waited.result.error().kind == ErrorKind::Refused);
    CHECK(waited.result.error().message ==
          "db2:3306: its receiver stopped: Got fatal error 1236: Could not find first log file "
          "name");
  }

  TEST_CASE("a receiver that goes on running is believed within half a second") {
    const Waited waited = wait_for_link([](Replication&, auto) {});
    CHECK(waited.result);
    CHECK(waited.time <= std::chrono::milliseconds(500));
  }

  TEST_CASE("a receiver that never runs for long is waited for until the limit, and told of") {
    const Waited waited = wait_for_link([looks = 0](Replication& replication, auto) mutable {
      if (++looks % 2 == 0) replication.io_state = ThreadState::Other;
    });
    REQUIRE_FALSE(waited.result);
    CHECK(waited.result.error().kind == ErrorKind::Unreachable);
    CHECK(waited.result.error().message ==
          "db2:3306: waited 10s in vain: its receiver is not connected");
  }

  TEST_CASE("what a receiver is to bring is not waited for once it has stopped for good") {
    const Position more = *GtidSet::parse(gtids("1-150"));
    const Waited waited = wait_for(HasExecuted{more}, [](Replication& replication, auto now) {
      if (now >= std::chrono::milliseconds(30)) die_of_1236(replication);
    });
    REQUIRE_FALSE(waited.result);
    CHECK(waited.result.error().kind == ErrorKind::Refused);
    CHECK(waited.result.error().message.find("its receiver stopped: Got fatal error 1236") !=
          std::string::npos);
    CHECK(waited.time <= std::chrono::milliseconds(500));
    // It holds that already.
    CHECK(wait_for(HasExecuted{Position(*GtidSet::parse(gtids("1-100")))},
                   [](Replication& replication, auto) { die_of_1236(replication); })
              .result);
  }

  TEST_CASE("what a receiver that tries again is to bring is waited for until the limit") {
    const Position more = *GtidSet::parse(gtids("1-150"));
    const Waited waited = wait_for(HasExecuted{more}, [](Replication& replication, auto) {
      replication.io_state = ThreadState::Other;
      replication.last_io_error = "error connecting to source: Can't connect (111)";
    });
    REQUIRE_FALSE(waited.result);
    CHECK(waited.result.error().kind == ErrorKind::Unreachable);
    CHECK(waited.time >= std::chrono::seconds(10));
  }
}
