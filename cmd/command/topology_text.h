#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/model/instance.h"
#include "core/model/instance_key.h"
#include "core/model/topology.h"

namespace orch::cmd {

/// How orchestrator draws a cluster (cli document, 8.2).
enum class TreeForm { Plain, Tabulated, Tags, NamesOnly };

struct TreeOptions {
  TreeForm form{TreeForm::Plain};
  std::chrono::seconds reasonable_lag{10};              ///< ReasonableReplicationLagSeconds
  std::chrono::seconds reasonable_maintenance_lag{20};  ///< ReasonableMaintenance...
  /// For TreeForm::Tags: "name=value" or "name", by name.
  std::map<InstanceKey, std::vector<std::string>> tags{};
};

/// The lines of orchestrator's `topology` commands. Members in any order; none gives no line.
std::vector<std::string> contract_tree(const Topology& members, const TreeOptions& options);

/// The tree for people: every root and circle, role, writability, lag, version, GTID and problems,
/// with a heading; ANSI colours when `colour`.
std::string people_tree(const std::string& cluster_name, const std::string& cluster_alias,
                        const Topology& members, const TreeOptions& options, bool colour);

}  // namespace orch::cmd
