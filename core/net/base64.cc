#include "core/net/base64.h"

#include <cstdint>

namespace orch {

namespace {

constexpr std::string_view kLetters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string base64_encoded(std::string_view bytes) {
  std::string encoded;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : bytes) {
    bits = bits << 8U | static_cast<unsigned char>(c);
    for (count += 8; count >= 6;) {
      count -= 6;
      encoded += kLetters[bits >> count & 0x3fU];
    }
  }
  if (count > 0) encoded += kLetters[bits << (6 - count) & 0x3fU];
  while (encoded.size() % 4 != 0)
    encoded += '=';
  return encoded;
}

std::optional<std::string> base64_decoded(std::string_view text) {
  while (text.ends_with('='))
    text.remove_suffix(1);
  std::string decoded;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::size_t value = kLetters.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6U | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    decoded += static_cast<char>(bits >> count & 0xffU);
  }
  return decoded;
}

}  // namespace orch
