#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/pattern.h"
#include "core/model/instance.h"

namespace orch {

/// How clusters are called.
struct SettleRules {
  /// ClusterNameToAlias: the first expression that matches the cluster name gives the alias, in
  /// the file's order (DISC-17).
  std::vector<std::pair<Pattern, std::string>> cluster_name_to_alias{};
  /// cluster_alias_override by cluster name; may be empty.
  std::function<std::optional<std::string>(const std::string& cluster_name)> alias_override{};
  /// AutoPseudoGTID: whether entries were written there of late; may be empty.
  std::function<bool(const std::string& cluster_name)> pseudo_gtid_injected{};
};

/// What one server's record says only together with its source's (for a group secondary: the
/// group primary's) record: cluster name, depth, co-master, ancestry, errant GTIDs, alias
/// (discovery document, 11). `source` is null when nobody knows it; `detected_alias` is the answer
/// of DetectClusterAliasQuery.
void settle(Instance& instance, const Instance* source, const std::string& detected_alias,
            const SettleRules& rules);

/// One that has left its replication group, takes no writes, and follows nobody else is a member of
/// it still, as its record says, in state OFFLINE: the group lives without it, and may take it
/// back.
void keep_group(Instance& instance,
                const std::function<std::optional<Instance>(const InstanceKey&)>& stored);

/// The server whose record settle() wants: the source, for a group secondary the group's primary.
[[nodiscard]] std::optional<InstanceKey> settles_from(const Instance& instance);

}  // namespace orch
