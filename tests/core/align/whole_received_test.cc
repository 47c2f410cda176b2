// Where the transactions end that a replica has received as a whole.

#include "core/align/whole_received.h"

#include <doctest/doctest.h>

#include "tests/support/topology_builder.h"

using namespace orch;        // NOLINT(google-build-using-namespace)
using namespace orch::test;  // NOLINT(google-build-using-namespace)

namespace {

BinlogEvent event(std::int64_t pos, const std::string& type, std::int64_t end_pos,
                  const std::string& info = "") {
  return {{"relay.000002", pos, BinlogType::Relay}, end_pos, type, 1, info};
}

BinlogEvent in_next_log(BinlogEvent event) {
  event.place.log_file = "relay.000003";
  return event;
}

/// Relay logs, which are shown three events at a time.
class RelayLogs final : public EventLogs {
 public:
  explicit RelayLogs(std::vector<BinlogEvent> events) : events_(std::move(events)) {}
  [[nodiscard]] const BinlogCoordinates& end() const override { return end_; }
  [[nodiscard]] const std::vector<std::string>& files() const override { return files_; }
  Result<std::vector<BinlogEvent>> page(const std::string& file, const ReadSoFar& after) override {
    std::vector<BinlogEvent> found;
    bool known = file == "relay.000002";
    for (const BinlogEvent& one : events_) {
      if (one.place.log_file != file) continue;
      known = true;
      if (one.place.log_pos >= after.next_pos && found.size() < 3) found.push_back(one);
    }
    if (!known) return fail(Error{ErrorKind::Refused, "no such log", true});
    return found;
  }

 private:
  std::vector<BinlogEvent> events_;
  BinlogCoordinates end_{};
  std::vector<std::string> files_{};
};

const std::vector<BinlogEvent> kWhole = {
    event(300, "Anonymous_Gtid", 1050, "SET ..."), event(350, "Query", 1100, "BEGIN"),
    event(400, "Write_rows", 1150, "table_id: 1"), event(450, "Xid", 1200, "COMMIT /* xid=1 */")};

std::vector<BinlogEvent> whole_and(const std::vector<BinlogEvent>& more) {
  std::vector<BinlogEvent> all = kWhole;
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

/// "bin.000001:1200", or what went wrong. The applier is at 1000 in the source's log, at 300 in the
/// relay log; the receiver has stopped at 1500.
std::string whole(std::vector<BinlogEvent> events) {
  Replication link = by_coordinates(2, 1, 1000).replication;
  link.read.log_pos = 1500;
  link.relay = {"relay.000002", 300, BinlogType::Relay};
  RelayLogs logs(std::move(events));
  const auto found = whole_received(logs, link);
  return found ? to_string(*found) : found.error().message;
}

}  // namespace

TEST_SUITE("core/align/whole_received") {
  TEST_CASE("a replica has whole transactions up to where one begins that does not end") {
    CHECK(whole(whole_and({event(500, "Gtid", 1250, "BEGIN GTID 0-1-7"),
                           event(550, "Write_rows", 1500, "table_id: 1")})) == "bin.000001:1200");
    CHECK(whole({event(300, "Gtid", 1050, "BEGIN GTID 0-1-7"),
                 event(350, "Write_rows", 1500, "table_id: 1")}) == "bin.000001:1000");
    // MySQL without GTIDs.
    CHECK(whole(whole_and({event(500, "Anonymous_Gtid", 1250, "SET ..."),
                           event(550, "Query", 1500, "BEGIN")})) == "bin.000001:1200");
    CHECK(whole({event(300, "Anonymous_Gtid", 1500, "SET ...")}) == "bin.000001:1000");
    // MariaDB 11.4 and later.
    CHECK(whole({event(300, "Gtid", 0, "BEGIN GTID 0-1-7"),
                 event(350, "Write_rows", 0, "table_id: 1")}) == "bin.000001:1000");
  }

  TEST_CASE("what a receiver leaves out or puts in does not shift where a transaction begins") {
    const std::vector<BinlogEvent> cut = {event(500, "Gtid", 1450, "BEGIN GTID 0-1-9"),
                                          event(550, "Write_rows", 1500, "table_id: 1")};
    // Between 1200 and 1400 something was not sent, or was left out without a word.
    CHECK(whole(whole_and({event(500, "Query", 1400, "create table t (a int)"),
                           event(550, "Gtid", 1450, "BEGIN GTID 0-1-9"),
                           event(600, "Write_rows", 1500, "table_id: 1")})) == "bin.000001:1400");
    // Up to 1400 it was left out, and noted.
    std::vector<BinlogEvent> noted = {event(300, "Rotate", 0, "bin.000001;pos=1400")};
    noted.insert(noted.end(), cut.begin(), cut.end());
    CHECK(whole(noted) == "bin.000001:1400");
    // A head of a log within it, with the size of its own as its end.
    CHECK(whole(whole_and({event(500, "Format_desc", 256, "Server ver: 8.4"),
                           event(600, "Gtid", 1450, "BEGIN GTID 0-1-9"),
                           event(650, "Write_rows", 1500, "table_id: 1")})) == "bin.000001:1200");
    noted[0].info = "bin.000002;pos=4";
    CHECK(whole(noted).find("it leads to bin.000002") != std::string::npos);
    CHECK(whole(whole_and({event(500, "Query", 0, "create table t (a int)"), cut[0], cut[1]}))
              .find("does not say where it ends") != std::string::npos);
  }

  TEST_CASE("all that was received counts where it ends with a transaction") {
    CHECK(whole(kWhole) == "bin.000001:1500");
    CHECK(whole({}) == "bin.000001:1500");
  }

  TEST_CASE("where a relay log was full, what it holds goes on in the next one") {
    const BinlogEvent end_of_log = event(480, "Rotate", 512, "relay.000003;pos=4");
    const BinlogEvent head = in_next_log(event(4, "Format_desc", 256, "Server ver: 10.11"));
    const BinlogEvent begins = event(460, "Gtid", 1250, "BEGIN GTID 0-1-7");
    const BinlogEvent last = in_next_log(event(300, "Write_rows", 1500, "table_id: 1"));
    const BinlogEvent commit = in_next_log(event(300, "Xid", 1500, "COMMIT /* xid=2 */"));
    const BinlogEvent head_of_source =
        in_next_log(event(256, "Format_desc", 0, "Server ver: 10.6"));
    CHECK(whole(whole_and({begins, end_of_log, head, head_of_source, last})) == "bin.000001:1200");
    CHECK(whole(whole_and({begins, end_of_log, head, commit})) == "bin.000001:1500");
    // Nothing came any more after the new one was begun.
    const BinlogEvent all = event(460, "Gtid", 1500, "BEGIN GTID 0-1-7");
    CHECK(whole(whole_and({all, end_of_log, head, head_of_source})) == "bin.000001:1200");
    CHECK(whole(whole_and({begins, end_of_log})).find("not there") != std::string::npos);
    // It begins in the next one.
    const BinlogEvent begins_there = in_next_log(event(260, "Gtid", 1250, "BEGIN GTID 0-1-7"));
    CHECK(whole(whole_and({end_of_log, head, begins_there, last})) == "bin.000001:1200");
    CHECK(whole(whole_and({head, begins_there, last})) == "bin.000001:1200");
    CHECK(whole(whole_and({end_of_log})).find("not there") != std::string::npos);
    // A new log that nothing led to: the receiver was started again.
    CHECK(whole(whole_and({begins, head, last})).find("Format_desc is in between") !=
          std::string::npos);
  }

  TEST_CASE("nothing is taken for cut off whose end may be elsewhere") {
    const std::vector<BinlogEvent> begun = {event(300, "Gtid", 1050, "BEGIN GTID 0-1-7"),
                                            event(350, "Write_rows", 1500, "table_id: 1")};
    CHECK(whole({begun[0], event(350, "Write_rows", 1400, "table_id: 1")})
              .find("does not end where the receiver stopped") != std::string::npos);
    CHECK(whole({begun[0], event(350, "Rotate", 0, "bin.000001;pos=1450"), begun[1]})
              .find("Rotate is in between") != std::string::npos);
  }
}
