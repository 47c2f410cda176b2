#include "storage/columns/quoted_text.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

namespace orch::storage {

namespace {

struct Escape {
  char letter;
  char stands_for;
};
constexpr std::array<Escape, 9> kEscapes{{{'"', '"'},
                                          {'\\', '\\'},
                                          {'n', '\n'},
                                          {'t', '\t'},
                                          {'r', '\r'},
                                          {'a', '\a'},
                                          {'b', '\b'},
                                          {'f', '\f'},
                                          {'v', '\v'}}};

/// Takes one well-formed UTF-8 character of more than one byte off the front; nothing when the next
/// byte starts none.
std::optional<std::uint32_t> take_character(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text[0]);
  std::size_t length = 0;
  std::uint32_t point = 0;
  if ((first & 0xe0U) == 0xc0U) {
    length = 2;
    point = first & 0x1fU;
  } else if ((first & 0xf0U) == 0xe0U) {
    length = 3;
    point = first & 0x0fU;
  } else if ((first & 0xf8U) == 0xf0U) {
    length = 4;
    point = first & 0x07U;
  }
  if (length == 0 || text.size() < length) return std::nullopt;
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0U) != 0x80U) return std::nullopt;
    point = (point << 6U) | (next & 0x3fU);
  }
  constexpr std::array<std::uint32_t, 5> kSmallest{0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = point >= 0xd800 && point <= 0xdfff;
  if (point < kSmallest[length] || point > 0x10ffff || surrogate) return std::nullopt;
  text.remove_prefix(length);
  return point;
}

void append_utf8(std::string& text, std::uint32_t point) {
  const auto put = [&text](std::uint32_t byte) {
    text += static_cast<char>(byte);
  };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xc0U | (point >> 6U));
    put(0x80U | (point & 0x3fU));
  } else if (point < 0x10000) {
    put(0xe0U | (point >> 12U));
    put(0x80U | ((point >> 6U) & 0x3fU));
    put(0x80U | (point & 0x3fU));
  } else {
    put(0xf0U | (point >> 18U));
    put(0x80U | ((point >> 12U) & 0x3fU));
    put(0x80U | ((point >> 6U) & 0x3fU));
    put(0x80U | (point & 0x3fU));
  }
}

/// Takes the hex digits of \xNN, \uNNNN or \UNNNNNNNN; `text` starts at the letter.
bool take_number(std::string_view& text, std::string& plain) {
  const std::size_t digits = text[0] == 'x' ? 2 : text[0] == 'u' ? 4 : text[0] == 'U' ? 8 : 0;
  if (digits == 0 || text.size() < digits + 1) return false;
  std::uint32_t number = 0;
  const char* end = text.data() + 1 + digits;
  const auto [stopped, problem] = std::from_chars(text.data() + 1, end, number, 16);
  if (problem != std::errc{} || stopped != end || number > 0x10ffff) return false;
  if (digits == 2) {
    plain += static_cast<char>(number);
  } else {
    append_utf8(plain, number);
  }
  text.remove_prefix(digits + 1);
  return true;
}

bool take_letter(std::string_view& text, std::string& plain) {
  for (const Escape& escape : kEscapes) {
    if (text[0] != escape.letter) continue;
    plain += escape.stands_for;
    text.remove_prefix(1);
    return true;
  }
  return false;
}

void append_quoted(std::string& quoted, char character) {
  for (const Escape& escape : kEscapes) {
    if (character != escape.stands_for) continue;
    quoted.append({'\\', escape.letter});
    return;
  }
  const auto byte = static_cast<unsigned char>(character);
  if (byte < 0x20 || byte >= 0x7f) {
    quoted += fmt::format("\\x{:02x}", byte);
  } else {
    quoted += character;
  }
}

}  // namespace

std::string quote_text(std::string_view text) {
  if (text.empty()) return {};
  std::string quoted = "\"";
  while (!text.empty()) {
    if (const std::optional<std::uint32_t> point = take_character(text)) {
      quoted +=
          *point < 0x10000 ? fmt::format("\\u{:04x}", *point) : fmt::format("\\U{:08x}", *point);
      continue;
    }
    append_quoted(quoted, text[0]);
    text.remove_prefix(1);
  }
  return quoted + "\"";
}

std::string unquote_text(std::string_view text) {
  if (text.size() < 2 || !text.starts_with('"') || !text.ends_with('"')) return std::string(text);
  text = text.substr(1, text.size() - 2);
  std::string plain;
  while (!text.empty()) {
    const char character = text[0];
    text.remove_prefix(1);
    // An escape we do not know keeps its backslash.
    const bool escaped = character == '\\' && !text.empty() &&
                         (take_letter(text, plain) || take_number(text, plain));
    if (!escaped) plain += character;
  }
  return plain;
}

}  // namespace orch::storage
