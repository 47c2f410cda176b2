#include "core/model/binlog_event.h"

#include <doctest/doctest.h>

namespace orch {

namespace {

BinlogEvent listed(std::int64_t pos, std::int64_t end, std::string type) {
  return {{"bin.000001", pos, BinlogType::Binary}, end, std::move(type), 1, ""};
}

std::vector<BinlogEvent> as_the_server_lists_them() {
  return {listed(692, 771, "Gtid"),    listed(771, 993, "Transaction_payload"),
          listed(993, 993, "Query"),   listed(993, 993, "Table_map"),
          listed(993, 993, "Xid"),     listed(993, 1070, "Gtid"),
          listed(1070, 1175, "Query"), listed(1175, 1300, "Transaction_payload"),
          listed(1300, 1300, "Query")};
}

}  // namespace

TEST_SUITE("core/model/binlog_event") {
  TEST_CASE("what a payload holds stands where that begins") {
    std::vector<BinlogEvent> events = as_the_server_lists_them();
    unpack_payloads(events, false);
    REQUIRE(events.size() == 9);
    for (const std::size_t held : {2U, 3U, 4U}) {
      CHECK(events[held].place.log_pos == 771);
      CHECK(events[held].end_pos == 993);
      CHECK(events[held].packed);
    }
    CHECK(events[5].place.log_pos == 993);
    CHECK_FALSE(events[5].packed);
    CHECK(events[8].place.log_pos == 1175);
  }

  TEST_CASE("a payload that may go on is left for the next page") {
    std::vector<BinlogEvent> events = as_the_server_lists_them();
    unpack_payloads(events, true);
    REQUIRE(events.size() == 7);
    CHECK(events.back().end_pos == 1175);
    events.resize(6);
    unpack_payloads(events, true);
    CHECK(events.size() == 6);  // it ends within the list
  }
}

}  // namespace orch
