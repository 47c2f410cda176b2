#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace orch {

/// `text` without blanks, tabs and line ends at both ends.
std::string_view trim(std::string_view text);

/// The pieces of `text` between separators, empty ones included; "" gives one empty piece.
std::vector<std::string_view> split(std::string_view text, char separator);

/// The non-empty pieces between runs of any character of `separators`.
std::vector<std::string> words(std::string_view text, std::string_view separators = " \t\r\n");

std::string join(const std::vector<std::string>& pieces, std::string_view separator);

[[nodiscard]] constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// ASCII letters only.
std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b);
bool contains_ignoring_case(std::string_view text, std::string_view part);

/// `text` with every `from` replaced by `to`.
std::string replace_all(std::string_view text, std::string_view from, std::string_view to);

/// A whole decimal number and nothing else; nothing when it is no number or does not fit.
std::optional<std::int64_t> parse_int(std::string_view text);
std::optional<std::uint64_t> parse_uint(std::string_view text);

/// How many edits (insert, delete, change one character) lie between two words.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// How many leading bytes of `text` are valid UTF-8: all of them, or those before the first bad
/// one.
std::size_t valid_utf8_prefix(std::string_view text);

/// `text` with bytes that are not valid UTF-8 replaced by U+FFFD and control characters (but for
/// line feed and tab) by '?': what may be shown on a terminal or put into JSON.
std::string printable(std::string_view text);

/// What names something: printable, on a line of its own.
std::string as_line(std::string_view text);

/// `text` in double quotes for a message about it: printable, on one line, and cut after `limit`
/// bytes.
std::string quoted_excerpt(std::string_view text, std::size_t limit = 40);

}  // namespace orch
