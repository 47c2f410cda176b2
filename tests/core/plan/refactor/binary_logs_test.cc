#include "core/plan/refactor/binary_logs.h"

#include <doctest/doctest.h>

#include "tests/support/recovery_bench.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

TEST_SUITE("core/plan/refactor/binary_logs") {
  TEST_CASE("binary logs: what is needed is not purged, what is far is not flushed (REF-6)") {
    FakeServers servers;
    build_mysql(servers);
    const auto purge = [&](const std::string& log) {
      return said(run_plan(servers, purge_binary_logs(db(1), log)));
    };
    CHECK(mentions(purge("bin.000002"), "has no binary log bin.000002 yet"));
    servers.set(db(1), [](Instance& it) { it.server.binlog.log_file = "bin.000010"; });
    CHECK(purge("bin.000002") ==
          "Unsafe to purge binary logs on db1:3306 up to bin.000002 because replica db2:3306 has "
          "only applied up to bin.000001:1000");
    CHECK(purge("bin.000001") == "");
    CHECK(mentions(purge("bin"), "is no name of a binary log"));
    CHECK(said(run_plan(servers, purge_binary_logs(db(1), "bin.000002", true))) == "");
    CHECK(mentions(purge("latest"), "up to bin.000010 because replica db2:3306 has only applied"));
    for (const int replica : {2, 3, 4}) {
      servers.set(db(replica), [](Instance& it) { it.replication.exec.log_file = "bin.000010"; });
    }
    CHECK(purge("latest") == "");
    CHECK(servers.changes().back() == "db1:3306 purge binary logs before bin.000010");
    const auto flush = [&](const std::string& log) {
      return said(run_plan(servers, flush_binary_logs(db(1), log)));
    };
    CHECK(flush("bin.000009") ==
          "FlushBinaryLogsTo: target log file bin.000009 is smaller than current log file "
          "bin.000010");
    CHECK(mentions(flush("other.000011"), "is not one of this server"));
    CHECK(mentions(flush("bin.999999"), "files away"));
    CHECK(flush("bin.000012") == "");
    CHECK(servers.changes().back() == "db1:3306 flush binary logs 2 times");
  }
}
