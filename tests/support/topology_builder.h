#pragma once

#include <string>

#include "core/model/instance.h"

// Short ways to say what a server is. Server 1 is "db1:3306" with the server id 1, and so on.
namespace orch::test {

inline InstanceKey db(int number) {
  return {"db" + std::to_string(number), 3306};
}

inline std::string uuid(int number) {
  const std::string digits = std::to_string(number);
  return "00000000-0000-0000-0000-" + std::string(12 - digits.size(), '0') + digits;
}

/// "00000000-...-1:1-100": transactions of server 1, unless another is named.
inline std::string gtids(const std::string& intervals, int server = 1) {
  return uuid(server) + ':' + intervals;
}

inline Instance any_server(int number, const std::string& version) {
  Instance instance;
  instance.key = db(number);
  instance.server.id = static_cast<std::uint32_t>(number);
  instance.server.version = version;
  instance.server.read_only = true;
  instance.server.log_bin = true;
  instance.server.log_replica_updates = true;
  instance.server.binlog_format = "ROW";
  instance.server.binlog = {"bin.000001", 1000, BinlogType::Binary};
  instance.freshness.is_last_check_valid = true;
  instance.freshness.is_recently_checked = true;
  return instance;
}

/// A MySQL server with GTIDs that follows nobody.
inline Instance mysql(int number, const std::string& executed) {
  Instance instance = any_server(number, "8.4.3");
  instance.server.uuid = uuid(number);
  instance.gtid.mode = "ON";
  instance.gtid.supports_oracle = true;
  instance.gtid.executed = executed;
  return instance;
}

/// A MariaDB server that follows nobody; `position` is all that it has executed.
inline Instance mariadb(int number, const std::string& position) {
  Instance instance = any_server(number, "10.11.6-MariaDB-log");
  instance.gtid.mariadb_binlog_state = position;
  instance.gtid.mariadb_slave_pos = position;
  return instance;
}

inline Instance writable(Instance instance) {
  instance.server.read_only = false;
  return instance;
}

/// It follows that server by GTID, both threads run, and `received` is what it got ("" = what it
/// has executed).
inline Instance following(Instance instance, int source, const std::string& received = "") {
  Replication& replication = instance.replication;
  replication.configured = true;
  replication.source = db(source);
  replication.channels = 1;
  replication.io_state = replication.sql_state = ThreadState::Running;
  replication.io_running = replication.sql_running = true;
  replication.read = replication.exec = {"bin.000001", 1000, BinlogType::Binary};
  replication.seconds_behind = std::chrono::seconds(0);
  replication.lag = std::chrono::seconds(0);
  if (is_mariadb(instance)) {
    instance.gtid.uses_mariadb = true;
    replication.gtid_io_pos = received.empty() ? instance.gtid.mariadb_slave_pos : received;
  } else {
    instance.gtid.uses_oracle = true;
    replication.retrieved_gtid_set = received.empty() ? instance.gtid.executed : received;
  }
  return instance;
}

/// Without GTID: it has executed that much of its source's log.
inline Instance by_coordinates(int number, int source, std::int64_t place) {
  Instance instance = following(mysql(number, ""), source);
  instance.gtid = {};
  instance.gtid.mode = "OFF";
  instance.replication.read = instance.replication.exec = {"bin.000001", place, BinlogType::Binary};
  return instance;
}

/// MaxScale as a binlog server, which has fetched that much of its source's log.
inline Instance binlog_server(int number, int source, std::int64_t place) {
  Instance instance = by_coordinates(number, source, place);
  instance.server.version = "2.4.11-maxscale";
  instance.server.binlog_server = true;
  instance.server.binlog_format = "INHERIT";
  instance.server.binlog = {};
  return instance;
}

/// Its source is gone.
inline Instance cut_off(Instance instance) {
  instance.replication.io_state = ThreadState::Other;
  instance.replication.io_running = false;
  instance.replication.last_io_error = "error reconnecting to master";
  return instance;
}

inline Instance unseen(Instance instance) {
  instance.freshness.is_last_check_valid = false;
  return instance;
}

}  // namespace orch::test
