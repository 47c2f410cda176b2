#include "core/model/binlog_coordinates.h"

#include <algorithm>
#include <limits>

#include "core/base/text.h"

namespace orch {

namespace {

/// A log's name: what is before the numeric suffix, and the suffix, "" where there is none.
struct LogName {
  std::string_view base{};
  std::string_view digits{};
};

LogName split_name(std::string_view log_file) {
  const std::size_t dot = log_file.rfind('.');
  if (dot == std::string_view::npos) return {log_file, {}};
  const std::string_view digits = log_file.substr(dot + 1);
  if (digits.empty() || !std::all_of(digits.begin(), digits.end(), is_digit)) {
    return {log_file, {}};
  }
  return {log_file.substr(0, dot), digits};
}

/// Compares numbers of any length; no number comes before every number.
std::strong_ordering compare_digits(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return a.size() <=> b.size();
  a.remove_prefix(std::min(a.find_first_not_of('0'), a.size()));
  b.remove_prefix(std::min(b.find_first_not_of('0'), b.size()));
  if (a.size() != b.size()) return a.size() <=> b.size();
  return a.compare(b) <=> 0;
}

}  // namespace

std::string to_string(const BinlogCoordinates& coordinates) {
  return coordinates.log_file + ':' + std::to_string(coordinates.log_pos);
}

std::optional<BinlogCoordinates> parse_binlog_coordinates(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  const auto position = parse_int(text.substr(colon + 1));
  if (!position || *position < 0) return std::nullopt;
  return BinlogCoordinates{.log_file = std::string(text.substr(0, colon)), .log_pos = *position};
}

std::weak_ordering compare(const BinlogCoordinates& a, const BinlogCoordinates& b) {
  const LogName name_a = split_name(a.log_file);
  const LogName name_b = split_name(b.log_file);
  if (const auto by_base = name_a.base.compare(name_b.base); by_base != 0) return by_base <=> 0;
  const auto by_number = compare_digits(name_a.digits, name_b.digits);
  if (by_number != std::strong_ordering::equal) return by_number;
  return a.log_pos <=> b.log_pos;
}

bool is_before(const BinlogCoordinates& a, const BinlogCoordinates& b) {
  return compare(a, b) == std::weak_ordering::less;
}

std::optional<BinlogCoordinates> next_log(const BinlogCoordinates& coordinates) {
  const auto number = log_number(coordinates.log_file);
  if (!number || *number == std::numeric_limits<std::uint64_t>::max()) return std::nullopt;
  const LogName name = split_name(coordinates.log_file);
  std::string digits = std::to_string(*number + 1);
  if (digits.size() < name.digits.size()) digits.insert(0, name.digits.size() - digits.size(), '0');
  return BinlogCoordinates{
      .log_file = std::string(name.base) + '.' + digits, .log_pos = 4, .type = coordinates.type};
}

std::optional<std::uint64_t> log_number(std::string_view log_file) {
  return parse_uint(split_name(log_file).digits);
}

std::string_view log_base(std::string_view log_file) {
  const LogName name = split_name(log_file);
  return name.digits.empty() ? std::string_view() : name.base;
}

bool is_detached_log_file(std::string_view log_file) {
  const std::size_t mark = log_file.find("//");
  if (mark == std::string_view::npos) return false;
  const std::string_view rest = log_file.substr(mark + 2);
  const std::size_t colon = rest.find(':');
  return colon != std::string_view::npos && colon > 0 && colon + 1 < rest.size() &&
         is_digit(rest[colon + 1]);
}

}  // namespace orch
