#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/config.h"
#include "core/config/credentials.h"
#include "core/config/problem.h"

namespace orch {

/// The files read when none is named, those that exist, in this order.
constexpr std::array<std::string_view, 3> kDefaultConfigFiles{
    "/etc/orchestrator.conf.json", "conf/orchestrator.conf.json", "orchestrator.conf.json"};

/// The process's own environment.
std::optional<std::string> process_environment(const std::string& name);

struct LoadOptions {
  /// Read instead of the default files, in order; each must exist.
  std::vector<std::string> files{};
  /// What the files are read on top of: the defaults, or the current state for a reload.
  Config start{};
  bool strict{false};  ///< unknown keys are errors
  Environment environment{process_environment};
};

struct ConfigOrigin {
  std::size_t file{0};  ///< position in LoadedConfig::files, from 1; 0: no file set the key
  int line{0};          ///< 0: unknown
};

struct LoadedConfig {
  Config config{};
  std::vector<std::string> files{};       ///< those that were read, in order
  std::vector<ConfigProblem> problems{};  ///< all of them; with an error, do not use `config`
  /// Where each key was set last, in the order of config_keys(); shorter when none was.
  std::vector<ConfigOrigin> origins{};
};

/// Gives a problem that names a key the file and line that set it.
void locate(ConfigProblem& problem, const LoadedConfig& loaded);

/// Reads the files, settles what they say and checks it. Goes on after a problem, so that all are
/// reported at once.
LoadedConfig load_config(const LoadOptions& options);

/// The same for a text in memory, as if it were the only file, of that name. The name's ending
/// `.yaml`, `.yml` or `.json` tells the format; otherwise JSON starts with '{'.
LoadedConfig load_config_text(std::string_view text, const std::string& name,
                              const LoadOptions& options);

}  // namespace orch
