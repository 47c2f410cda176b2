#include "core/config/named_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/base/certificate.h"
#include "core/base/text.h"
#include "core/config/check.h"

namespace orch {

namespace {

namespace fs = std::filesystem;

std::string reason_of(int number) {
  return std::generic_category().message(number);
}

/// The beginning of a regular file; nothing, and why, when it cannot be read.
std::optional<std::string> read_beginning(const std::string& name, std::string& why) {
  // Without O_NONBLOCK a pipe that nobody writes into would be waited for.
  const int file = ::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) {
    why = reason_of(errno);
    return std::nullopt;
  }
  std::optional<std::string> text;
  struct stat status {};
  if (::fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    why = "not a regular file";
  } else {
    std::array<char, 65536> chunk{};
    const ssize_t got = ::read(file, chunk.data(), chunk.size());
    if (got < 0) {
      why = reason_of(errno);
    } else {
      text.emplace(chunk.data(), static_cast<std::size_t>(got));
    }
  }
  ::close(file);
  return text;
}

bool others_may_read(const std::string& name) {
  struct stat status {};
  return ::stat(name.c_str(), &status) == 0 && (status.st_mode & S_IROTH) != 0;
}

class FileChecker {
 public:
  void report(Severity severity, std::string_view key, std::string message) {
    problems_.push_back(
        {.severity = severity, .key = std::string(key), .message = std::move(message)});
  }

  void pem(std::string_view key, const std::string& name, bool used) {
    if (name.empty()) return;
    const Severity severity = used ? Severity::Error : Severity::Warning;
    std::string unread;
    const std::optional<std::string> text = read_beginning(name, unread);
    if (!text) {
      report(severity, key, fmt::format("cannot read {}: {}", printable(name), unread));
    } else if (text->find("-----BEGIN ") == std::string::npos) {
      report(severity, key, fmt::format("{} holds nothing in PEM form", printable(name)));
    } else if (const std::string why = why_not_valid_today(*text); used && !why.empty()) {
      report(Severity::Warning, key,
             fmt::format("the certificate in {} {}; renew it", printable(name), why));
    }
  }

  void private_key(std::string_view key, const std::string& name, bool used) {
    pem(key, name, used);
    secret_file(key, name);
  }

  void secret_file(std::string_view key, const std::string& name) {
    if (name.empty() || !others_may_read(name)) return;
    report(Severity::Warning, key,
           fmt::format("every user of this machine may read {}; chmod o-r it", printable(name)));
  }

  void required(std::string_view key, const std::string& name, std::string_view by) {
    if (name.empty()) report(Severity::Error, key, fmt::format("{} needs this file", by));
  }

  /// A file to be written, there or not yet; its folder must be there.
  void written_file(std::string_view key, const std::string& name) {
    if (name.empty()) return;
    std::error_code ignored;
    const fs::path path(name);
    const fs::file_status status = fs::status(path, ignored);
    if (fs::exists(status)) {
      if (!fs::is_regular_file(status)) {
        report(Severity::Error, key, fmt::format("{} is not a regular file", printable(name)));
      } else if (::access(name.c_str(), R_OK | W_OK) != 0) {
        report(Severity::Error, key,
               fmt::format("cannot write {}: {}", printable(name), reason_of(errno)));
      }
      return;
    }
    folder(key, path.has_parent_path() ? path.parent_path().string() : ".");
  }

  /// The first word of a command line.
  void program(std::string_view key, std::string_view command) {
    const std::vector<std::string> parts = words(command);
    if (parts.empty() || is_program(parts.front())) return;
    report(Severity::Error, key, fmt::format("there is no program {}", printable(parts.front())));
  }

  void folder(std::string_view key, const std::string& name) {
    std::error_code ignored;
    if (!fs::is_directory(name, ignored)) {
      report(Severity::Error, key,
             fmt::format("there is no folder {}; create it", printable(name)));
    } else if (::access(name.c_str(), W_OK | X_OK) != 0) {
      report(Severity::Error, key,
             fmt::format("cannot write into the folder {}: {}", printable(name), reason_of(errno)));
    }
  }

  std::vector<ConfigProblem> finish() { return std::move(problems_); }

 private:
  std::vector<ConfigProblem> problems_;
};

/// A file on the disk, as opposed to a database in memory or a URI with options of SQLite's.
bool is_plain_path(std::string_view name) {
  return !name.empty() && name != ":memory:" && !name.starts_with("file:");
}

void check_servers(const Config& config, FileChecker& checker) {
  const ConnectionSettings& topology = config.connection;
  const bool used = topology.mysql_topology_use_mutual_tls || topology.mysql_topology_use_mixed_tls;
  checker.private_key("MySQLTopologySSLPrivateKeyFile",
                      topology.mysql_topology_ssl_private_key_file, used);
  checker.pem("MySQLTopologySSLCertFile", topology.mysql_topology_ssl_cert_file, used);
  checker.pem("MySQLTopologySSLCAFile", topology.mysql_topology_ssl_ca_file, used);
  checker.secret_file("MySQLTopologyCredentialsConfigFile",
                      topology.mysql_topology_credentials_config_file);
}

void check_backend(const Config& config, FileChecker& checker) {
  const BackendSettings& backend = config.backend;
  if (is_sqlite(backend)) {
    if (is_plain_path(backend.sqlite3_data_file)) {
      checker.written_file("SQLite3DataFile", backend.sqlite3_data_file);
    }
    return;
  }
  const bool used = backend.mysql_orchestrator_use_mutual_tls;
  checker.private_key("MySQLOrchestratorSSLPrivateKeyFile",
                      backend.mysql_orchestrator_ssl_private_key_file, used);
  checker.pem("MySQLOrchestratorSSLCertFile", backend.mysql_orchestrator_ssl_cert_file, used);
  checker.pem("MySQLOrchestratorSSLCAFile", backend.mysql_orchestrator_ssl_ca_file, used);
  checker.secret_file("MySQLOrchestratorCredentialsConfigFile",
                      backend.mysql_orchestrator_credentials_config_file);
}

void check_service(const Config& config, FileChecker& checker) {
  const HttpSettings& http = config.http;
  if (http.use_ssl) {
    checker.required("SSLPrivateKeyFile", http.ssl_private_key_file, "UseSSL");
    checker.required("SSLCertFile", http.ssl_cert_file, "UseSSL");
  }
  checker.private_key("SSLPrivateKeyFile", http.ssl_private_key_file, http.use_ssl);
  checker.pem("SSLCertFile", http.ssl_cert_file, http.use_ssl);
  checker.pem("SSLCAFile", http.ssl_ca_file, http.use_ssl && http.use_mutual_tls);
  const AgentSettings& agent = config.agent;
  const bool agents = agent.serve_agents_http && agent.agents_use_ssl;
  checker.private_key("AgentSSLPrivateKeyFile", agent.agent_ssl_private_key_file, agents);
  checker.pem("AgentSSLCertFile", agent.agent_ssl_cert_file, agents);
  checker.pem("AgentSSLCAFile", agent.agent_ssl_ca_file, agents && agent.agents_use_mutual_tls);
}

}  // namespace

bool is_program(std::string_view word) {
  const auto runs = [](const fs::path& file) {
    std::error_code problem;
    return fs::is_regular_file(file, problem) && ::access(file.c_str(), X_OK) == 0;
  };
  if (word.find('/') != std::string_view::npos) return runs(word);
  // Nothing in this program changes the environment.
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe)
  const std::string places = path == nullptr ? "/usr/bin:/bin" : path;
  const auto folders = split(places, ':');
  return std::any_of(folders.begin(), folders.end(), [&](std::string_view folder) {
    return runs(fs::path(folder.empty() ? "." : folder) / word);
  });
}

std::vector<ConfigProblem> check_named_files(const Config& config) {
  FileChecker checker;
  check_servers(config, checker);
  check_backend(config, checker);
  check_service(config, checker);
  // Without hooks the default may be missing.
  const std::string& shell = config.recovery.processes_shell_command;
  if (shell != RecoverySettings{}.processes_shell_command) {
    checker.program("ProcessesShellCommand", shell);
  }
  checker.written_file("AuditLogFile", config.general.audit_log_file);
  const RaftSettings& raft = config.raft;
  if (raft.raft_enabled && !raft.raft_data_dir.empty()) {
    // The folder itself is made when it is missing.
    const fs::path folder = fs::path(raft.raft_data_dir).lexically_normal();
    std::error_code ignored;
    const bool there = fs::exists(folder, ignored) || !folder.has_parent_path();
    checker.folder("RaftDataDir", there ? raft.raft_data_dir : folder.parent_path().string());
  }
  checker.private_key("RaftSSLPrivateKeyFile", raft.raft_ssl_private_key_file, raft.raft_enabled);
  checker.pem("RaftSSLCertFile", raft.raft_ssl_cert_file, raft.raft_enabled);
  checker.pem("RaftSSLCAFile", raft.raft_ssl_ca_file, raft.raft_enabled);
  return checker.finish();
}

}  // namespace orch
