#pragma once

#include <map>
#include <optional>
#include <string>

#include "core/model/instance.h"

namespace orch {

/// Since when a server's binary log has ended at one place.
struct StandStill {
  BinlogCoordinates at{};
  std::optional<TimePoint> since{};
};

/// A lock on a server, by an operation or by a person.
struct MaintenanceMark {
  std::string owner{};
  std::string reason{};
};

/// What people call a cluster.
struct ClusterNames {
  std::string alias{};
  std::string domain{};
};

/// What analysis needs to know besides the records of servers. Read by
/// storage/circumstances.h; all of it may be empty.
struct Circumstances {
  std::map<InstanceKey, StandStill> stand_still{};
  std::map<InstanceKey, MaintenanceMark> maintenance{};  ///< that has not ended
  std::map<InstanceKey, std::string> probe_errors{};     ///< why the latest probe went wrong
  /// How many sessions of a semi-sync master wait for an acknowledgement, where that was asked.
  std::map<InstanceKey, unsigned> semi_sync_waiting{};
  std::map<std::string, ClusterNames> clusters{};   ///< by cluster name
  std::map<std::string, std::string> resolved{};    ///< host name -> what it resolves to
  std::map<std::string, std::string> recovering{};  ///< by cluster name: what runs there, as a text
  bool recoveries_disabled{false};                  ///< the global switch
};

}  // namespace orch
