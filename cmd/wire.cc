#include "cmd/wire.h"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

#include "cmd/fleet.h"
#include "cmd/version.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "ha/raft/raft_coordination.h"
#include "ha/standalone.h"
#include "storage/lease_store.h"
#include "storage/node_store.h"
#include "storage/open.h"
#include "storage/process_token.h"

namespace orch::cmd {

std::string this_host() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

namespace {

/// Where verbs keep what they know when no configuration says otherwise.
std::filesystem::path default_database() {
  if (::geteuid() == 0) return "/var/lib/orch/orch.db";
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state == '/') {
    return std::filesystem::path(state) / "orch/orch.db";
  }
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home == nullptr ? "." : home) / ".local/state/orch/orch.db";
}

}  // namespace

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

namespace {

class LocalProcess final : public Process {
 public:
  LocalProcess(const Command& command, Config config, const RunOptions& options, Progress& progress)
      : command_(command), config_(std::move(config)), options_(options), progress_(progress) {}

  Result<> open_backend() {
    if (command_.needs == Needs::Nothing) return {};
    ORCH_TRY(choose_backend(config_.backend, options_));
    ORCH_ASSIGN(database_, storage::open_backend(config_.backend,
                                                 {.version = fmt::format("orch-{}", version()),
                                                  .redeploy = options_.redeploy,
                                                  .force_update = options_.force_update},
                                                 clock_));
    return {};
  }

  [[nodiscard]] const Config& config() const override { return config_; }

  [[nodiscard]] Result<std::vector<storage::Node>> serving() const override {
    if (!database_) return std::vector<storage::Node>();
    return storage::NodeStore(*database_, clock_).list_serving();
  }

  [[nodiscard]] std::vector<std::string> group_urls() const override {
    std::vector<std::string> urls;
    if (!database_) return urls;
    const auto by_address = ha::raft::urls_of_nodes(*database_);
    if (!by_address) return urls;
    for (const auto& [address, url] : *by_address)
      urls.push_back(url);
    return urls;
  }

  Result<> get_ready() override {
    storage::NodeIdentity self{.hostname = this_host()};
    // The list of processes has the one that asks for it (cli document, 7.13).
    const bool lists_itself = command_.name == "active-nodes";
    if (database_ && (command_.access == Access::Write || options_.legacy || lists_itself)) {
      ORCH_ASSIGN(self.token, storage::make_process_token());
      if (options_.register_node) {
        ORCH_TRY(storage::NodeStore(*database_, clock_)
                     .save({.identity = self,
                            .mode = "CLIMode",
                            .command = std::string(command_.name),
                            .app_version = std::string(version())}));
      }
    }
    if (command_.needs == Needs::Servers) {
      ORCH_ASSIGN(fleet_, Fleet::open(config_, *database_, clock_));
      // A service that leads on this backend must not take our work for that of an earlier leader.
      ORCH_ASSIGN(const auto holder, storage::LeaseStore(*database_).find());
      if (holder) leadership_ = ha::Standalone(holder->epoch);
    }
    services_ =
        std::make_unique<Services>(Services::Parts{.config = config_,
                                                   .clock = clock_,
                                                   .database = database_.get(),
                                                   .servers = fleet_ ? &fleet_->servers() : nullptr,
                                                   .leadership = leadership_,
                                                   .progress = progress_,
                                                   .self = std::move(self),
                                                   .colour = options_.colour});
    return {};
  }

  [[nodiscard]] Services& services() override { return *services_; }

 private:
  const Command& command_;
  Config config_;
  const RunOptions options_;
  Progress& progress_;
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

LoadedConfig read_config(const RunOptions& options, const std::string& extra_file) {
  LoadOptions load{.strict = options.strict_config};
  if (!options.config_file.empty()) load.files = {options.config_file};
  LoadedConfig loaded = load_config(load);
  if (extra_file.empty()) return loaded;
  LoadedConfig more = load_config(
      {.files = {extra_file}, .start = std::move(loaded.config), .strict = options.strict_config});
  more.problems.insert(more.problems.begin(), loaded.problems.begin(), loaded.problems.end());
  return more;
}

Result<std::unique_ptr<Process>> Process::open(const Command& command, Config config,
                                               const RunOptions& options, Progress& progress) {
  auto process = std::make_unique<LocalProcess>(command, std::move(config), options, progress);
  ORCH_TRY(process->open_backend());
  return std::unique_ptr<Process>(std::move(process));
}

}  // namespace orch::cmd
