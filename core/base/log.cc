#include "core/base/log.h"

#include <fcntl.h>
#include <syslog.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <ctime>

#include "core/base/text.h"

namespace orch::log {

namespace {

// The one piece of process-wide state: every thread logs to the same stderr.
std::atomic<LogLevel> current_level{
    LogLevel::Error};  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

// NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables)
std::atomic<int> current_file{STDERR_FILENO};
std::atomic<bool> as_json{false};
std::atomic<bool> to_syslog{false};
// NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables)

std::string json_escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '"' || c == '\\') escaped += '\\';
    if (c == '\n') {
      escaped += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      escaped += ' ';
    } else {
      escaped += c;
    }
  }
  return escaped;
}

int syslog_priority(LogLevel level) {
  switch (level) {
    case LogLevel::Debug:
      return LOG_DEBUG;
    case LogLevel::Info:
      return LOG_INFO;
    case LogLevel::Notice:
      return LOG_NOTICE;
    case LogLevel::Warning:
      return LOG_WARNING;
    case LogLevel::Error:
      return LOG_ERR;
    case LogLevel::Critical:
    case LogLevel::Fatal:
      return LOG_CRIT;
  }
  return LOG_INFO;
}

constexpr std::array kLevelNames = {"DEBUG", "INFO",     "NOTICE", "WARNING",
                                    "ERROR", "CRITICAL", "FATAL"};

}  // namespace

void set_level(LogLevel level) {
  current_level.store(level, std::memory_order_relaxed);
}

LogLevel level() {
  return current_level.load(std::memory_order_relaxed);
}

bool set_output(const Output& output) {
  int file = STDERR_FILENO;
  if (!output.file.empty()) {
    file = ::open(output.file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (file < 0) return false;
  }
  const int former = current_file;
  if (file == STDERR_FILENO || former == STDERR_FILENO) {
    current_file = file;
  } else {
    // Another thread may be writing: its number must name a log all the time.
    ::dup3(file, former, O_CLOEXEC);
    ::close(file);
  }
  as_json = output.json;
  if (output.syslog) ::openlog("orchestrator", LOG_PID, LOG_DAEMON);
  to_syslog = output.syslog;
  return true;
}

void write(LogLevel level, std::string_view message) {
  if (level < log::level()) return;
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm local{};
  localtime_r(&now, &local);
  std::array<char, 32> stamp{};
  const std::size_t length = std::strftime(stamp.data(), stamp.size(), "%Y-%m-%d %H:%M:%S", &local);
  const std::string_view time(stamp.data(), length);
  const std::string_view name = kLevelNames.at(static_cast<std::size_t>(level));
  const std::string text = printable(message);
  const std::string line =
      as_json ? fmt::format("{{\"time\":\"{}\",\"level\":\"{}\",\"message\":\"{}\"}}\n", time, name,
                            json_escaped(text))
              : fmt::format("{} {} {}\n", time, name, text);
  if (to_syslog && level >= LogLevel::Info) ::syslog(syslog_priority(level), "%s", text.c_str());
  // A log that cannot be written has nowhere to complain.
  [[maybe_unused]] const ssize_t written = ::write(current_file, line.data(), line.size());
}

}  // namespace orch::log
