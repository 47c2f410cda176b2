#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/model/binlog_coordinates.h"

namespace orch {

/// One line of SHOW BINLOG EVENTS or SHOW RELAYLOG EVENTS.
struct BinlogEvent {
  BinlogCoordinates place{};
  /// Where the next one begins. In a relay log: in the log of the server where it was written.
  std::int64_t end_pos{0};
  std::string type{};
  std::uint32_t server_id{0};  ///< of the server where it was written
  std::string info{};
  bool packed{false};  ///< one of those that a Transaction_payload holds; see unpack_payloads()
};

/// MySQL lists the events that a Transaction_payload holds (binlog_transaction_compression) behind
/// it, all at its end. Gives them the place where it begins, and marks them. With `is_cut`, more
/// events follow in the log: a payload at the end of the list goes, as it may hold some of these.
void unpack_payloads(std::vector<BinlogEvent>& events, bool is_cut);

}  // namespace orch
