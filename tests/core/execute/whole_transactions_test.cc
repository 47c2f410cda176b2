// A replica without GTID is not said to have received what came in part.

#include "core/execute/whole_transactions.h"

#include <doctest/doctest.h>

#include "tests/support/fake_servers.h"
#include "tests/support/topology_builder.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

/// Receives no more, and is at 1000 of the 1500 that it received; nobody applies.
Instance standing_replica() {
  Instance instance = by_coordinates(2, 1, 1000);
  instance.replication.read.log_pos = 1500;
  instance.replication.relay = {"relay.000002", 300, BinlogType::Relay};
  instance.replication.io_state = instance.replication.sql_state = ThreadState::Stopped;
  return instance;
}

Replication seen(const Instance& instance, std::optional<std::int64_t> inside) {
  FakeServers servers;
  servers.add(instance);
  if (inside) servers.ends_inside[instance.key] = {"bin.000001", *inside, BinlogType::Binary};
  WholeTransactions reader(servers);
  return reader.probe(instance.key, std::chrono::steady_clock::now() + std::chrono::seconds(1))
      .instance.replication;
}

}  // namespace

TEST_SUITE("core/execute/whole_transactions") {
  TEST_CASE("what came in part is left out") {
    const Replication cut = seen(standing_replica(), 1200);
    CHECK(to_string(cut.read) == "bin.000001:1200");
    CHECK(to_string(cut.partial) == "bin.000001:1500");
    const Replication whole = seen(standing_replica(), std::nullopt);
    CHECK(to_string(whole.read) == "bin.000001:1500");
    CHECK(whole.partial.empty());
    Instance much = standing_replica();
    much.replication.read.log_pos = std::int64_t{100} << 30;
    CHECK(to_string(seen(much, 1200).read) == "bin.000001:1200");
  }

  TEST_CASE("while it may receive more, or follows by GTID, all counts") {
    Instance receiving = standing_replica();
    receiving.replication.io_state = ThreadState::Other;
    CHECK(seen(receiving, 1200).partial.empty());
    Instance by_gtid = standing_replica();
    by_gtid.gtid.supports_oracle = by_gtid.gtid.uses_oracle = true;
    CHECK(seen(by_gtid, 1200).partial.empty());
    Instance in_older_log = standing_replica();
    in_older_log.replication.exec = {"bin.000000", 900, BinlogType::Binary};
    CHECK(seen(in_older_log, 1200).partial.empty());
  }

  TEST_CASE("a place beyond which it has applied is not believed") {
    CHECK(seen(standing_replica(), 900).partial.empty());
  }
}
