#include "cmd/command/operation.h"

#include <doctest/doctest.h>

#include "cmd/command/observe.h"
#include "tests/cmd/command/command_fixture.h"
#include "tests/support/fake_servers.h"
#include "tests/support/topology_builder.h"

namespace orch::cmd {

namespace {

using test::db;

/// Tells its place in the source's log later than what it has executed, as MySQL's appliers do.
class Late final : public ForwardingServers {
 public:
  using ForwardingServers::ForwardingServers;

  Observation probe(const InstanceKey& key, SteadyPoint deadline) override {
    Observation seen = ForwardingServers::probe(key, deadline);
    if (key == db(2) && late > 0) {
      --late;
      seen.instance.replication.exec.log_pos = 158;
    }
    return seen;
  }
  int late{0};
};

struct LateFixture : CommandFixture {
  LateFixture() {
    living.add(test::writable(test::mysql(1, test::gtids("1-9"))));
    Instance replica = test::following(test::mysql(2, test::gtids("1-9")), 1);
    replica.gtid.mode = "ON";
    replica.replication.read = replica.replication.exec = {"bin.000001", 1498, BinlogType::Binary};
    living.add(replica);
    servers = &slow;
    for (int number = 1; number <= 2; ++number)
      REQUIRE(probe_and_record(services(), db(number)));
    living.kill(db(1));
  }
  bool rolls_back(int looks) {
    slow.late = looks;
    const std::string text = verb("failover", {.instance = "db1", .dry_run = true}).text;
    CHECK(text.find("db2:3306: make writable") != std::string::npos);
    return text.find("roll back what it has received in part") != std::string::npos;
  }

  test::FakeServers living;
  Late slow{living};
};

}  // namespace

TEST_SUITE("cmd/command/operation") {
  TEST_CASE_FIXTURE(LateFixture, "an applier that tells its place late is not shown to roll back") {
    CHECK_FALSE(rolls_back(0));
    CHECK_FALSE(rolls_back(1));
    CHECK(rolls_back(100));
  }
}

}  // namespace orch::cmd
