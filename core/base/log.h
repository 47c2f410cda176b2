#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

namespace orch {

/// Levels as orchestrator names them on its command line, mildest first.
enum class LogLevel { Debug, Info, Notice, Warning, Error, Critical, Fatal };

namespace log {

/// Lines below `level` are dropped. Starts as Error.
void set_level(LogLevel level);
[[nodiscard]] LogLevel level();

/// Where lines go from now on, and how they look. Called again with the same file after a rotation,
/// it opens that anew.
struct Output {
  std::string file{};  ///< appended to; "": stderr
  bool json{false};    ///< {"time":...,"level":...,"message":...}
  bool syslog{false};  ///< there, too, from INFO on
};
/// False when the file cannot be opened (errno tells why): nothing has changed then.
bool set_output(const Output& output);

/// Writes `YYYY-MM-DD HH:MM:SS LEVEL message` (local time) as one write. Thread-safe.
void write(LogLevel level, std::string_view message);

template <typename... Args>
void debug(fmt::format_string<Args...> text, Args&&... args) {
  if (level() <= LogLevel::Debug) {
    write(LogLevel::Debug, fmt::format(text, std::forward<Args>(args)...));
  }
}
template <typename... Args>
void info(fmt::format_string<Args...> text, Args&&... args) {
  if (level() <= LogLevel::Info) {
    write(LogLevel::Info, fmt::format(text, std::forward<Args>(args)...));
  }
}
template <typename... Args>
void warning(fmt::format_string<Args...> text, Args&&... args) {
  if (level() <= LogLevel::Warning) {
    write(LogLevel::Warning, fmt::format(text, std::forward<Args>(args)...));
  }
}
template <typename... Args>
void error(fmt::format_string<Args...> text, Args&&... args) {
  if (level() <= LogLevel::Error) {
    write(LogLevel::Error, fmt::format(text, std::forward<Args>(args)...));
  }
}

}  // namespace log
}  // namespace orch
