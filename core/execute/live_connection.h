#pragma once

#include <chrono>
#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/config/settings.h"
#include "core/model/instance_key.h"
#include "core/mysql/connection.h"

namespace orch {

struct LiveServerSettings {
  ConnectionSettings connection{};
  std::chrono::seconds mysql_connect_timeout{2};
  /// How long what was sent may stay unacknowledged (TCP_USER_TIMEOUT, tcp(7)): a statement that a
  /// cut network holds back must not arrive when that heals and another node leads.
  std::chrono::milliseconds flight_limit{1000};
  std::int64_t binlog_events_chunk_size{10'000};
};

/// Logs in as the topology user, to change something. Errors: those of Connection::connect.
Result<Connection> connect_to(const InstanceKey& key, const LiveServerSettings& settings,
                              SteadyPoint deadline);

/// What names the session to KILL.
Result<std::string> session_id(Connection& connection, SteadyPoint deadline);

/// Ends a session in which a statement may still be waiting, over another connection and within a
/// second. Best effort.
void end_session(const std::string& id, const InstanceKey& key, const LiveServerSettings& settings);

}  // namespace orch
