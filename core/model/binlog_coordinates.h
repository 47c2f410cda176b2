#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace orch {

enum class BinlogType { Binary = 0, Relay = 1 };

/// A place in a binary or relay log.
struct BinlogCoordinates {
  std::string log_file{};
  std::int64_t log_pos{0};
  BinlogType type{BinlogType::Binary};

  [[nodiscard]] bool empty() const { return log_file.empty(); }
  friend bool operator==(const BinlogCoordinates&, const BinlogCoordinates&) = default;
};

/// "file:pos".
std::string to_string(const BinlogCoordinates& coordinates);

/// Reads "file:pos"; nothing when there is no decimal position.
std::optional<BinlogCoordinates> parse_binlog_coordinates(std::string_view text);

/// File first (base name, then the numeric suffix as a number: DISC-10), then position; the type
/// is not looked at. Logs with different base names are in no order that says which is later.
std::weak_ordering compare(const BinlogCoordinates& a, const BinlogCoordinates& b);
bool is_before(const BinlogCoordinates& a, const BinlogCoordinates& b);

/// The log after this one: "bin.000009" -> "bin.000010", position 4. Nothing without a numeric
/// suffix.
std::optional<BinlogCoordinates> next_log(const BinlogCoordinates& coordinates);

/// The number in a log's name: 9 for "bin.000009".
std::optional<std::uint64_t> log_number(std::string_view log_file);

/// A log's name without the number: "bin" for "bin.000009", "" where there is none ("unknown").
std::string_view log_base(std::string_view log_file);

/// The legacy way to detach a replica, "//file:pos" in the place of a log file name.
bool is_detached_log_file(std::string_view log_file);

}  // namespace orch
