#include "core/base/log.h"

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

constexpr std::array kLevelNames = {"DEBUG", "INFO",     "NOTICE", "WARNING",
                                    "ERROR", "CRITICAL", "FATAL"};

}  // namespace

void set_level(LogLevel level) {
  current_level.store(level, std::memory_order_relaxed);
}

LogLevel level() {
  return current_level.load(std::memory_order_relaxed);
}

void write(LogLevel level, std::string_view message) {
  if (level < log::level()) return;
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm local{};
  localtime_r(&now, &local);
  std::array<char, 32> stamp{};
  const std::size_t length = std::strftime(stamp.data(), stamp.size(), "%Y-%m-%d %H:%M:%S", &local);
  const std::string line =
      fmt::format("{} {} {}\n", std::string_view(stamp.data(), length),
                  kLevelNames.at(static_cast<std::size_t>(level)), printable(message));
  // A log that cannot be written has nowhere to complain.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace orch::log
