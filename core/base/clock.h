#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace orch {

/// Wall-clock time, UTC, to the microsecond at most; what the backend stores.
using TimePoint = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;
/// Monotonic time: deadlines and durations.
using SteadyPoint = std::chrono::steady_clock::time_point;

/// Where time comes from, so that tests can set it.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual TimePoint now() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override;
};

/// "2026-01-31 10:20:30", UTC: the backend's text form (whole seconds, rounded down).
std::string format_time(TimePoint time);

/// Reads the forms that a backend may hold: `YYYY-MM-DD[ T]HH:MM[:SS[.fff]][Z|±HH:MM]`, a date
/// alone, or an integer (unix seconds; more than 12 digits: milliseconds). Nothing for any other
/// text, "" included.
std::optional<TimePoint> parse_time(std::string_view text);

}  // namespace orch
