#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/change.h"
#include "core/model/examination.h"
#include "core/model/instance.h"
#include "core/model/observation.h"
#include "core/ports/event_logs.h"

namespace orch {

/// The servers that orch manages, as the executor sees them. Implemented by
/// core/mysql/live_server.h; tests use tests/support/fake_servers.h. Thread-safe.
class Servers {
 public:
  virtual ~Servers() = default;

  /// Reads the server anew. Never throws, never outlives `deadline`.
  virtual Observation probe(const InstanceKey& key, SteadyPoint deadline) = 0;

  /// Applies one change to the server that `as_probed` describes (its version, flavor and present
  /// options choose the words). Errors: Unreachable, Denied, Refused (the server said no), Broken.
  virtual Result<> apply(const Instance& as_probed, const Change& change, SteadyPoint deadline) = 0;

  /// Takes the server out of service: makes it read-only for everybody, ends the sessions of its
  /// clients, and lets no commit that still waits for an acknowledgement be confirmed to anybody.
  /// Errors: as apply(); with Error::by_server, the server is up and still takes writes.
  virtual Result<> fence(const Instance& as_probed, SteadyPoint deadline) = 0;

  /// Whether the account may change read_only there and, unless it is a replica, whether no
  /// prepared XA transaction stays that read_only would not stop; changes nothing. Errors: as
  /// apply(); Conflict, for such transactions.
  virtual Result<> check_hand_over(const Instance& as_probed, SteadyPoint deadline) = 0;

  /// User and password for replication, as the server knows them (ReplicationCredentialsQuery, or
  /// its own replication metadata). Errors: NotFound.
  virtual Result<ReplicationCredentials> replication_credentials(const Instance& as_probed,
                                                                 SteadyPoint deadline) = 0;

  /// Writes one row into that table: see probe_write(). Errors: Unreachable, when it does not end
  /// before the deadline; what the server says.
  virtual Result<> try_write(const Instance& /*as_probed*/, const std::string& /*table*/,
                             SteadyPoint /*deadline*/) {
    return {};
  }

  /// Looks at what a probe does not tell, for `orch doctor`. Errors: Unreachable, Denied, Broken;
  /// NotFound, from servers that cannot be examined.
  virtual Result<Examination> examine(const InstanceKey& key, SteadyPoint /*deadline*/) {
    return fail(ErrorKind::NotFound, to_string(key) + " cannot be examined");
  }

  /// The GTID of the transaction at which its applier stopped. Errors: as apply(); NotFound.
  virtual Result<std::string> failed_transaction(const Instance& as_probed,
                                                 SteadyPoint /*deadline*/) {
    return fail(ErrorKind::NotFound, to_string(as_probed.key) + " tells no failed transaction");
  }

  /// Writes a Pseudo-GTID entry of that name, unless the server is read-only now (false). Errors:
  /// as apply().
  virtual Result<bool> write_entry(const Instance& /*as_probed*/, const std::string& /*name*/,
                                   SteadyPoint /*deadline*/) {
    return false;
  }

  /// Opens the server's binary or relay logs, to be read until the deadline. Errors: as apply();
  /// NotFound, for a server without such logs.
  virtual Result<std::unique_ptr<EventLogs>> open_logs(const Instance& as_probed,
                                                       BinlogType /*type*/,
                                                       SteadyPoint /*deadline*/) {
    return fail(ErrorKind::NotFound, to_string(as_probed.key) + " shows no logs");
  }
};

/// Asks others for everything: for who does a few things otherwise.
class ForwardingServers : public Servers {
 public:
  explicit ForwardingServers(Servers& servers) : servers_(servers) {}

  Observation probe(const InstanceKey& key, SteadyPoint deadline) override {
    return servers_.probe(key, deadline);
  }
  Result<> apply(const Instance& as_probed, const Change& change, SteadyPoint deadline) override {
    return servers_.apply(as_probed, change, deadline);
  }
  Result<> fence(const Instance& as_probed, SteadyPoint deadline) override {
    return servers_.fence(as_probed, deadline);
  }
  Result<> check_hand_over(const Instance& as_probed, SteadyPoint deadline) override {
    return servers_.check_hand_over(as_probed, deadline);
  }
  Result<ReplicationCredentials> replication_credentials(const Instance& as_probed,
                                                         SteadyPoint deadline) override {
    return servers_.replication_credentials(as_probed, deadline);
  }
  Result<> try_write(const Instance& as_probed, const std::string& table,
                     SteadyPoint deadline) override {
    return servers_.try_write(as_probed, table, deadline);
  }
  Result<Examination> examine(const InstanceKey& key, SteadyPoint deadline) override {
    return servers_.examine(key, deadline);
  }
  Result<std::string> failed_transaction(const Instance& as_probed, SteadyPoint deadline) override {
    return servers_.failed_transaction(as_probed, deadline);
  }
  Result<bool> write_entry(const Instance& as_probed, const std::string& name,
                           SteadyPoint deadline) override {
    return servers_.write_entry(as_probed, name, deadline);
  }
  Result<std::unique_ptr<EventLogs>> open_logs(const Instance& as_probed, BinlogType type,
                                               SteadyPoint deadline) override {
    return servers_.open_logs(as_probed, type, deadline);
  }

 private:
  Servers& servers_;
};

}  // namespace orch
