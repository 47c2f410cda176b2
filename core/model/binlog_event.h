#pragma once

#include <cstdint>
#include <string>

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
};

}  // namespace orch
