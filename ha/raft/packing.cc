#include "ha/raft/packing.h"

#include <algorithm>
#include <bit>

namespace orch::ha::raft {

namespace {

enum class Tag : std::uint8_t { Null, Integer, Real, Text };

std::array<std::uint32_t, 256> crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc & 1U) != 0 ? crc >> 1U ^ 0xedb88320U : crc >> 1U;
    table.at(i) = crc;
  }
  return table;
}

}  // namespace

void Packer::value(const storage::SqlValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    number(static_cast<std::uint64_t>(Tag::Integer));
    number(static_cast<std::uint64_t>(*integer));
  } else if (const auto* real = std::get_if<double>(&value)) {
    number(static_cast<std::uint64_t>(Tag::Real));
    number(std::bit_cast<std::uint64_t>(*real));
  } else if (const auto* words = std::get_if<std::string>(&value)) {
    number(static_cast<std::uint64_t>(Tag::Text));
    text(*words);
  } else {
    number(static_cast<std::uint64_t>(Tag::Null));
  }
}

std::uint64_t Unpacker::number() {
  constexpr std::size_t kSize = 8;
  if (rest_.size() < kSize) {
    spoil();
    return 0;
  }
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < kSize; ++i)
    value |= std::uint64_t{static_cast<unsigned char>(rest_[i])} << (8 * i);
  rest_.remove_prefix(kSize);
  return value;
}

std::string_view Unpacker::text() {
  const std::uint64_t size = number();
  if (size > rest_.size()) {
    spoil();
    return {};
  }
  const std::string_view value = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return value;
}

storage::SqlValue Unpacker::value() {
  switch (static_cast<Tag>(std::min<std::uint64_t>(number(), UINT8_MAX))) {
    case Tag::Integer:
      return static_cast<std::int64_t>(number());
    case Tag::Real:
      return std::bit_cast<double>(number());
    case Tag::Text:
      return std::string(text());
    case Tag::Null:
      return std::monostate{};
  }
  spoil();
  return std::monostate{};
}

std::size_t Unpacker::count() {
  const std::uint64_t count = number();
  if (count > rest_.size() / 8) {
    spoil();
    return 0;
  }
  return count;
}

std::uint32_t crc32_of(std::string_view bytes) {
  static const std::array<std::uint32_t, 256> table = crc_table();
  std::uint32_t crc = 0xffffffffU;
  for (const char c : bytes)
    crc = table.at((crc ^ static_cast<unsigned char>(c)) & 0xffU) ^ crc >> 8U;
  return ~crc;
}

}  // namespace orch::ha::raft
