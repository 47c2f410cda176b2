#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/binlog_event.h"

namespace orch {

/// How far a log was read.
struct ReadSoFar {
  std::size_t events{0};
  /// Where the next event of a binary log begins; 0 = at its start. Of a relay log, where to begin
  /// when no event was read.
  std::int64_t next_pos{0};
};

/// The binary or the relay logs of one server, to be read. Implemented by core/mysql/server_logs.h;
/// tests use tests/support/scripted_logs.h. One thread at a time.
class EventLogs {
 public:
  virtual ~EventLogs() = default;

  /// Binary logs: where the last one ends. Relay logs: up to where all is applied. As it was when
  /// the logs were opened; nothing behind it is to be looked at.
  [[nodiscard]] virtual const BinlogCoordinates& end() const = 0;
  /// Names of the logs, oldest first, the one of end() last.
  [[nodiscard]] virtual const std::vector<std::string>& files() const = 0;
  /// What follows in that log, in order; nothing: the log has no more. Errors: those of the server;
  /// Broken, for an answer that makes no sense.
  virtual Result<std::vector<BinlogEvent>> page(const std::string& file,
                                                const ReadSoFar& after) = 0;
};

}  // namespace orch
