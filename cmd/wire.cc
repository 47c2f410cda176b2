#include "cmd/wire.h"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

#include "cmd/version.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/execute/live_servers.h"
#include "core/mysql/connection.h"
#include "core/probe/prober.h"
#include "ha/standalone.h"
#include "storage/hostname_store.h"
#include "storage/node_store.h"
#include "storage/open.h"
#include "storage/process_token.h"

namespace orch::cmd {

namespace {

std::string this_host() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

/// Where verbs keep what they know when no configuration says otherwise.
std::filesystem::path default_database() {
  if (::geteuid() == 0) return "/var/lib/orch/orch.db";
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state == '/') {
    return std::filesystem::path(state) / "orch/orch.db";
  }
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home == nullptr ? "." : home) / ".local/state/orch/orch.db";
}

/// Verbs need no backend server: without one configured they use a SQLite file.
Result<> choose_backend(BackendSettings& backend, const RunOptions& options) {
  if (!options.db_file.empty()) {
    backend.backend_db = "sqlite";
    backend.sqlite3_data_file = options.db_file;
    return {};
  }
  const bool sqlite = backend.backend_db.find("sqlite") != std::string::npos;
  if (options.legacy || sqlite || !backend.mysql_orchestrator_host.empty()) return {};
  backend.backend_db = "sqlite";
  if (!backend.sqlite3_data_file.empty()) return {};
  const std::filesystem::path file = default_database();
  std::error_code problem;
  std::filesystem::create_directories(file.parent_path(), problem);
  if (problem) {
    return fail(ErrorKind::Denied,
                fmt::format("cannot make the folder {}: {}; name a backend file with --db FILE",
                            file.parent_path().string(), problem.message()));
  }
  backend.sqlite3_data_file = file.string();
  return {};
}

/// The answers of table hostname_resolve, for the probe.
std::function<std::optional<std::string>(const std::string&)> stored_names(
    storage::Database& database, const Clock& clock) {
  return [&database, &clock](const std::string& hostname) -> std::optional<std::string> {
    auto found = storage::HostnameStore(database, clock).find_resolved(hostname);
    if (found) return *std::move(found);
    log::error("{}", found.error().message);
    return std::nullopt;
  };
}

/// MySQL servers, with everything that talking to them needs.
class Fleet {
 public:
  static Result<std::unique_ptr<Fleet>> open(const Config& config, storage::Database& database,
                                             const Clock& clock) {
    ORCH_ASSIGN(Prober prober, Prober::create({.connection = config.connection,
                                               .discovery = config.discovery,
                                               .classification = config.classification,
                                               .mysql_connect_timeout =
                                                   config.backend.mysql_connect_timeout_seconds,
                                               .stored_name = stored_names(database, clock)}));
    return std::unique_ptr<Fleet>(new Fleet(std::move(prober), config));
  }
  [[nodiscard]] Servers& servers() { return servers_; }

 private:
  Fleet(Prober prober, const Config& config)
      : prober_(std::move(prober)),
        servers_(prober_, {.connection = config.connection,
                           .mysql_connect_timeout = config.backend.mysql_connect_timeout_seconds}) {
  }

  MySqlLibrary library_;
  Prober prober_;
  LiveServers servers_;
};

class LocalProcess final : public Process {
 public:
  explicit LocalProcess(Config config) : config_(std::move(config)) {}

  Result<> build(const Command& command, const RunOptions& options, Progress& progress) {
    storage::NodeIdentity self{.hostname = this_host()};
    if (command.needs != Needs::Nothing) {
      ORCH_TRY(choose_backend(config_.backend, options));
      ORCH_ASSIGN(database_, storage::open_backend(config_.backend,
                                                   {.version = fmt::format("orch-{}", version()),
                                                    .redeploy = options.redeploy,
                                                    .force_update = options.force_update},
                                                   clock_));
    }
    if (database_ && (command.access == Access::Write || options.legacy)) {
      ORCH_ASSIGN(self.token, storage::make_process_token());
      if (options.register_node) {
        ORCH_TRY(storage::NodeStore(*database_, clock_)
                     .save({.identity = self,
                            .mode = "CLIMode",
                            .command = std::string(command.name),
                            .app_version = std::string(version())}));
      }
    }
    if (command.needs == Needs::Servers) {
      ORCH_ASSIGN(fleet_, Fleet::open(config_, *database_, clock_));
    }
    services_ =
        std::make_unique<Services>(Services::Parts{.config = config_,
                                                   .clock = clock_,
                                                   .database = database_.get(),
                                                   .servers = fleet_ ? &fleet_->servers() : nullptr,
                                                   .leadership = leadership_,
                                                   .progress = progress,
                                                   .self = std::move(self),
                                                   .colour = options.colour});
    return {};
  }

  [[nodiscard]] Services& services() override { return *services_; }

 private:
  Config config_;
  SystemClock clock_;
  ha::Standalone leadership_;
  std::unique_ptr<storage::Database> database_;
  std::unique_ptr<Fleet> fleet_;
  std::unique_ptr<Services> services_;
};

}  // namespace

std::string_view version() {
  return ORCH_VERSION;
}
std::string_view commit() {
  return ORCH_COMMIT;
}

LoadedConfig read_config(const RunOptions& options) {
  LoadOptions load{.strict = options.strict_config};
  if (!options.config_file.empty()) load.files = {options.config_file};
  return load_config(load);
}

Result<std::unique_ptr<Process>> Process::open(const Command& command, Config config,
                                               const RunOptions& options, Progress& progress) {
  auto process = std::make_unique<LocalProcess>(std::move(config));
  ORCH_TRY(process->build(command, options, progress));
  return std::unique_ptr<Process>(std::move(process));
}

}  // namespace orch::cmd
