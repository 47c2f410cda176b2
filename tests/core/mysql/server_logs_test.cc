// Where the transactions end that a replica has received as a whole.

#include "core/mysql/server_logs.h"

#include <doctest/doctest.h>

#include "tests/support/scripted_session.h"
#include "tests/support/topology_builder.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

/// Its applier is at 1000 in the source's log, 300 in its relay log; received are 500 more.
Instance replica_in_between(const std::string& channel = "") {
  Instance instance = by_coordinates(2, 1, 1000);
  instance.replication.read.log_pos = 1500;
  instance.replication.relay = {"relay.000002", 300, BinlogType::Relay};
  instance.replication.channel = channel;
  return instance;
}

using Rows = std::vector<std::vector<std::string>>;

const Rows kWhole = {{"relay.000002", "300", "Anonymous_Gtid", "1", "1050", "SET ..."},
                     {"relay.000002", "350", "Query", "1", "1100", "BEGIN"},
                     {"relay.000002", "400", "Write_rows", "1", "1150", "table_id: 1"},
                     {"relay.000002", "450", "Xid", "1", "1200", "COMMIT /* xid=1 */"}};

Rows with(Rows rows, const Rows& more) {
  rows.insert(rows.end(), more.begin(), more.end());
  return rows;
}

/// "bin.000001:1200", or what went wrong.
std::string whole(const Rows& rows, bool more_logs = false,
                  const Instance& instance = replica_in_between()) {
  auto session = std::make_unique<ScriptedSession>("9.7.0");
  const std::vector<std::string> columns = {"Log_name",  "Pos",         "Event_type",
                                            "Server_id", "End_log_pos", "Info"};
  session->answer("SHOW RELAYLOG EVENTS IN 'relay.000002' FROM 300 LIMIT ", table(columns, rows));
  if (more_logs) {
    session->answer("SHOW RELAYLOG EVENTS IN 'relay.000003' LIMIT 1", table(columns, {}));
  } else {
    session->refuse("SHOW RELAYLOG EVENTS IN 'relay.000003' LIMIT 1", 1220);
  }
  const auto found = whole_received(std::move(session), instance,
                                    std::chrono::steady_clock::now() + std::chrono::seconds(5));
  return found ? to_string(*found) : found.error().message;
}

}  // namespace

TEST_SUITE("core/mysql/server_logs") {
  TEST_CASE("a replica has whole transactions up to where one begins that does not end") {
    CHECK(whole(with(kWhole, {{"relay.000002", "500", "Gtid", "1", "1250", "BEGIN GTID 0-1-7"},
                              {"relay.000002", "550", "Write_rows", "1", "1500",
                               "table_id: 1"}})) == "bin.000001:1200");
    CHECK(whole({{"relay.000002", "300", "Gtid", "1", "1050", "BEGIN GTID 0-1-7"},
                 {"relay.000002", "350", "Write_rows", "1", "1500", "table_id: 1"}}) ==
          "bin.000001:1000");
    // MySQL without GTIDs.
    const Rows begun = {{"relay.000002", "500", "Anonymous_Gtid", "1", "1250", "SET ..."},
                        {"relay.000002", "550", "Query", "1", "1500", "BEGIN"}};
    CHECK(whole(with(kWhole, begun)) == "bin.000001:1200");
    CHECK(whole({{"relay.000002", "300", "Anonymous_Gtid", "1", "1500", "SET ..."}}) ==
          "bin.000001:1000");
    // MariaDB 11.4 and later.
    CHECK(whole({{"relay.000002", "300", "Gtid", "1", "0", "BEGIN GTID 0-1-7"},
                 {"relay.000002", "350", "Write_rows", "1", "0", "table_id: 1"}}) ==
          "bin.000001:1000");
  }

  TEST_CASE("all that was received counts where it ends with a transaction") {
    CHECK(whole(kWhole) == "bin.000001:1500");
    CHECK(whole({}) == "bin.000001:1500");
  }

  TEST_CASE("nothing is taken for cut off whose end may be elsewhere") {
    const Rows begun = {{"relay.000002", "300", "Gtid", "1", "1050", "BEGIN GTID 0-1-7"},
                        {"relay.000002", "350", "Write_rows", "1", "1500", "table_id: 1"}};
    CHECK(whole(begun, true).find("it goes on in relay.000003") != std::string::npos);
    Rows short_of_it = begun;
    short_of_it.back()[4] = "1400";
    CHECK(whole(short_of_it).find("does not end where the receiver stopped") != std::string::npos);
    CHECK(whole(with({{"relay.000002", "300", "Rotate", "1", "0", "bin.000002;pos=4"}}, begun))
              .find("Rotate is in between") != std::string::npos);
  }
}
