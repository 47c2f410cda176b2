#pragma once

#include <string>
#include <vector>

#include "cmd/command/command.h"
#include "core/base/result.h"

namespace orch::cmd {

/// orchestrator's flags, as typed.
struct LegacyFlags {
  std::string config{};
  std::string command{};      ///< -c
  std::string instance{};     ///< -i
  std::string destination{};  ///< -d, or its synonym -s
  std::string owner{};
  std::string reason{};
  std::string duration{};
  std::string pattern{};
  std::string alias{};
  std::string pool{};
  std::string hostname{};
  std::string binlog{};
  std::string statement{};
  std::string promotion_rule{"prefer"};
  std::string tag{};
  std::string synonym_destination{};  ///< -s
  std::string api{};                  ///< not orchestrator's, as is the next
  bool direct{false};
  bool strict{false};
  bool strict_config{false};
  bool discovery{true};
  bool grab_election{false};
  bool noop{false};
  bool skip_binlog_search{false};
  bool skip_unresolve{false};
  bool skip_unresolve_check{false};
  bool skip_continuous_registration{false};
  bool enable_database_update{false};
  bool ignore_raft_setup{false};
  bool quiet{false};
  bool verbose{false};
  bool debug{false};
  bool stack{false};
  bool version{false};
  bool help{false};                  ///< -h, -help
  std::vector<std::string> words{};  ///< from the first word that is no flag on
};

/// Reads flags as orchestrator does: one or two dashes, `-x value` or `-x=value`, booleans only
/// with '=', the last of a repeated flag wins, parsing stops at the first other word or "--".
/// Errors: InvalidInput with the contract's text ("flag provided but not defined: -x").
Result<LegacyFlags> parse_legacy_flags(const std::vector<std::string>& arguments);

/// The flag list that -h prints.
std::string legacy_usage();

/// Runs orchestrator's command line. Results to stdout, log lines to stderr; returns the exit code.
int run_legacy(const std::vector<std::string>& arguments);

/// Whether `arguments` are meant for orchestrator's command line: started as `orchestrator`, or
/// with -c.
bool is_legacy(std::string_view program, const std::vector<std::string>& arguments);

}  // namespace orch::cmd
