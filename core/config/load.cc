#include "core/config/load.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "core/config/assign.h"
#include "core/config/check.h"
#include "core/config/keys.h"
#include "core/config/value.h"

namespace orch {

namespace {

// No configuration is that large; a device or a wrong file may be.
constexpr std::size_t kLargestFile = 1U << 20U;
// Looking for what was meant takes its time; a file with more unknown keys is another kind of file.
constexpr int kMostKeyGuesses = 50;

Error system_error(int number) {
  const ErrorKind kind =
      number == ENOENT || number == ENOTDIR ? ErrorKind::NotFound : ErrorKind::InvalidInput;
  return {kind, std::generic_category().message(number)};
}

/// Waits for a pipe's writer, who may have stopped for good.
bool comes_more(int file) {
  constexpr int kPatience = 10'000;  // milliseconds
  pollfd entry{.fd = file, .events = POLLIN, .revents = 0};
  return ::poll(&entry, 1, kPatience) > 0;
}

/// The file's bytes, or those of a pipe that somebody writes into. Errors: NotFound, or
/// InvalidInput; the message is the reason alone.
Result<std::string> read_file(const std::string& name) {
  // Without O_NONBLOCK a pipe without a writer would be waited for.
  const int file = ::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return fail(system_error(errno));
  std::string text;
  std::array<char, 16384> chunk{};
  ssize_t got = 0;
  do {
    got = ::read(file, chunk.data(), chunk.size());
    if (got > 0) text.append(chunk.data(), static_cast<std::size_t>(got));
  } while ((got > 0 && text.size() <= kLargestFile) || (got < 0 && errno == EINTR) ||
           (got < 0 && errno == EAGAIN && comes_more(file)));
  const int problem = errno;
  ::close(file);
  if (got < 0) return fail(system_error(problem));
  if (text.size() > kLargestFile) {
    return fail(ErrorKind::InvalidInput, fmt::format("larger than {} bytes", kLargestFile));
  }
  return text;
}

/// `text` with each byte that is not UTF-8 replaced, as orchestrator does in JSON.
std::string repaired(std::string_view text) {
  std::string whole;
  while (true) {
    const std::size_t good = valid_utf8_prefix(text);
    whole += text.substr(0, good);
    if (good == text.size()) return whole;
    whole += "\xEF\xBF\xBD";
    text.remove_prefix(good + 1);
  }
}

bool is_variable_name(std::string_view name) {
  return !name.empty() && name.size() < 100 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::size_t index_of(const ConfigKey& key) {
  return static_cast<std::size_t>(&key - config_keys().data());
}

enum class Format { Json, Yaml };

Format format_of(std::string_view text, std::string_view name) {
  const std::string lower = to_lower(name);
  if (lower.ends_with(".yaml") || lower.ends_with(".yml")) return Format::Yaml;
  if (lower.ends_with(".json")) return Format::Json;
  return trim(text).starts_with('{') ? Format::Json : Format::Yaml;
}

class Loader {
 public:
  explicit Loader(const LoadOptions& options) : options_(options) {
    loaded_.config = options.start;
    loaded_.origins.resize(config_keys().size());
  }

  /// A default file may be missing; one that is there and cannot be read is worth a warning.
  void read_default(const std::string& name) {
    Result<std::string> text = read_file(name);
    if (text) return read_text(*text, name);
    if (text.error().kind == ErrorKind::NotFound) return;
    report({.severity = Severity::Warning,
            .file = name,
            .message = text.error().message,
            .in_reading = true});
  }

  void read_named(const std::string& name) {
    Result<std::string> text = read_file(name);
    if (text) return read_text(*text, name);
    report({.file = name, .message = text.error().message, .in_reading = true});
  }

  void read_text(std::string_view text, const std::string& name) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    log::info("Read config: {}", name);
    loaded_.files.push_back(name);
    if (trim(text).empty()) {
      return report({.file = name, .message = "the file is empty", .in_reading = true});
    }
    const Format format = format_of(text, name);
    std::string whole;
    if (const std::size_t good = valid_utf8_prefix(text); good < text.size()) {
      const auto end = text.begin() + static_cast<std::ptrdiff_t>(good);
      report({.severity = format == Format::Json ? Severity::Warning : Severity::Error,
              .file = name,
              .line = static_cast<int>(std::count(text.begin(), end, '\n')) + 1,
              .message = "not UTF-8",
              .in_reading = true});
      if (format == Format::Yaml) return;
      whole = repaired(text);
      text = whole;
    }
    ParsedConfig parsed =
        format == Format::Json ? parse_json_config(text) : parse_yaml_config(text);
    if (parsed.problem) {
      parsed.problem->file = name;
      return report(*std::move(parsed.problem));
    }
    take(parsed.root, format);
    settle();
  }

  /// Rules that hold after each file, or once when there is none.
  void settle() {
    BackendSettings& backend = loaded_.config.backend;
    read_credentials("MySQLOrchestratorCredentialsConfigFile",
                     backend.mysql_orchestrator_credentials_config_file,
                     backend.mysql_orchestrator_user, backend.mysql_orchestrator_password);
    substitute("MySQLOrchestratorPassword", backend.mysql_orchestrator_password);
    ConnectionSettings& connection = loaded_.config.connection;
    read_credentials("MySQLTopologyCredentialsConfigFile",
                     connection.mysql_topology_credentials_config_file,
                     connection.mysql_topology_user, connection.mysql_topology_password);
    substitute("MySQLTopologyPassword", connection.mysql_topology_password);
    for (ConfigProblem& problem : adjust_config(loaded_.config)) {
      report_checked(std::move(problem));
    }
  }

  LoadedConfig finish() {
    if (loaded_.files.empty()) settle();
    for (ConfigProblem& problem : check_config(loaded_.config)) {
      report_checked(std::move(problem));
    }
    // A key that is missing belongs into the last file, which has the last word.
    for (ConfigProblem& problem : loaded_.problems) {
      if (problem.file.empty() && !loaded_.files.empty()) problem.file = loaded_.files.back();
    }
    return std::move(loaded_);
  }

 private:
  void report(ConfigProblem problem) { loaded_.problems.push_back(std::move(problem)); }

  /// A problem that is known by its key; told once, though each file brings it up again.
  void report_checked(ConfigProblem problem) {
    locate(problem, loaded_);
    auto& known = loaded_.problems;
    if (std::find(known.begin(), known.end(), problem) == known.end()) report(std::move(problem));
  }

  void take(const ConfigValue& root, Format format) {
    for (const ConfigValue& member : root.items) {
      const ConfigKey* key = find_config_key(member.key);
      if (key == nullptr) {
        report_unknown(member);
        continue;
      }
      ConfigOrigin& origin = loaded_.origins[index_of(*key)];
      if (origin.file == loaded_.files.size()) {
        report_repeated(*key, member, origin.line, "", format);
        if (format != Format::Json) continue;
      }
      report_repeated_entries(*key, member, format);
      origin = {loaded_.files.size(), member.line};
      if (std::optional<ConfigProblem> problem = assign(*key, member, loaded_.config)) {
        report_key(problem->severity, *key, member.line, std::move(problem->message));
      }
    }
  }

  /// In JSON the last one wins.
  void report_repeated(const ConfigKey& key, const ConfigValue& again, int line,
                       std::string_view which, Format format) {
    const bool last_wins = format == Format::Json;
    report_key(last_wins ? Severity::Warning : Severity::Error, key, again.line,
               fmt::format("{}given before, on line {}{}", printable(which), line,
                           last_wins ? "; this one counts" : ""));
  }

  void report_repeated_entries(const ConfigKey& key, const ConfigValue& value, Format format) {
    if (value.kind != ConfigValue::Kind::Object) return;
    std::map<std::string_view, int> lines;
    for (const ConfigValue& entry : value.items) {
      const auto [first, is_new] = lines.try_emplace(entry.key, entry.line);
      if (is_new) continue;
      report_repeated(key, entry, first->second, fmt::format("entry '{}' ", entry.key), format);
    }
  }

  void report_key(Severity severity, const ConfigKey& key, int line, std::string message) {
    report({.severity = severity,
            .file = loaded_.files.back(),
            .line = line,
            .key = std::string(key.name),
            .message = std::move(message),
            .in_reading = true});
  }

  void report_unknown(const ConfigValue& member) {
    ConfigProblem problem{.severity = Severity::Warning,
                          .file = loaded_.files.back(),
                          .line = member.line,
                          .key = printable(member.key.substr(0, 100)),
                          .in_reading = true};
    if (is_retired_key(member.key)) {
      problem.message = "this key is retired and ignored";
    } else {
      if (options_.strict) problem.severity = Severity::Error;
      const ConfigKey* near =
          ++guesses_ > kMostKeyGuesses ? nullptr : nearest_config_key(member.key);
      problem.message = near == nullptr ? "unknown key"
                                        : fmt::format("unknown key; did you mean {}?", near->name);
    }
    report(std::move(problem));
  }

  void read_credentials(std::string_view key, const std::string& file, std::string& user,
                        Secret& password) {
    if (file.empty()) return;
    const Result<std::string> text = read_file(file);
    Result<Credentials> credentials =
        text ? parse_credentials(*text) : Result<Credentials>(fail(text.error()));
    if (!credentials) {
      return report_checked({.key = std::string(key),
                             .message = fmt::format("Failed to parse gcfg data from file: {}: {}",
                                                    file, credentials.error().message)});
    }
    user = std::move(credentials->user);
    password = std::move(credentials->password);
  }

  void substitute(std::string_view key, Secret& password) {
    const std::optional<std::string> name = variable_in(password.reveal());
    if (!name) return;
    std::optional<std::string> value = options_.environment(*name);
    if (!value) {
      // What stands between the braces may be part of a real password.
      report_checked({.severity = Severity::Warning,
                      .key = std::string(key),
                      .message = fmt::format("the environment variable {} is not set",
                                             is_variable_name(*name) ? *name : "that it names")});
    }
    password = Secret(std::move(value).value_or(""));
  }

  const LoadOptions& options_;
  LoadedConfig loaded_;
  int guesses_{0};
};

}  // namespace

std::optional<std::string> process_environment(const std::string& name) {
  // Nothing in this program changes the environment.
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
  if (value == nullptr) return std::nullopt;
  return value;
}

void locate(ConfigProblem& problem, const LoadedConfig& loaded) {
  const ConfigKey* key = find_config_key(problem.key);
  if (key == nullptr || index_of(*key) >= loaded.origins.size()) return;
  const ConfigOrigin origin = loaded.origins[index_of(*key)];
  if (origin.file > 0) problem.file = loaded.files[origin.file - 1];
  problem.line = origin.line;
}

LoadedConfig load_config(const LoadOptions& options) {
  Loader loader(options);
  for (const std::string& file : options.files) {
    loader.read_named(file);
  }
  if (options.files.empty()) {
    for (const std::string_view file : kDefaultConfigFiles) {
      loader.read_default(std::string(file));
    }
  }
  return loader.finish();
}

LoadedConfig load_config_text(std::string_view text, const std::string& name,
                              const LoadOptions& options) {
  Loader loader(options);
  loader.read_text(text, name);
  return loader.finish();
}

}  // namespace orch
