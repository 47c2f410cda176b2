#pragma once

#include <chrono>
#include <string>

#include "core/model/binlog_coordinates.h"
#include "core/model/instance_key.h"

namespace orch {

/// A replica without its delay, and how it was before.
struct Undelayed {
  InstanceKey server{};
  std::chrono::seconds delay{0};
  bool mariadb_current{false};  ///< it followed by current_pos: see Gtid
  /// MariaDB without GTID: how far it was, by its source's log and by gtid_slave_pos. Until it
  /// applies something, it tells that it is as far as its receiver.
  BinlogCoordinates exec{};
  std::string slave_pos{};
  friend bool operator==(const Undelayed&, const Undelayed&) = default;
};

}  // namespace orch
