#pragma once

#include <string>
#include <vector>

namespace orch {

enum class Severity { Warning, Error };

/// Something wrong with the configuration: a value, told to people, never holding a secret.
struct ConfigProblem {
  Severity severity{Severity::Error};
  std::string file{};  ///< that set the key, or lacks it; "" when none was read
  int line{0};         ///< from 1; 0: unknown
  int column{0};       ///< from 1; 0: unknown
  std::string key{};   ///< "" when the problem is not about one key
  std::string message{};
  /// Found while reading the file, as opposed to while checking what all files together say.
  bool in_reading{false};

  friend bool operator==(const ConfigProblem&, const ConfigProblem&) = default;
};

/// "FILE:LINE:COLUMN: error: KEY: message", without the parts that are unknown.
std::string format_problem(const ConfigProblem& problem);

/// An error as orchestrator words it when it refuses to start: "Cannot read config file: NAME
/// REASON", or the message alone when the settings contradict each other; what only orch refuses,
/// with file, line and key.
std::string legacy_text(const ConfigProblem& problem);

bool has_errors(const std::vector<ConfigProblem>& problems);

}  // namespace orch
