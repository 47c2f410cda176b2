#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cmd/command/command.h"
#include "cmd/command/services.h"
#include "core/base/result.h"
#include "core/config/config.h"
#include "core/config/load.h"
#include "storage/node_store.h"

namespace orch::cmd {

/// "0.1.0", and the commit it was built from ("" when it is not known).
std::string_view version();
std::string_view commit();

/// What the command line says about how to run.
struct RunOptions {
  std::string config_file{};  ///< "": the default search
  std::string db_file{};      ///< "": as the configuration says
  bool strict_config{false};
  bool legacy{false};        ///< orchestrator's rules: no SQLite file of our own choosing
  bool force_update{false};  ///< --enable-database-update
  bool redeploy{false};
  bool colour{false};
  bool ignore_raft{false};   ///< use this node's backend although a group shares decisions
  bool register_node{true};  ///< write this process into node_health
};

/// The host's name, as nodes are called.
std::string this_host();

/// Verbs need no backend server: without one configured they use a SQLite file. Errors: Denied, its
/// folder cannot be made.
Result<> choose_backend(BackendSettings& backend, const RunOptions& options);

/// Reads the configuration; problems are for the caller to tell.
/// `extra_file`: one more, that wins over the others.
LoadedConfig read_config(const RunOptions& options, const std::string& extra_file = "");

/// Everything that one command needs, built in order and torn down in reverse: the only place that
/// joins configuration, backend, servers and leadership.
class Process {
 public:
  /// Opens the backend. Errors: those of doing so.
  static Result<std::unique_ptr<Process>> open(const Command& command, Config config,
                                               const RunOptions& options, Progress& progress);
  virtual ~Process() = default;
  [[nodiscard]] virtual const Config& config() const = 0;
  /// Services that may run on this backend, those heard of last first.
  [[nodiscard]] virtual Result<std::vector<storage::Node>> serving() const = 0;
  /// Where nodes of the raft group answer, as far as this backend has heard and can tell.
  [[nodiscard]] virtual std::vector<std::string> group_urls() const = 0;
  /// To be called before services(). Errors: the backend's and those of the probe's settings.
  virtual Result<> get_ready() = 0;
  [[nodiscard]] virtual Services& services() = 0;
};

}  // namespace orch::cmd
