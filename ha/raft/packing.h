#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "storage/database.h"

namespace orch::ha::raft {

/// Numbers and texts one after the other, the same on every machine.
class Packer {
 public:
  void number(std::uint64_t value) {
    for (unsigned shift = 0; shift < 64; shift += 8)
      packed_ += static_cast<char>(value >> shift & 0xffU);
  }
  void text(std::string_view value) {
    number(value.size());
    packed_ += value;
  }
  void value(const storage::SqlValue& value);
  [[nodiscard]] std::string take() { return std::move(packed_); }

 private:
  std::string packed_;
};

/// Reads what a Packer has written; from anywhere, so that nothing is believed. After the first
/// thing that does not fit all that is read is empty.
class Unpacker {
 public:
  explicit Unpacker(std::string_view packed) : rest_(packed) {}

  std::uint64_t number();
  std::string_view text();
  storage::SqlValue value();
  /// A number of things that follow, each of which takes eight bytes at least.
  std::size_t count();
  [[nodiscard]] bool damaged() const { return damaged_; }
  /// All was read, and all of it was right.
  [[nodiscard]] bool at_end() const { return !damaged_ && rest_.empty(); }

 private:
  void spoil() {
    damaged_ = true;
    rest_ = {};
  }

  std::string_view rest_;
  bool damaged_{false};
};

/// The checksum of gzip and Ethernet.
std::uint32_t crc32_of(std::string_view bytes);

}  // namespace orch::ha::raft
