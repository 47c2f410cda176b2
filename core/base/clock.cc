#include "core/base/clock.h"

#include <array>
#include <cstdio>
#include <ctime>

#include "core/base/text.h"

namespace orch {

namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

/// Takes `digits` digits off the front of `text`, which must lie within [low, high].
std::optional<int> take_number(std::string_view& text, std::size_t digits, int low, int high) {
  if (text.size() < digits) return std::nullopt;
  const std::optional<std::uint64_t> number = parse_uint(text.substr(0, digits));
  if (!number || static_cast<int>(*number) < low || static_cast<int>(*number) > high) {
    return std::nullopt;
  }
  text.remove_prefix(digits);
  return static_cast<int>(*number);
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

/// The fraction after the point, in microseconds; further digits are dropped.
std::optional<microseconds> take_fraction(std::string_view& text) {
  std::size_t digits = 0;
  std::int64_t value = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
    if (digits < 6) value = value * 10 + (text[digits] - '0');
    ++digits;
  }
  if (digits == 0) return std::nullopt;
  for (std::size_t i = digits; i < 6; ++i)
    value *= 10;
  text.remove_prefix(digits);
  return microseconds(value);
}

/// "Z", "+HH:MM", "-HH:MM" or nothing at all.
std::optional<seconds> take_zone(std::string_view& text) {
  if (text.empty() || take(text, "Z")) return seconds(0);
  const int sign = text[0] == '-' ? -1 : 1;
  if (!take(text, "+-")) return std::nullopt;
  const std::optional<int> hours = take_number(text, 2, 0, 14);
  if (!hours || !take(text, ":")) return std::nullopt;
  const std::optional<int> minutes = take_number(text, 2, 0, 59);
  if (!minutes) return std::nullopt;
  return seconds(sign * (*hours * 3600 + *minutes * 60));
}

std::optional<TimePoint> take_time_of_day(std::string_view text, TimePoint midnight) {
  const std::optional<int> hour = take_number(text, 2, 0, 23);
  if (!hour || !take(text, ":")) return std::nullopt;
  const std::optional<int> minute = take_number(text, 2, 0, 59);
  if (!minute) return std::nullopt;
  TimePoint time = midnight + std::chrono::hours(*hour) + std::chrono::minutes(*minute);
  if (take(text, ":")) {
    const std::optional<int> second = take_number(text, 2, 0, 60);
    if (!second) return std::nullopt;
    time += seconds(*second);
    if (take(text, ".")) {
      const std::optional<microseconds> fraction = take_fraction(text);
      if (!fraction) return std::nullopt;
      time += *fraction;
    }
  }
  const std::optional<seconds> zone = take_zone(text);
  if (!zone || !text.empty()) return std::nullopt;
  return time - *zone;
}

}  // namespace

TimePoint SystemClock::now() const {
  return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
}

std::string format_time(TimePoint time) {
  const std::time_t whole = std::chrono::floor<seconds>(time).time_since_epoch().count();
  std::tm utc{};
  gmtime_r(&whole, &utc);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &utc);
  return {text.data(), length};
}

std::optional<TimePoint> parse_time(std::string_view text) {
  text = trim(text);
  if (const std::optional<std::int64_t> unix_time = parse_int(text)) {
    constexpr std::int64_t kFarthestSeconds = 253'402'300'799;  // the end of the year 9999
    if (text.size() > 15 || *unix_time < 0) return std::nullopt;
    if (text.size() > 12) return TimePoint(std::chrono::milliseconds(*unix_time));
    if (*unix_time > kFarthestSeconds) return std::nullopt;
    return TimePoint(seconds(*unix_time));
  }
  const std::optional<int> year = take_number(text, 4, 0, 9999);
  if (!year || !take(text, "-")) return std::nullopt;
  const std::optional<int> month = take_number(text, 2, 1, 12);
  if (!month || !take(text, "-")) return std::nullopt;
  const std::optional<int> day = take_number(text, 2, 1, 31);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  const TimePoint midnight{std::chrono::sys_days(date)};
  if (text.empty()) return midnight;
  if (!take(text, " T")) return std::nullopt;
  return take_time_of_day(text, midnight);
}

}  // namespace orch
