#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/pattern.h"
#include "core/base/result.h"
#include "core/config/settings.h"

namespace orch {

/// How a server says what it is called (MySQLHostnameResolveMethod).
enum class OwnName { AsAsked, Hostname, ReportHost };

/// The configuration's say in what is asked and how it is read, with its expressions compiled.
struct ProbeRules {
  OwnName own_name{OwnName::Hostname};
  bool check_max_scale{false};
  bool registered_replicas_only{false};  ///< DiscoverByShowSlaveHosts, where that finds any
  bool has_credentials_query{false};
  bool log_filters{true};
  std::vector<Pattern> ignored_users{};
  HostFilter ignored_replicas{};
  std::optional<Pattern> data_center{};
  std::optional<Pattern> region{};
  std::optional<Pattern> physical_environment{};
  ClassificationSettings queries{};  ///< the Detect... and lag queries
  std::string detect_pseudo_gtid_query{};

  /// Errors: InvalidInput, names the setting.
  static Result<ProbeRules> compile(const ConnectionSettings& connection,
                                    const DiscoverySettings& discovery,
                                    const ClassificationSettings& classification);

  [[nodiscard]] bool ignores_user(std::string_view user) const;
};

}  // namespace orch
