#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/analysis/circumstances.h"
#include "core/analysis/codes.h"
#include "core/model/examination.h"
#include "core/model/topology.h"
#include "core/plan/policy.h"

namespace orch {

/// Something that would make a failover or takeover fail, lose data, or take longer.
struct Finding {
  Badness badness{};
  std::string_view code{};  ///< "no-candidate"; stable
  InstanceKey server{};     ///< empty: it concerns the cluster or the configuration
  std::string what{};
  std::string remedy{};
};

/// A shell text of the configuration.
struct ConfiguredHook {
  std::string_view key{};  ///< "PreFailoverProcesses"
  std::string text{};
  bool in_background{false};  ///< it ends in `&`
};

/// What operators chose, as far as it helps or hinders recoveries of the cluster.
struct DoctorSettings {
  bool recovers_masters{false};        ///< RecoverMasterClusterFilters names the cluster
  bool recovers_intermediates{false};  ///< RecoverIntermediateMasterClusterFilters does
  bool recoveries_disabled{false};     ///< the global switch
  std::function<bool(std::string_view hostname)> ignored{};  ///< RecoveryIgnoreHostnameFilters
  bool use_super_read_only{false};
  bool has_credentials_query{false};  ///< ReplicationCredentialsQuery is set
  std::string fencing_policy{};       ///< FencingPolicy
  std::string data_loss_policy{};     ///< DataLossPolicy
  std::string shell{};                ///< ProcessesShellCommand
  std::vector<ConfiguredHook> hooks{};
  /// Whether the word names something that can be run here; may be empty: nothing is known.
  std::function<bool(std::string_view word)> is_command{};
  std::function<bool(std::string_view path)> is_file{};  ///< that can be read; likewise
};

/// A cluster as it was just read.
struct Patient {
  std::string name{};
  std::string alias{};
  /// Other clusters whose servers tell the alias that this one's do, and whether one is a server
  /// alone.
  std::string told_alias{};
  std::map<std::string, bool> rivals{};
  /// Everybody in it; those who could not be read as last known, with is_last_check_valid false.
  Topology topology{};
  std::map<InstanceKey, std::string> unreached{};  ///< and why
  std::map<InstanceKey, std::string> full{};       ///< turn clients away, and what tells it
  std::map<InstanceKey, Examination> examined{};
  std::map<InstanceKey, MaintenanceMark> maintenance{};
  /// Those in quarantine, and who took their place, as that one was just read; nothing when it does
  /// not answer.
  std::map<InstanceKey, std::optional<Instance>> quarantined{};
  Policy policy{};
  DoctorSettings settings{};
};

/// The server that a failover would replace: of those at the top the one that is writable. nullptr
/// when there is none.
[[nodiscard]] const Instance* master_of(const Patient& patient);

/// Whether a server says so of itself as it has no connection to spare: it lives.
[[nodiscard]] bool is_full(std::string_view message);

/// Everything that is found, the worst first, then by code and server.
[[nodiscard]] std::vector<Finding> diagnose(const Patient& patient);

}  // namespace orch
