#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/model/binlog_coordinates.h"
#include "core/model/instance_key.h"

namespace orch {

// What hooks are told (recovery document, 16), and how it gets into a shell text unharmed. Pure.

/// The facts of one recovery at one moment.
struct HookContext {
  std::string failure_type{};   ///< analysis code
  std::string instance_type{};  ///< master, co-master, intermediate-master, group-member
  bool is_master{false};
  bool is_co_master{false};
  std::string failure_description{};
  std::string command{};  ///< "graceful-master-takeover" and its like; "" for what is automatic
  InstanceKey failed{};
  std::string cluster{};
  std::string cluster_alias{};
  std::string cluster_domain{};
  std::int64_t replica_count{0};
  bool is_downtimed{false};
  bool auto_master_recovery{false};
  bool auto_intermediate_master_recovery{false};
  std::string orchestrator_host{};
  std::string recovery_uid{};
  std::vector<InstanceKey> replicas{};
  std::vector<InstanceKey> lost_replicas{};
  std::optional<InstanceKey> successor{};
  std::string successor_alias{};
  BinlogCoordinates successor_coordinates{};  ///< empty when not known
};

using HookVariables = std::vector<std::pair<std::string, std::string>>;

/// The ORC_* variables. A list that is too long for an environment is cut at a comma.
[[nodiscard]] HookVariables hook_environment(const HookContext& context);

/// The text with its placeholders replaced; unknown ones, and those of a successor that is not
/// known, stay as they are. No value can become shell code (REC-45), not even of a shell that the
/// hook starts: each character that a shell could act on is a `_` there, a space too, except those
/// of the description, which is orch's own words. The ORC_* variables hold the exact values.
[[nodiscard]] std::string hook_command(std::string_view text, const HookContext& context);

/// The text without blanks at its ends, and without comments of the shell behind its last command.
[[nodiscard]] std::string_view without_last_comment(std::string_view text);

/// Whether it ends in `&`: what it starts goes on by itself.
[[nodiscard]] bool ends_in_ampersand(std::string_view text);

}  // namespace orch
